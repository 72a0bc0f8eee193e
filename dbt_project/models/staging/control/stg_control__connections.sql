select
    connection_id,
    name as connection_name,
    provider,
    account_id,
    account_name,
    status,
    reason,
    next_step,
    last_data_at,
    last_sync_at,
    created_at
from {{ raw_table('control', 'connections') }} as connections
