select
    charges.charge_id,
    charges.connection_id,
    'openai' as provider,
    charges.charge_date,
    charges.charge_category,
    'OpenAI API' as service_name,
    charges.line_item as sku,
    {{ canonical_model('charges.model_name') }} as model,
    charges.token_type,
    charges.tier,
    charges.project_id as provider_project,
    charges.api_key_id as provider_key,
    charges.quantity,
    charges.quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency,
    charges.observed_at
from {{ ref('stg_openai__costs') }} as charges
{{ join_model_aliases("'openai'", 'charges.model_name') }}
