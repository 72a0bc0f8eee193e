select
    charges.charge_id,
    charges.connection_id,
    'vercel' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Vercel AI Gateway' as service_name,
    {{ dbt.concat(["'vercel/'", 'charges.model_name']) }} as sku,
    {{ canonical_model('charges.model_name') }} as model,
    'tokens' as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(charges.tokens as {{ type_quantity() }}) as quantity,
    case when charges.tokens is not null then 'tokens' end as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    charges.observed_at
from {{ ref('stg_vercel__report') }} as charges
{{ join_model_aliases("'vercel'", 'charges.model_name') }}
