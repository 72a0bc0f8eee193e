with told as (

    select
        alert_id,
        count(*) as message_count,
        sum(case when status = 'sent' then 1 else 0 end) as sent_count,
        sum(case when status = 'pending' then 1 else 0 end) as pending_count,
        sum(case when status = 'dead' then 1 else 0 end) as dead_count,
        min(sent_at) as first_sent_at
    from {{ ref('stg_control__alert_messages') }}
    group by alert_id

),

channels as (

    select
        alert_id,
        {{ dbt.listagg('channel', "', '", 'order by channel') }} as channels
    from (select distinct alert_id, channel from {{ ref('stg_control__alert_messages') }}) as named
    group by alert_id

)

select
    incidents.alert_id,
    incidents.rule,
    incidents.rule_version,
    incidents.group_key,
    incidents.severity,
    incidents.status,
    case when incidents.is_shadow then 'shadow' else 'live' end as mode,
    incidents.fired_at,
    incidents.resolved_at,
    incidents.judged_at,
    cast(incidents.fired_at as date) as fired_date,
    {{ dbt.datediff('incidents.fired_at', 'incidents.resolved_at', 'second') }} as duration_seconds,
    incidents.value,
    case when incidents.limit_value <> 'well' then cast(incidents.value as {{ type_money() }}) end as value_number,
    incidents.limit_value,
    case when incidents.limit_value <> 'well' then cast(incidents.limit_value as {{ type_money() }}) end as limit_number,
    incidents.first_event_id,
    incidents.trace_id,
    channels.channels,
    coalesce(told.message_count, 0) as message_count,
    cast(coalesce(told.sent_count, 0) as {{ dbt.type_bigint() }}) as sent_count,
    cast(coalesce(told.pending_count, 0) as {{ dbt.type_bigint() }}) as pending_count,
    cast(coalesce(told.dead_count, 0) as {{ dbt.type_bigint() }}) as dead_count,
    told.first_sent_at
from {{ ref('stg_control__incidents') }} as incidents
left join told on told.alert_id = incidents.alert_id
left join channels on channels.alert_id = incidents.alert_id
