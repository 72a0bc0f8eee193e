{% set connection_id -%}
coalesce(
        named.connection_id,
        by_key.connection_id,
        by_project.connection_id,
        case when only_connections.connection_count = 1 then only_connections.connection_id end
    )
{%- endset %}
{% set model_name -%}
coalesce(
        case when events.response_model is null then own_names.model_name end, events.canonical_model, events.response_model, events.model
    )
{%- endset %}

with only_connections as (

    select
        provider,
        min(connection_id) as connection_id,
        count(*) as connection_count
    from {{ ref('int_connections__billed') }}
    group by provider

)

select
    {{ connection_id }} as connection_id,
    case
        when named.connection_id is not null then 'named'
        when by_key.connection_id is not null then 'key'
        when by_project.connection_id is not null then 'project'
        when only_connections.connection_count = 1 then 'only'
        when only_connections.connection_count > 1 then 'ambiguous'
        else 'unconnected'
    end as connection_match,
    {{ canonical_model(model_name) }} as mapped_model,
    case when events.is_batch then 'batch' else coalesce(events.service_tier, 'standard') end as tier,
    cast(events.started_hour as date) as event_date,
    events.*
from {{ ref('int_events__counted') }} as events
left join {{ ref('int_connections__billed') }} as named
    on named.connection_name = events.connection and named.provider = events.provider
left join {{ ref('int_connections__identifiers') }} as by_key
    on by_key.provider = events.provider and by_key.kind = 'key' and by_key.identifier = events.provider_key
left join {{ ref('int_connections__identifiers') }} as by_project
    on by_project.provider = events.provider and by_project.kind = 'project' and by_project.identifier = events.provider_project
left join only_connections
    on only_connections.provider = events.provider
{# An answer that names the model is believed before the account's own names. #}
left join {{ ref('int_connections__model_names') }} as own_names
    on own_names.connection_id = {{ connection_id }} and own_names.name = lower(trim(events.model))
{{ join_model_aliases('events.provider', model_name) }}
