{% set kept = ['connection_id', 'gateway', 'usage_date', 'upstream_provider', 'model_name'] %}

with sums as (

    select
        {{ kept | join(',\n        ') }},
        sum(input) as input,
        sum(output) as output,
        count(*) as requests,
        max(observed_at) as observed_at
    from {{ ref('stg_cloudflare__logs') }}
    {# an answer from the gateway's cache used nothing of the provider behind it #}
    where is_cached is not true
    group by {{ kept | join(', ') }}

),

quantities as (

    {{ unpivot('sums', kept + ['observed_at'], ['input', 'output', 'requests']) }}

)

select
    {{ surrogate_key([
        'quantities.connection_id', 'quantities.gateway', 'quantities.usage_date', 'quantities.upstream_provider',
        'quantities.model_name', 'quantities.token_type'
    ]) }} as usage_id,
    quantities.connection_id,
    'cloudflare' as provider,
    quantities.usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    'unknown' as tier,
    quantities.gateway as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
{{ join_model_aliases('quantities.upstream_provider', 'quantities.model_name') }}
