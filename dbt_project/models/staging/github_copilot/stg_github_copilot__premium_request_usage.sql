select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    product,
    sku,
    replace(trim(model), ' ', '-') as model_name,
    {{ github_unit('unit_type') }} as unit,

    ---------- amounts
    {{ money_from_text('net_amount') }} as amount_usd,
    {{ money_from_text('gross_amount') }} as list_cost_usd,
    {{ money_from_text('discount_amount') }} as discount_usd,
    gross_quantity as gross_quantity_value,
    net_quantity as net_quantity_value,

    ---------- times
    observed_at
from ({{ current_rows('github_copilot', 'premium_request_usage') }}) as premium_request_usage
