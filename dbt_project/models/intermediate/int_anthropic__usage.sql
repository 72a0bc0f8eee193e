{% set kept = ['connection_id', 'workspace_id', 'api_key_id', 'usage_date', 'model_name', 'service_tier', 'observed_at'] %}

with quantities as (

    {{ unpivot(ref('stg_anthropic__usage_report_messages'), kept, [
        'input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'web_searches', 'requests'
    ]) }}

),

{# Hours, and what is not told apart here, added up. #}
days as (

    select
        connection_id,
        workspace_id,
        api_key_id,
        usage_date,
        model_name,
        service_tier,
        token_type,
        cast(sum(quantity) as {{ type_quantity() }}) as quantity,
        max(observed_at) as observed_at
    from quantities
    group by connection_id, workspace_id, api_key_id, usage_date, model_name, service_tier, token_type

)

select
    {{ surrogate_key([
        'days.connection_id', 'days.usage_date', 'days.workspace_id', 'days.api_key_id', 'days.model_name', 'days.service_tier',
        'days.token_type'
    ]) }} as usage_id,
    days.connection_id,
    'anthropic' as provider,
    days.usage_date,
    {{ canonical_model('days.model_name') }} as model,
    days.token_type,
    coalesce(tiers.tier, 'unknown') as tier,
    days.workspace_id as provider_project,
    days.api_key_id as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    days.quantity,
    days.observed_at
from days
left join {{ ref('service_tiers') }} as tiers
    on tiers.provider = 'anthropic' and tiers.name = coalesce(days.service_tier, 'standard')
{{ join_model_aliases("'anthropic'", 'days.model_name') }}
