select
    connection_id,
    token as api_key_hash,
    key_alias as api_key_name,
    key_name as redacted_value,
    user_id,
    team_id,
    metadata_cost_center as cost_center,
    blocked as is_blocked,
    observed_at
from {{ raw_table('litellm', 'keys') }} as api_keys
