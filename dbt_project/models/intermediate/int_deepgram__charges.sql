select
    charges.charge_id,
    charges.connection_id,
    'deepgram' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Deepgram' as service_name,
    charges.line_item as sku,
    {{ canonical_model('charges.model_name') }} as model,
    charges.token_type as token_type,
    'standard' as tier,
    charges.project_id as provider_project,
    charges.api_key_id as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    charges.observed_at
from {{ ref('stg_deepgram__billing_breakdown') }} as charges
{{ join_model_aliases("'deepgram'", 'charges.model_name') }}
