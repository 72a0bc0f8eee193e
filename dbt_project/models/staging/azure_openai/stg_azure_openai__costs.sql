select
    ---------- ids
    row_id as charge_id,
    connection_id,
    lower(resource_id) as resource_id,
    {{ azure_account_name('resource_id') }} as account_name,
    lower(subscription_id) as subscription_id,

    ---------- what was billed
    day as charge_date,
    meter,

    ---------- amounts
    coalesce(cost_usd, cost) as amount_value,
    {{ money_from_text('coalesce(cost_usd, cost)') }} as amount_usd,
    case when cost_usd is not null then 'USD' else upper(currency) end as billing_currency,
    usage_quantity as quantity_value,

    ---------- times
    observed_at
from ({{ current_rows('azure_openai', 'costs') }}) as costs
