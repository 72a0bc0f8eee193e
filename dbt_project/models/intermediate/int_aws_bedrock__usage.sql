with metrics as (

    select
        metrics.connection_id,
        metrics.usage_date,
        coalesce(profiles.model_name, metrics.model_name) as model_name,
        metrics.token_type,
        metrics.project_id,
        sum(metrics.quantity) as quantity,
        max(metrics.observed_at) as observed_at
    from {{ ref('stg_aws_bedrock__token_metrics') }} as metrics
    left join {{ ref('stg_aws_bedrock__inference_profiles') }} as profiles
        on profiles.connection_id = metrics.connection_id
        and profiles.region = metrics.region
        and metrics.model_id in (profiles.inference_profile_id, profiles.inference_profile_arn)
    group by metrics.connection_id, metrics.usage_date, coalesce(profiles.model_name, metrics.model_name), metrics.token_type, metrics.project_id

)

select
    {{ surrogate_key(["'aws_bedrock'", 'metrics.connection_id', 'metrics.usage_date', 'metrics.model_name', 'metrics.token_type', 'metrics.project_id']) }} as usage_id,
    metrics.connection_id,
    'aws_bedrock' as provider,
    metrics.usage_date,
    {{ canonical_model('metrics.model_name') }} as model,
    metrics.token_type,
    'unknown' as tier,
    metrics.project_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    cast(metrics.quantity as {{ type_quantity() }}) as quantity,
    metrics.observed_at
from metrics
{{ join_model_aliases("'aws_bedrock'", 'metrics.model_name') }}
