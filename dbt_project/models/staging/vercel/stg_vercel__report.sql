select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    model as model_name,

    ---------- disjoint tokens: cached and cache-written ones are inside input_tokens
    greatest(input_tokens - coalesce(cached_input_tokens, 0) - coalesce(cache_creation_input_tokens, 0), 0) as input,
    cached_input_tokens as cache_read,
    cache_creation_input_tokens as cache_write_5m,
    output_tokens as output,
    input_tokens + output_tokens as tokens,
    request_count as requests,

    ---------- amounts
    {{ money_from_text('total_cost') }} as amount_usd,
    {{ money_from_text('market_cost') }} as market_usd,

    ---------- times
    observed_at
from ({{ current_rows('vercel', 'report') }}) as report
