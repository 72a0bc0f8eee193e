select
    connection_id,
    id as deployment_id,
    account_id as resource_id,
    name as deployment_name,
    model_format,
    model_name,
    model_version,
    lower(sku_name) as sku_name,
    sku_capacity,
    provisioning_state,
    observed_at
from {{ raw_table('azure_openai', 'deployments') }} as deployments
