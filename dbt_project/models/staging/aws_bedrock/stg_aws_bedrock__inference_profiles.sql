select
    connection_id,
    inference_profile_arn,
    inference_profile_id,
    inference_profile_name,
    region,
    status,
    {{ bedrock_model_of_id(first_match('models', 'foundation-model/([^"]+)', 1)) }} as model_name,
    observed_at
from {{ raw_table('aws_bedrock', 'inference_profiles') }} as inference_profiles
