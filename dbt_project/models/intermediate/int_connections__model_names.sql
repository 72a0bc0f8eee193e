{# Names that only one connection's account knows for a model: what a deployment (Azure) or an inference profile (Bedrock) is of. #}
with names as (

    select connection_id, lower(deployment_name) as name, model_name from {{ ref('stg_azure_openai__deployments') }}
    union all
    select connection_id, lower(inference_profile_id), model_name from {{ ref('stg_aws_bedrock__inference_profiles') }}
    union all
    select connection_id, lower(inference_profile_arn), model_name from {{ ref('stg_aws_bedrock__inference_profiles') }}

)

select
    connection_id,
    name,
    min(model_name) as model_name
from names
where name is not null and model_name is not null
group by connection_id, name
having count(distinct model_name) = 1
