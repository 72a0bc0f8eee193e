{% set kept = [
    'row_id', 'connection_id', 'team_id', 'api_key_hash', 'user_id', 'usage_date', 'upstream_provider', 'model_name', 'observed_at'
] %}

with quantities as (

    {{ unpivot(ref('stg_litellm__daily_activity'), kept, ['input', 'cache_read', 'cache_write_5m', 'output', 'requests']) }}

)

select
    {{ surrogate_key(['quantities.row_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'litellm' as provider,
    quantities.usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    'unknown' as tier,
    quantities.team_id as provider_project,
    quantities.api_key_hash as provider_key,
    quantities.user_id as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
{{ join_model_aliases('quantities.upstream_provider', 'quantities.model_name') }}
