select
    connection_id,
    team_id,
    team_alias as team_name,
    organization_id,
    metadata_cost_center as cost_center,
    blocked as is_blocked,
    observed_at
from {{ raw_table('litellm', 'teams') }} as teams
