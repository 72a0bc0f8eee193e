with versions as (

    {{ day_versions('litellm') }}

),

{# A proxy deletes old requests, so a later version of a day may hold fewer: every request counts as it was last seen #}
last_seen as (

    select
        logs.*,
        versions.last_observed_at as observed_at,
        lower(regexp_replace(trim(logs.model), '/.*$', '')) as prefix,
        row_number() over (
            partition by logs.connection_id, logs.request_id order by versions.last_observed_at desc, logs.day desc, logs.row_id desc
        ) as place
    from {{ raw_table('litellm', 'spend_logs') }} as logs
    inner join versions
        on versions.connection_id = logs.connection_id
        and versions.day = logs.day
        and versions.content_hash = logs.content_hash
    where versions.report = 'spend_logs'

)

select
    ---------- ids
    last_seen.connection_id,
    last_seen.request_id,
    last_seen.litellm_call_id as call_id,
    last_seen.session_id,
    last_seen.api_key as api_key_hash,
    last_seen.team_id,
    last_seen.organization_id,
    last_seen.user_id,
    last_seen.end_user,

    ---------- what was called
    last_seen.day as usage_date,
    last_seen.call_type,
    last_seen.model as gateway_model,
    last_seen.model_group,
    coalesce(named_upstreams.upstream_provider, upstreams.upstream_provider) as upstream_provider,
    case
        when upstreams.upstream_provider is not null then regexp_replace(trim(last_seen.model), '^[^/]*/', '')
        else last_seen.model
    end as model_name,
    last_seen.request_tags,
    last_seen.spend_logs_metadata as request_metadata,
    coalesce(last_seen.status, 'success') = 'failure' as is_failed,
    coalesce(lower(last_seen.cache_hit), 'none') = 'true' as is_cache_hit,
    last_seen.error_code,

    ---------- disjoint tokens: cached and written ones are inside prompt_tokens
    case
        when last_seen.prompt_tokens >= coalesce(last_seen.cache_read_input_tokens, 0) + coalesce(last_seen.cache_creation_input_tokens, 0)
            then last_seen.prompt_tokens - coalesce(last_seen.cache_read_input_tokens, 0) - coalesce(last_seen.cache_creation_input_tokens, 0)
        else last_seen.prompt_tokens
    end as input,
    last_seen.cache_read_input_tokens as cache_read,
    last_seen.cache_creation_input_tokens as cache_write_5m,
    last_seen.completion_tokens as output,

    ---------- amounts: estimates, with a configured margin and discount, and without
    {{ money_from_text('last_seen.spend') }} as spend_usd,
    {{ money_from_text('last_seen.original_cost') }} as undiscounted_usd,
    {{ money_from_text('last_seen.spend') }} = 0
    and coalesce(last_seen.total_tokens, 0) > 0
    and coalesce(last_seen.status, 'success') <> 'failure'
    and coalesce(lower(last_seen.cache_hit), 'none') <> 'true' as is_without_cost,

    ---------- times
    {{ dbt.safe_cast('last_seen.started_at', 'timestamp with time zone') }} as started_at,
    {{ dbt.safe_cast('last_seen.ended_at', 'timestamp with time zone') }} as ended_at,
    last_seen.observed_at
from last_seen
left join {{ ref('gateway_upstreams') }} as upstreams
    on upstreams.provider = 'litellm' and upstreams.name = last_seen.prefix and last_seen.model like '%/%'
left join {{ ref('gateway_upstreams') }} as named_upstreams
    on named_upstreams.provider = 'litellm' and named_upstreams.name = lower(last_seen.custom_llm_provider)
where last_seen.place = 1
