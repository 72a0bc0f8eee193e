select
    connection_id,
    id as api_key_id,
    name as api_key_name,
    status,
    workspace_id,
    partial_key_hint,
    observed_at
from {{ raw_table('anthropic', 'api_keys') }} as api_keys
