{% set metered = ['ai_credit_usage', 'premium_request_usage'] %}

with lines as (

    {% for report in metered %}
    select
        charge_id, connection_id, charge_date, 'usage' as charge_category, sku, model_name, unit, amount_usd,
        gross_quantity_value as quantity_value, cast(null as {{ dbt.type_string() }}) as organization_name, observed_at
    from {{ ref('stg_github_copilot__' ~ report) }}
    union all
    {% endfor %}
    select
        charge_id, connection_id, charge_date, 'purchase', sku, null, unit, amount_usd,
        quantity_value, organization_name, observed_at
    from {{ ref('stg_github_copilot__product_usage') }}
    where is_seat

)

{# Quantities are what was used, included units too: a line's price per unit is what remained to pay for one. #}
select
    lines.charge_id,
    lines.connection_id,
    'github_copilot' as provider,
    lines.charge_date,
    lines.charge_category,
    'GitHub Copilot' as service_name,
    lines.sku,
    {{ canonical_model('lines.model_name') }} as model,
    coalesce(types.token_type, 'unmapped') as token_type,
    'standard' as tier,
    lines.organization_name as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    case when types.token_type is not null then {{ dbt.safe_cast('lines.quantity_value', type_quantity()) }} end as quantity,
    types.token_type as quantity_unit,
    lines.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    lines.observed_at
from lines
left join {{ ref('billed_token_types') }} as types
    on types.provider = 'github_copilot' and types.matched_on = 'unit' and types.name = lines.unit
{{ join_model_aliases("'github_copilot'", 'lines.model_name') }}
