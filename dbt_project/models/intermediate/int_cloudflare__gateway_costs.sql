select
    logs.row_id as gateway_cost_id,
    logs.connection_id,
    'cloudflare' as provider,
    logs.usage_date as cost_date,
    logs.upstream_provider,
    {{ dbt.concat(["coalesce(logs.gateway_provider, 'unknown')", "'/'", "coalesce(logs.model_name, 'unknown')"]) }} as sku,
    {{ canonical_model('logs.model_name') }} as model,
    logs.gateway as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    case when not logs.is_without_cost then logs.estimated_usd end as estimated_cost_usd,
    case when logs.is_without_cost then 'unpriced' else 'estimated' end as cost_status,
    logs.observed_at
from {{ ref('stg_cloudflare__logs') }} as logs
{{ join_model_aliases('logs.upstream_provider', 'logs.model_name') }}
