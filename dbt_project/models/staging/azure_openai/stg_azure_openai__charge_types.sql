select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    meter,
    charge_type,
    case
        when lower(charge_type) in ('usage', 'purchase', 'tax', 'credit') then lower(charge_type)
        else 'adjustment'
    end as charge_category,

    ---------- amounts
    coalesce(cost_usd, cost) as amount_value,
    {{ money_from_text('coalesce(cost_usd, cost)') }} as amount_usd,
    case when cost_usd is not null then 'USD' else upper(currency) end as billing_currency,

    ---------- times
    observed_at
from ({{ current_rows('azure_openai', 'charge_types') }}) as charge_types
