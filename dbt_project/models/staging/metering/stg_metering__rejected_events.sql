select
    file_url,
    file_line,
    event_id,
    raw_text,
    reason,
    first_seen_at,
    load_id,
    loaded_at
from {{ raw_table('metering', 'rejected_events') }} as rejected_events
