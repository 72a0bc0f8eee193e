select
    id as message_id,
    incident_id as alert_id,
    event,
    channel,
    status,
    attempt_count,
    created_at as queued_at,
    sent_at
from {{ raw_table('control', 'alert_messages') }} as messages
