select
    connection_id,
    hash as api_key_hash,
    name as api_key_name,
    label as redacted_value,
    workspace_id,
    disabled as is_disabled,
    {{ money_from_text('usage') }} as total_usage_usd,
    observed_at
from {{ raw_table('openrouter', 'keys') }} as api_keys
