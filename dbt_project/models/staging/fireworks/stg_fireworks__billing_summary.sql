select
    row_id as line_id,
    connection_id,
    day as charge_date,
    category,
    series,
    grouping_key,
    grouping_value,
    {{ dbt.safe_cast('quantity', type_quantity()) }} as quantity,
    upper(total_cost_currency_code) as billing_currency,
    case
        when upper(total_cost_currency_code) = 'USD' then {{ money_from_units_and_nanos('total_cost_units', 'total_cost_nanos') }}
    end as amount_usd,
    observed_at
from ({{ current_rows('fireworks', 'billing_summary') }}) as summary
