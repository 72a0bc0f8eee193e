with readings as (

    select
        *,
        row_number() over (partition by file_url, file_line order by loaded_at desc, load_id desc) as recency
    from {{ ref('stg_metering__outcomes') }}

),

statements as (

    select readings.*
    from readings
    where
        readings.recency = 1
        and not exists (
            select 1
            from {{ ref('stg_metering__rejected_events') }} as refused
            where
                refused.file_url = readings.file_url
                and refused.file_line = readings.file_line
                and refused.loaded_at > readings.loaded_at
        )

),

arrivals as (

    select
        *,
        row_number() over (partition by outcome_id order by received_at, content_hash, file_url, file_line) as arrival,
        first_value(content_hash) over (
            partition by outcome_id order by received_at, content_hash, file_url, file_line
        ) as first_content_hash
    from statements

)

select
    outcome_id,
    trace_id,
    outcome_name,
    is_success,
    value_usd,
    achieved_at,
    source,
    received_at,
    customer,
    product,
    agent,
    workflow,
    business_unit,
    environment,
    metadata,
    file_url,
    file_line,
    content_hash,
    load_id,
    loaded_at,
    case when arrival = 1 then 'stands' else 'conflicts' end as verdict
from arrivals
where arrival = 1 or content_hash <> first_content_hash
