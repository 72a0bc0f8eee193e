{% set kept = ['row_id', 'connection_id', 'usage_date', 'model_name', 'observed_at', 'project_id'] %}

with quantities as (

    {{ unpivot(ref('stg_deepgram__usage_breakdown'), kept, ['audio_seconds', 'input', 'output', 'characters', 'requests']) }}

)

select
    {{ surrogate_key(['quantities.row_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'deepgram' as provider,
    quantities.usage_date as usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    'standard' as tier,
    quantities.project_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
{{ join_model_aliases("'deepgram'", 'quantities.model_name') }}
