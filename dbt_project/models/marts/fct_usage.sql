select
    usage_id,
    connection_id,
    provider,
    usage_date,
    model,
    token_type,
    tier,
    provider_project,
    provider_key,
    provider_user,
    quantity,
    {{ is_provisional('observed_at', 'usage_date') }} as is_provisional,
    observed_at
from {{ ref('int_usage__unioned') }}
