select
    connection_id,
    project_id,
    name as project_name,
    observed_at
from {{ raw_table('deepgram', 'projects') }} as projects
