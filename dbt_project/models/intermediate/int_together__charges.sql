select
    charges.charge_id,
    charges.connection_id,
    'together' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Together' as service_name,
    charges.product_name as sku,
    {{ canonical_model('charges.model_name') }} as model,
    charges.token_type as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    charges.api_key_id as provider_key,
    charges.quantity as quantity,
    case when charges.quantity is not null then 'tokens' end as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency as billing_currency,
    charges.observed_at
from {{ ref('stg_together__usage') }} as charges
{{ join_model_aliases("'together'", 'charges.model_name') }}
