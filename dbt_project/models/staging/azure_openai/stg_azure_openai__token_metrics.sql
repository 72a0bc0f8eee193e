select
    ---------- ids
    row_id,
    connection_id,
    lower(resource_id) as resource_id,
    {{ azure_account_name('resource_id') }} as account_name,

    ---------- what was counted
    day as usage_date,
    time_stamp,
    metric,
    model_deployment_name as deployment_name,
    model_name,
    total as quantity,

    ---------- times
    observed_at
from ({{ current_rows('azure_openai', 'token_metrics') }}) as token_metrics
