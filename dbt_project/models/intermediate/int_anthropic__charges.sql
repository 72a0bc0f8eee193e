select
    charges.charge_id,
    charges.connection_id,
    'anthropic' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Claude API' as service_name,
    charges.description as sku,
    {{ canonical_model('charges.model_name') }} as model,
    charges.token_type,
    charges.tier,
    charges.workspace_id as provider_project,
    charges.api_key_id as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency,
    charges.observed_at
from {{ ref('stg_anthropic__cost_report') }} as charges
{{ join_model_aliases("'anthropic'", 'charges.model_name') }}
