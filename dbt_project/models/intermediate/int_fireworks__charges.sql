select
    charges.charge_id,
    charges.connection_id,
    'fireworks' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Fireworks' as service_name,
    coalesce(charges.model_name, case when charges.is_remainder then 'not attributed' else 'no model' end) as sku,
    {{ canonical_model('charges.model_name') }} as model,
    case when charges.model_name is not null then 'tokens' else 'unmapped' end as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency as billing_currency,
    charges.observed_at
from {{ ref('stg_fireworks__usage_costs') }} as charges
{{ join_model_aliases("'fireworks'", 'charges.model_name') }}
