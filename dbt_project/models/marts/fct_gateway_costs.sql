select
    gateway_cost_id,
    connection_id,
    provider,
    cost_date,
    upstream_provider,
    sku,
    model,
    provider_project,
    provider_key,
    estimated_cost_usd,
    cost_status,
    {{ is_provisional('observed_at', 'cost_date') }} as is_provisional,
    observed_at
from {{ ref('int_gateway_costs__unioned') }}
