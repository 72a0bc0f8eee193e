select
    ---------- ids
    metrics.row_id,
    metrics.connection_id,
    metrics.project as project_id,

    ---------- what was counted
    metrics.day as usage_date,
    metrics.hour as usage_hour,
    metrics.region,
    metrics.model_id,
    {{ bedrock_model_of_id('metrics.model_id') }} as model_name,
    metrics.metric,
    coalesce(token_types.token_type, 'unmapped') as token_type,
    cast(metrics.value as {{ type_quantity() }}) as quantity,

    ---------- times
    metrics.observed_at
from ({{ current_rows('aws_bedrock', 'token_metrics') }}) as metrics
left join {{ ref('billed_token_types') }} as token_types
    on token_types.provider = 'aws_bedrock' and token_types.matched_on = 'metric' and token_types.name = metrics.metric
