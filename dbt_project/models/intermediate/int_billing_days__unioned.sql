select
    'openai' as provider,
    connection_id,
    day as billing_date,
    last_observed_at as observed_at
from {{ ref('stg_openai__day_versions') }}
where report = 'costs' and is_current

union all

select
    'anthropic' as provider,
    connection_id,
    day as billing_date,
    last_observed_at as observed_at
from {{ ref('stg_anthropic__day_versions') }}
where report = 'cost_report' and is_current

union all

select
    'azure_openai' as provider,
    connection_id,
    day as billing_date,
    last_observed_at as observed_at
from {{ ref('stg_azure_openai__day_versions') }}
where report = 'costs' and is_current

union all

select
    'aws_bedrock' as provider,
    connection_id,
    day as billing_date,
    last_observed_at as observed_at
from {{ ref('stg_aws_bedrock__day_versions') }}
where report = 'costs' and is_current

union all

select
    'openrouter' as provider,
    connection_id,
    day as billing_date,
    last_observed_at as observed_at
from {{ ref('stg_openrouter__day_versions') }}
where report = 'activity' and is_current
