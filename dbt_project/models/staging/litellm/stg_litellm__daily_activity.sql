with parts as (

    select
        *,
        lower(regexp_replace(trim(model), '/.*$', '')) as prefix
    from ({{ current_rows('litellm', 'daily_activity') }}) as parts

)

select
    ---------- ids
    parts.row_id,
    parts.connection_id,
    parts.team_id,
    parts.api_key as api_key_hash,
    parts.user_id,

    ---------- what was used
    parts.day as usage_date,
    parts.model as gateway_model,
    upstreams.upstream_provider,
    case
        when upstreams.upstream_provider is not null then regexp_replace(trim(parts.model), '^[^/]*/', '')
        else parts.model
    end as model_name,

    ---------- disjoint tokens: cached and written ones are inside prompt_tokens
    case
        when parts.prompt_tokens >= coalesce(parts.cache_read_input_tokens, 0) + coalesce(parts.cache_creation_input_tokens, 0)
            then parts.prompt_tokens - coalesce(parts.cache_read_input_tokens, 0) - coalesce(parts.cache_creation_input_tokens, 0)
        else parts.prompt_tokens
    end as input,
    parts.cache_read_input_tokens as cache_read,
    parts.cache_creation_input_tokens as cache_write_5m,
    parts.completion_tokens as output,
    parts.api_requests as requests,

    ---------- amounts
    parts.spend as spend_value,
    {{ money_from_text('parts.spend') }} as spend_usd,
    {# tokens of successful calls at no cost: the proxy's price map lacks the model, or its cache answered all of them #}
    {{ money_from_text('parts.spend') }} = 0 and parts.total_tokens > 0 and parts.successful_requests > 0 as is_without_cost,

    ---------- times
    parts.observed_at
from parts
left join {{ ref('gateway_upstreams') }} as upstreams
    on upstreams.provider = 'litellm' and upstreams.name = parts.prefix and parts.model like '%/%'
