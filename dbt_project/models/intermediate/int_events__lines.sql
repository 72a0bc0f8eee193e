with loads as (

    select file_url, loaded_at from {{ ref('stg_metering__events') }}
    union
    select file_url, loaded_at from {{ ref('stg_metering__rejected_events') }}

),

reloaded_files as (

    select file_url
    from loads
    group by file_url
    having count(*) > 1

),

{# What a file said of a line last, event or refusal, replaces what it said before. #}
newest_statements as (

    select
        file_url,
        file_line,
        max(loaded_at) as stated_at
    from (
        select file_url, file_line, loaded_at from {{ ref('stg_metering__events') }}
        union all
        select file_url, file_line, loaded_at from {{ ref('stg_metering__rejected_events') }}
    ) as statements
    where file_url in (select file_url from reloaded_files)
    group by file_url, file_line

)

select
    events.*,
    newest_statements.file_url is not null as is_replaced
from {{ ref('stg_metering__events') }} as events
left join newest_statements
    on newest_statements.file_url = events.file_url
    and newest_statements.file_line = events.file_line
    and newest_statements.stated_at > events.loaded_at
