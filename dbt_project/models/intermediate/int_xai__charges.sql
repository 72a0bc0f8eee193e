select
    charges.charge_id,
    charges.connection_id,
    'xai' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'xAI API' as service_name,
    charges.description as sku,
    {{ canonical_model('charges.model_name') }} as model,
    case when charges.model_name is not null then 'tokens' else 'unmapped' end as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    charges.observed_at
from {{ ref('stg_xai__usage') }} as charges
{{ join_model_aliases("'xai'", 'charges.model_name') }}
