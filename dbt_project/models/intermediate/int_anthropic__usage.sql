{% set kept = ['row_id', 'connection_id', 'workspace_id', 'api_key_id', 'usage_date', 'model_name', 'service_tier', 'observed_at'] %}

with quantities as (

    {{ unpivot(ref('stg_anthropic__usage_report_messages'), kept, [
        'input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'web_searches'
    ]) }}

)

select
    {{ surrogate_key(['quantities.row_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'anthropic' as provider,
    quantities.usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    coalesce(tiers.tier, 'unknown') as tier,
    quantities.workspace_id as provider_project,
    quantities.api_key_id as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
left join {{ ref('service_tiers') }} as tiers
    on tiers.provider = 'anthropic' and tiers.name = coalesce(quantities.service_tier, 'standard')
{{ join_model_aliases("'anthropic'", 'quantities.model_name') }}
