{{ config(materialized='table') }}

{% set window = var('duplicate_window_hours') | int %}
{% set of_call = 'partition by served_by, provider_request_id' %}

with calls as (

    select *
    from {{ ref('int_events__deduplicated') }}
    where provider_request_id is not null and (operation is null or operation <> 'tool')

),

repeated_ids as (

    select provider_request_id
    from calls
    group by provider_request_id
    having count(*) > 1

),

{# A client sees LiteLLM's answer under the provider of the client's own protocol, LiteLLM under the one that served it. #}
repeated as (

    select
        *,
        case when max(case when source = 'litellm' then 1 else 0 end) over (partition by provider_request_id) = 1 then 'litellm' else provider end as served_by
    from calls
    where provider_request_id in (select provider_request_id from repeated_ids)

),

gaps as (

    select
        *,
        case
            when lag(started_hour) over ({{ of_call }} order by started_hour, event_id) >= {{ dbt.dateadd('hour', -window, 'started_hour') }} then 0
            else 1
        end as is_another_call
    from repeated

),

numbered as (

    select
        *,
        sum(is_another_call) over ({{ of_call }} order by started_hour desc, event_id desc rows between current row and unbounded following) as call_number
    from gaps

),

{# What is known of the money decides first, then which door knows best whom a call is for. #}
ranked as (

    select
        *,
        row_number() over (
            {{ of_call }}, call_number
            order by
                case cost_status when 'priced' then 0 when 'client_reported' then 1 when 'skipped' then 2 when 'unpriced' then 3 else 4 end,
                case source when 'sdk' then 0 when 'http' then 1 when 'revenium' then 2 when 'otlp' then 3 when 'litellm' then 4 when 'bedrock_log' then 5 else 6 end,
                case when received_at is null then 1 else 0 end,
                received_at,
                content_hash,
                event_id,
                started_hour
        ) as place
    from numbered

),

told as (

    select
        served_by,
        provider_request_id,
        call_number,
        min(case when place = 1 then event_id end) as counted_event_id,
        min(case when place = 1 then started_hour end) as counted_started_hour,
        {% for column in attributed_by_any_door() %}
        {{ the_only(column) }} as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from ranked
    group by served_by, provider_request_id, call_number
    having count(*) > 1

)

select
    ranked.event_id,
    ranked.started_hour,
    ranked.place = 1 as is_counted,
    told.counted_event_id,
    told.counted_started_hour,
    {% for column in attributed_by_any_door() %}
    told.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from ranked
inner join told
    on told.served_by = ranked.served_by
    and told.provider_request_id = ranked.provider_request_id
    and told.call_number = ranked.call_number
