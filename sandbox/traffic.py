"""Metered calls as the events their applications send.

What belongs here: turning a call into the keyword arguments of `meter()`, which are the field names of the
metering event. What does not: the SDK, which the sandbox does not know.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from sandbox.calls import Call, Metering

Event = dict[str, Any]
"""Field of the event → value; times are aware datetimes in UTC, unknown fields are absent."""

FIELD_BY_TOKEN_TYPE = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "web_searches": "web_searches",
    "images": "images",
    "tool_calls": "tool_calls",
}


def event_of(call: Call) -> Event:
    """Describe a metered call as its application does."""
    service, trace = call.service, call.trace
    subscriber = f"{trace.customer}-u{trace.subscriber:02}"
    event: Event = {
        "event_id": call.event_id,
        "provider_request_id": f"req_{call.event_id.replace('-', '')}",
        "started_at": call.started_at,
        "ended_at": call.started_at + timedelta(milliseconds=call.duration_ms),
        "duration_ms": call.duration_ms,
        "provider": service.model.provider,
        "model": service.model.asked,
        "operation": service.model.operation,
        "is_streamed": call.is_streamed,
        "is_batch": service.tier == "batch",
        "service_tier": service.tier,
        "outcome": "ok",
        "customer": trace.customer,
        "product": service.product,
        "subscriber_id": subscriber,
        "subscriber_email": f"{subscriber}@example.com",
        "subscription_id": f"sub-{trace.customer}",
        "credential_name": service.space.key_name,
        "agent": service.agent,
        "task_type": service.workflow,
        "workflow": service.workflow,
        "business_unit": service.business_unit,
        "environment": service.environment,
        "trace_id": trace.trace_id,
        "trace_name": service.workflow,
    }
    known = {
        "provider_key": service.space.key,
        "provider_project": service.space.project if service.carries_project else None,
        "response_model": service.model.served,
        "region": service.space.region,
        "reasoning_tokens": call.reasoning_tokens if call.metering is Metering.FULL else None,
    }
    event |= {name: value for name, value in known.items() if value is not None}
    if trace.first_event_id != call.event_id:
        event["parent_event_id"] = trace.first_event_id
    if call.metering is Metering.FULL:
        event |= {FIELD_BY_TOKEN_TYPE[name]: quantity for name, quantity in call.quantities.items()}
    return event


def events_of(calls: Iterable[Call]) -> Iterator[Event]:
    """Yield the metered calls as events in order of start, then the deliveries that come a second time."""
    metered = [call for call in calls if call.metering is not Metering.NONE]
    yield from (event_of(call) for call in metered)
    yield from (event_of(call) for call in metered for _ in range(call.deliveries - 1))
