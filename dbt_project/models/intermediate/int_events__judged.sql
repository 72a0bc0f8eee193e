{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='slice_hour',
    on_schema_change='append_new_columns',
) }}

{% set window = var('duplicate_window_hours') | int %}
{% set events = ref('stg_metering__events') %}
{% set event_columns = adapter.get_columns_in_relation(events) | map(attribute='name') | list if execute else [] %}

with lines as (

    select event_id, started_hour, received_at, content_hash, file_url, file_line, loaded_at, is_replaced
    from {{ ref('int_events__lines') }}

),

slices as (

    select
        started_hour,
        count(*) as line_count,
        sum(case when is_replaced then 1 else 0 end) as replaced_line_count,
        max(loaded_at) as newest_load_at
    from lines
    group by started_hour

),

{% if is_incremental() %}
changed as (

    select slices.started_hour
    from slices
    left join (select distinct slice_hour, line_count, replaced_line_count, newest_load_at from {{ this }}) as built
        on built.slice_hour = slices.started_hour
        and built.line_count = slices.line_count
        and built.replaced_line_count = slices.replaced_line_count
        and built.newest_load_at = slices.newest_load_at
    where built.slice_hour is null

),

reach as (

    select
        {{ dbt.dateadd('hour', -2 * window, 'min(started_hour)') }} as first_hour,
        {{ dbt.dateadd('hour', 2 * window, 'max(started_hour)') }} as last_hour
    from changed

),

reachable_lines as (

    select lines.*
    from lines
    inner join reach on lines.started_hour between reach.first_hour and reach.last_hour

),

rebuilt_slices as (

    select started_hour from changed
    union
    select near_lines.started_hour
    from reachable_lines as near_lines
    inner join (
        select distinct event_id, started_hour from reachable_lines where started_hour in (select started_hour from changed)
    ) as changed_lines
        on changed_lines.event_id = near_lines.event_id
        and {{ is_near('near_lines.started_hour', 'changed_lines.started_hour', window) }}

),

{# The rebuilt slices, and from the other slices what bears on them: lines with the same ids. #}
bearing_lines as (

    select *
    from reachable_lines
    where
        not is_replaced
        and event_id in (select event_id from reachable_lines where started_hour in (select started_hour from rebuilt_slices))

),
{% else %}
rebuilt_slices as (select started_hour from slices),

bearing_lines as (select * from lines where not is_replaced),
{% endif %}

repeated_ids as (

    select event_id
    from bearing_lines
    group by event_id
    having count(*) > 1

),

copies as (

    select
        *,
        row_number() over (
            partition by event_id
            order by
                case when received_at is null then 1 else 0 end, received_at, content_hash, file_url, file_line, started_hour
        ) as arrival
    from bearing_lines
    where event_id in (select event_id from repeated_ids)

),

later_copies as (

    select
        copies.event_id,
        copies.arrival,
        min(earlier.arrival) as first_arrival
    from copies
    inner join copies as earlier
        on earlier.event_id = copies.event_id
        and earlier.arrival < copies.arrival
        and {{ is_near('earlier.started_hour', 'copies.started_hour', window) }}
    group by copies.event_id, copies.arrival

),

{# What becomes of a repeated line: later copies with the content of the first are dropped. #}
rulings as (

    select
        copies.event_id,
        copies.file_url,
        copies.file_line,
        copies.loaded_at,
        min(case when later_copies.event_id is null then 'stands' else 'conflicts' end) as verdict
    from copies
    left join later_copies on later_copies.event_id = copies.event_id and later_copies.arrival = copies.arrival
    left join copies as firsts on firsts.event_id = later_copies.event_id and firsts.arrival = later_copies.first_arrival
    where later_copies.event_id is null or firsts.content_hash <> copies.content_hash
    group by copies.event_id, copies.file_url, copies.file_line, copies.loaded_at

),

{# A load that was cut off and resumed leaves its lines in raw twice, alike in everything: one of them is taken. #}
ruled_events as (

    select
        events.*,
        rulings.verdict,
        row_number() over (partition by events.event_id, events.file_url, events.file_line, events.loaded_at order by events.load_id) as turn
    from {{ ref('int_events__lines') }} as events
    inner join rulings
        on rulings.event_id = events.event_id
        and rulings.file_url = events.file_url
        and rulings.file_line = events.file_line
        and rulings.loaded_at = events.loaded_at

),

verdicts as (

    select
        {{ event_columns | join(', ') }},
        verdict
    from ruled_events
    where turn = 1

    union all

    select
        {{ event_columns | join(', ') }},
        'stands' as verdict
    from {{ ref('int_events__lines') }}
    where
        not is_replaced
        and started_hour in (select started_hour from rebuilt_slices)
        and event_id not in (select event_id from repeated_ids)

)

select
    slices.started_hour as slice_hour,
    slices.line_count,
    slices.replaced_line_count,
    slices.newest_load_at,
    '{{ invocation_id }}' as built_in,
    coalesce(verdicts.verdict, 'empty') as verdict,
    {% for column in event_columns %}
    verdicts.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from slices
inner join rebuilt_slices on rebuilt_slices.started_hour = slices.started_hour
left join verdicts on verdicts.started_hour = slices.started_hour
