select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    model as model_name,
    product_type,
    fiat_charge_type as charge_type,
    {# models of this family speak text; what others count is not documented #}
    case when lower(model) like 'eleven!_%' escape '!' then 'characters' else 'unmapped' end as token_type,

    ---------- amounts
    total_cost as amount_value,
    upper(fiat_currency) as billing_currency,
    case when upper(fiat_currency) = 'USD' then {{ money_from_text('total_cost') }} end as amount_usd,
    {{ dbt.safe_cast('total_charge_count', type_quantity()) }} as charge_count,

    ---------- times
    observed_at
from ({{ current_rows('elevenlabs', 'usage') }}) as usage_rows
