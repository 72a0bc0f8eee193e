select
    file_url,
    file_line,
    event_id,
    started_at,
    content_hash,
    received_at,
    load_id,
    loaded_at
from {{ ref('int_events__judged') }}
where verdict = 'conflicts'
