select
    ---------- ids
    row_id,
    connection_id,
    project_id,
    api_key_id,
    user_id,

    ---------- what was used
    day as usage_date,
    model as model_name,
    num_requests as web_searches,

    ---------- times
    observed_at
from ({{ current_rows('openai', 'usage_web_search_calls') }}) as usage_rows
