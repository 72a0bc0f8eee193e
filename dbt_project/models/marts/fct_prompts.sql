with arrivals as (

    select
        *,
        row_number() over (
            partition by event_id order by received_at, content_hash, file_url, file_line, loaded_at desc, load_id
        ) as arrival
    from {{ ref('stg_metering__prompts') }}

)

select
    event_id,
    system_prompt,
    input_messages,
    output_text,
    coalesce(prompts_truncated, false) as is_truncated,
    received_at,
    file_url,
    loaded_at
from arrivals
where arrival = 1
