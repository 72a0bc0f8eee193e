select
    id as alert_id,
    rule,
    rule_version,
    group_key,
    severity,
    status,
    is_shadow,
    fired_at,
    resolved_at,
    opened_at as judged_at,
    value,
    {{ adapter.quote('limit') }} as limit_value,
    first_event_id,
    trace_id
from {{ raw_table('control', 'incidents') }} as incidents
