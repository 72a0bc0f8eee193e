select
    connection_id,
    id as project_id,
    name as project_name,
    status,
    observed_at
from {{ raw_table('openai', 'projects') }} as projects
