select
    connection_id,
    id as resource_id,
    name as account_name,
    kind,
    location,
    sku_name,
    endpoint,
    observed_at
from {{ raw_table('azure_openai', 'accounts') }} as accounts
