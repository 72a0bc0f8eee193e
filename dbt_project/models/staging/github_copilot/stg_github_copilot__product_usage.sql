select
    ---------- ids
    row_id as charge_id,
    connection_id,
    organization_name,
    repository_name,

    ---------- what was billed
    day as charge_date,
    product,
    sku,
    {{ github_unit('unit_type') }} as unit,
    {{ github_is_seat('unit_type') }} as is_seat,

    ---------- amounts
    {{ money_from_text('net_amount') }} as amount_usd,
    {{ money_from_text('gross_amount') }} as list_cost_usd,
    {{ money_from_text('discount_amount') }} as discount_usd,
    quantity as quantity_value,

    ---------- times
    observed_at
from ({{ current_rows('github_copilot', 'product_usage') }}) as product_usage
