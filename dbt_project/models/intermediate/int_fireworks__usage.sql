{% set kept = ['row_id', 'connection_id', 'usage_date', 'model_name', 'observed_at'] %}

with quantities as (

    {{ unpivot(ref('stg_fireworks__billing_usage'), kept, ['input', 'cache_read', 'output', 'accelerator_seconds']) }}

)

select
    {{ surrogate_key(['quantities.row_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'fireworks' as provider,
    quantities.usage_date as usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
{{ join_model_aliases("'fireworks'", 'quantities.model_name') }}
