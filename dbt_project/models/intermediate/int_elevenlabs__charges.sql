select
    charges.charge_id,
    charges.connection_id,
    'elevenlabs' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'ElevenLabs' as service_name,
    {{ dbt.concat(["coalesce(charges.model_name, 'no model')", "'/'", "coalesce(charges.product_type, 'no product')", "'/'", "coalesce(charges.charge_type, 'no charge type')"]) }} as sku,
    {{ canonical_model('charges.model_name') }} as model,
    charges.token_type as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency as billing_currency,
    charges.observed_at
from {{ ref('stg_elevenlabs__usage') }} as charges
{{ join_model_aliases("'elevenlabs'", 'charges.model_name') }}
