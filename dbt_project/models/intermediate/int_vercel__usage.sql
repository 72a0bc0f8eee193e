{% set kept = ['charge_id', 'connection_id', 'charge_date', 'model_name', 'observed_at'] %}

with quantities as (

    {{ unpivot(ref('stg_vercel__report'), kept, ['input', 'cache_read', 'cache_write_5m', 'output', 'requests']) }}

)

select
    {{ surrogate_key(['quantities.charge_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'vercel' as provider,
    quantities.charge_date as usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
{{ join_model_aliases("'vercel'", 'quantities.model_name') }}
