select
    ---------- ids
    row_id,
    connection_id,
    workspace_id,
    api_key_id,

    ---------- what was used
    day as usage_date,
    cast(starting_at as timestamp with time zone) as hour_started_at,
    model as model_name,
    service_tier,
    context_window,
    inference_geo,

    ---------- disjoint quantities: cached tokens are outside the uncached ones
    uncached_input_tokens as input,
    cache_read_input_tokens as cache_read,
    cache_creation_ephemeral_5m_input_tokens as cache_write_5m,
    cache_creation_ephemeral_1h_input_tokens as cache_write_1h,
    output_tokens as output,
    server_tool_use_web_search_requests as web_searches,
    requests,

    ---------- times
    observed_at
from ({{ current_rows('anthropic', 'usage_report_messages') }}) as usage_rows
