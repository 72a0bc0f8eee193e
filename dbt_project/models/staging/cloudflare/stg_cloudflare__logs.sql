select
    ---------- ids
    logs.row_id,
    logs.connection_id,
    logs.id as log_id,
    logs.gateway,

    ---------- what was used
    logs.day as usage_date,
    upstreams.upstream_provider,
    logs.provider as gateway_provider,
    logs.model as model_name,
    logs.tokens_in as input,
    logs.tokens_out as output,
    logs.status_code,
    logs.success as is_success,
    logs.cached as is_cached,

    ---------- amounts
    {{ money_from_text('logs.cost') }} as estimated_usd,
    {# tokens of a call that succeeded and was not answered from the cache at no cost: Cloudflare knows no price #}
    coalesce(
        {{ money_from_text('logs.cost') }} = 0
        and coalesce(logs.tokens_in, 0) + coalesce(logs.tokens_out, 0) > 0
        and logs.success is not false
        and logs.cached is not true,
        true
    ) as is_without_cost,

    ---------- times
    cast(logs.created_at as timestamp with time zone) as created_at,
    logs.observed_at
from ({{ current_rows('cloudflare', 'logs') }}) as logs
left join {{ ref('gateway_upstreams') }} as upstreams
    on upstreams.provider = 'cloudflare' and upstreams.name = lower(trim(logs.provider))
