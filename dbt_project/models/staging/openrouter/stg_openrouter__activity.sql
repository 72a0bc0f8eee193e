select
    ---------- ids
    row_id as charge_id,
    connection_id,
    workspace_id,
    endpoint_id,

    ---------- what was billed
    day as charge_date,
    model as model_name,
    coalesce(model_permaslug, model) as model_permaslug,
    provider_name as host_provider,

    ---------- disjoint tokens: cached ones are inside prompt_tokens, and exceed them only where a response was replayed
    prompt_tokens - least(coalesce(cached_tokens, 0), prompt_tokens) as input,
    case when cached_tokens is not null then least(cached_tokens, prompt_tokens) end as cache_read,
    completion_tokens as output,
    prompt_tokens + completion_tokens as tokens,
    requests,

    ---------- amounts
    {{ money_from_text('usage') }} as amount_usd,
    {{ money_from_text('byok_usage_inference') }} as byok_upstream_usd,

    ---------- times
    observed_at
from ({{ current_rows('openrouter', 'activity') }}) as activity
where usage is not null
