"""CloudEvents 1.0: the envelope around a native event.

What belongs here: what the envelope's attributes mean to an event. `data` is the event; `id`, `time` and `subject`
stand in for an `event_id`, `started_at` and `customer` that it does not say; `source` and `type` are kept in its
metadata (contract focus-prices-otel §3.3).
"""

import json

import simplejson

_STANDS_IN = {"id": "event_id", "time": "started_at", "subject": "customer"}


def unwrapped(line: str) -> str:
    """The event of an envelope as a native line; any other line as it is."""
    try:
        envelope = simplejson.loads(line, use_decimal=True)
    except (ValueError, RecursionError):
        return line
    if not isinstance(envelope, dict) or "specversion" not in envelope:
        return line
    event = envelope.get("data")
    if not isinstance(event, dict):
        return line
    for attribute, field in _STANDS_IN.items():
        if event.get(field) is None and envelope.get(attribute) is not None:
            event[field] = envelope[attribute]
    kept = {f"cloudevents_{name}": envelope[name] for name in ("source", "type") if envelope.get(name)}
    metadata = event.get("metadata")
    if isinstance(metadata, str):
        metadata = _object(metadata)
    if metadata is None or isinstance(metadata, dict):
        event["metadata"] = kept | (metadata or {})
    return str(simplejson.dumps(event, use_decimal=True, ensure_ascii=False))


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
