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

good_lines as (

    select file_url, file_line, loaded_at from {{ ref('stg_metering__events') }}
    union all
    select file_url, file_line, loaded_at from {{ ref('stg_metering__outcomes') }}
    union all
    select file_url, file_line, loaded_at from {{ ref('stg_metering__prompts') }}

),

landed as (

    select readings.*
    from readings
    where
        readings.recency = 1
        and not exists (
            select 1
            from good_lines
            where
                good_lines.file_url = readings.file_url
                and good_lines.file_line = readings.file_line
                and good_lines.loaded_at >= readings.loaded_at
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

union all

select
    {{ surrogate_key(['file_url', 'file_line', 'content_hash', "'conflict'"]) }},
    file_url,
    file_line,
    outcome_id,
    null,
    {{ dbt.concat(["'Another outcome with the id '", 'outcome_id', "' and a different content was received first and stands; send this one under an id of its own.'"]) }},
    received_at,
    load_id,
    loaded_at
from {{ ref('int_outcomes__judged') }}
where verdict = 'conflicts'
