{% set model_label = '"key": ?"goog-generativelanguage-model", ?"value": ?"([^"]*)"' %}

select
    ---------- ids
    row_id as charge_id,
    connection_id,
    project_id,

    ---------- what was billed
    day as charge_date,
    case
        when is_credit then 'credit'
        when cost_type = 'regular' then 'usage'
        when cost_type = 'tax' then 'tax'
        else 'adjustment'
    end as charge_category,
    service_description,
    sku_description,
    credit_type,
    coalesce(credit_full_name, credit_name) as credit_name,
    seller_name,
    invoice_month,
    nullif({{ first_match("coalesce(labels, '') || coalesce(system_labels, '')", model_label, 1) }}, '') as model_label,
    labels,
    project_labels,
    location_region as region,
    resource_name,

    ---------- amounts
    amount as amount_value,
    {{ money_in_usd('amount', 'currency', 'currency_conversion_rate') }} as amount_usd,
    upper(currency) as billing_currency,
    currency_conversion_rate as currency_conversion_rate_value,
    usage_amount as usage_value,
    usage_unit,
    usage_amount_in_pricing_units as pricing_value,
    usage_pricing_unit as pricing_unit,

    ---------- times
    export_time as exported_at_value,
    observed_at
from ({{ current_rows('google', 'costs') }}) as costs
