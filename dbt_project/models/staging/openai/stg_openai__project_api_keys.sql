select
    connection_id,
    id as api_key_id,
    name as api_key_name,
    redacted_value,
    project_id,
    observed_at
from {{ raw_table('openai', 'project_api_keys') }} as api_keys
