select
    ---------- ids
    row_id as charge_id,
    connection_id,
    contract_number,
    account_name,

    ---------- what was billed
    day as charge_date,
    upper(service_type) as service_type,
    usage_type,
    rating_type,
    balance_source,
    case
        when lower(is_adjustment) = 'true' then 'adjustment'
        when lower(billing_type) in ('rebate', 'support_credit') then 'credit'
        when coalesce(lower(billing_type), 'consumption') = 'consumption' then 'usage'
        else 'fee'
    end as charge_category,

    ---------- amounts
    usage as usage_value,
    usage_in_currency as amount_value,
    upper(currency) as billing_currency,
    {{ snowflake_is_billed('usage_in_currency', 'currency', 'balance_source') }} as is_billed,
    case
        when {{ snowflake_is_billed('usage_in_currency', 'currency', 'balance_source') }} then {{ money_from_text('usage_in_currency') }}
    end as amount_usd,

    ---------- times
    observed_at
from ({{ current_rows('snowflake', 'usage_in_currency') }}) as usage_in_currency
