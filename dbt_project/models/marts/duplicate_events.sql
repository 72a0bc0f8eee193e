select
    {{ surrogate_key(['events.event_id', 'events.started_hour']) }} as duplicate_id,
    events.event_id,
    events.provider_request_id,
    events.source,
    events.provider,
    coalesce(events.response_model, events.model) as model,
    events.received_at,
    events.started_at,
    {{ known_sum(['events.input_tokens', 'events.cache_read_tokens', 'events.cache_write_5m_tokens', 'events.cache_write_1h_tokens', 'events.audio_input_tokens', 'events.image_input_tokens', 'events.video_input_tokens']) }} as total_input_tokens,
    {{ known_sum(['events.output_tokens', 'events.audio_output_tokens', 'events.image_output_tokens']) }} as total_output_tokens,
    events.cost_usd as uncounted_cost_usd,
    events.cost_status as uncounted_cost_status,
    counted.event_id as counted_event_id,
    counted.source as counted_source,
    counted.cost_usd as counted_cost_usd,
    {{ dbt.concat(["'The same call as event '", 'counted.event_id', "' (provider request id '", 'events.provider_request_id', "'), which is counted; this one is in no sum.'"]) }} as reason,
    events.file_url,
    events.file_line,
    events.loaded_at
from {{ ref('int_events__deduplicated') }} as events
inner join {{ ref('int_events__repeated_calls') }} as repeated_calls
    on repeated_calls.event_id = events.event_id and repeated_calls.started_hour = events.started_hour
inner join {{ ref('int_events__deduplicated') }} as counted
    on counted.event_id = repeated_calls.counted_event_id and counted.started_hour = repeated_calls.counted_started_hour
where not repeated_calls.is_counted
