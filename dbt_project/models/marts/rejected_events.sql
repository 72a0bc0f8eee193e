with readings as (

    select
        *,
        row_number() over (
            partition by file_url, file_line, case when file_line is null then reason end order by loaded_at desc, load_id desc
        ) as recency,
        min(first_seen_at) over (
            partition by file_url, file_line, case when file_line is null then reason end
        ) as earliest_seen_at
    from {{ ref('stg_metering__rejected_events') }}

),

landed as (

    select readings.*
    from readings
    where
        readings.recency = 1
        and not exists (
            select 1
            from {{ ref('stg_metering__events') }} as events
            where
                events.file_url = readings.file_url
                and events.file_line = readings.file_line
                and events.loaded_at >= readings.loaded_at
        )

)

select
    {{ surrogate_key(['file_url', 'file_line', 'reason', "'landing'"]) }} as reject_id,
    file_url,
    file_line,
    event_id,
    raw_text,
    reason,
    earliest_seen_at as first_seen_at,
    load_id,
    loaded_at
from landed

union all

select
    {{ surrogate_key(['file_url', 'file_line', 'content_hash', "'conflict'"]) }},
    file_url,
    file_line,
    event_id,
    null,
    {{ dbt.concat(["'Another event with the id '", 'event_id', "' and a different content was received first and stands; send this one under an id of its own.'"]) }},
    received_at,
    load_id,
    loaded_at
from {{ ref('int_events__conflicts') }}
