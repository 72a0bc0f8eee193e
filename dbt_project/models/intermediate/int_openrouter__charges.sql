select
    charges.charge_id,
    charges.connection_id,
    'openrouter' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'OpenRouter' as service_name,
    {{ dbt.concat(["'openrouter/'", 'charges.model_permaslug', "'/'", 'charges.endpoint_id']) }} as sku,
    {{ canonical_model('charges.model_name') }} as model,
    'tokens' as token_type,
    'standard' as tier,
    charges.workspace_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(charges.tokens as {{ type_quantity() }}) as quantity,
    'tokens' as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    charges.observed_at
from {{ ref('stg_openrouter__activity') }} as charges
{{ join_model_aliases("'openrouter'", 'charges.model_name') }}
