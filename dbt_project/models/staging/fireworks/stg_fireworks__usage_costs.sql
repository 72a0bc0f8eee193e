select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    dimensions_model as model_name,
    coalesce(is_remainder, false) as is_remainder,

    ---------- amounts
    subtotal_units as amount_units,
    subtotal_nanos as amount_nanos,
    upper(subtotal_currency_code) as billing_currency,
    case when upper(subtotal_currency_code) = 'USD' then {{ money_from_units_and_nanos('subtotal_units', 'subtotal_nanos') }} end as amount_usd,

    ---------- times
    observed_at
from ({{ current_rows('fireworks', 'usage_costs') }}) as costs
