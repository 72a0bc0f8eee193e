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
    input_tokens as input,
    num_model_requests as requests,

    ---------- times
    observed_at
from ({{ current_rows('openai', 'usage_embeddings') }}) as usage_rows
