select
    activity.row_id as gateway_cost_id,
    activity.connection_id,
    'litellm' as provider,
    activity.usage_date as cost_date,
    activity.upstream_provider,
    activity.gateway_model as sku,
    {{ canonical_model('activity.model_name') }} as model,
    activity.team_id as provider_project,
    activity.api_key_hash as provider_key,
    case when not activity.is_without_cost then activity.spend_usd end as estimated_cost_usd,
    case when activity.is_without_cost then 'unpriced' else 'estimated' end as cost_status,
    activity.observed_at
from {{ ref('stg_litellm__daily_activity') }} as activity
{{ join_model_aliases('activity.upstream_provider', 'activity.model_name') }}
