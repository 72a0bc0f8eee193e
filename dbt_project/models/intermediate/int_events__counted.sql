{% set attributed = attributed_by_any_door() %}

select
    {% for column in adapter.get_columns_in_relation(ref('stg_metering__events')) | map(attribute='name') if execute %}
    {{ 'coalesce(events.' ~ column ~ ', repeated_calls.' ~ column ~ ') as ' ~ column if column in attributed else 'events.' ~ column }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('int_events__deduplicated') }} as events
left join {{ ref('int_events__repeated_calls') }} as repeated_calls
    on repeated_calls.event_id = events.event_id and repeated_calls.started_hour = events.started_hour
where repeated_calls.event_id is null or repeated_calls.is_counted
