select
    ---------- ids
    row_id,
    connection_id,
    project_id,

    ---------- what was counted
    day as usage_date,
    start_time,
    {{ google_model_of_id('model_user_id') }} as model_name,
    type as direction,
    cast(value as {{ type_quantity() }}) as quantity,

    ---------- times
    observed_at
from ({{ current_rows('google', 'token_metrics') }}) as token_metrics
