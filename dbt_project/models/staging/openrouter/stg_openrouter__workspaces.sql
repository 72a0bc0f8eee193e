select
    connection_id,
    id as workspace_id,
    name as workspace_name,
    observed_at
from {{ raw_table('openrouter', 'workspaces') }} as workspaces
