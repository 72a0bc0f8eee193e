"""OTLP export requests as spans with plain attributes, from protobuf or JSON.

What belongs here: the envelope of the protocol. What does not: what a span's attributes mean (`otlp.py`).
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from meterhouse.events.dialects.foreign import UndecidableError, decimal_of, objects


def document_of_protobuf(body: bytes) -> dict[str, Any]:
    """An export request in protobuf as the document that OTLP/JSON would be.

    Raises:
        UndecidableError: It is no export request.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise UndecidableError("the body is no OTLP export request in protobuf") from None
    document: dict[str, Any] = MessageToDict(request)
    for _, _, span in spans(document):
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = base64.b64decode(span[name]).hex()
    return document


def span_count(document: Any) -> int:
    """How many spans an export request holds, calls or not."""
    return sum(1 for one in objects(document) if isinstance(one, dict) for _ in spans(one))


def spans(
    document: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Any]]]:
    """Every span of an export request, each with its resource's attributes and its scope."""
    for resource_spans in _list(document.get("resourceSpans")):
        resource = attributes(map_of(resource_spans.get("resource")))
        for scope_spans in _list(resource_spans.get("scopeSpans")):
            for span in _list(scope_spans.get("spans")):
                yield resource, map_of(scope_spans.get("scope")), span


def attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span or resource by name, as plain values."""
    return {str(one.get("key")): _value(map_of(one.get("value"))) for one in _list(holder.get("attributes"))}


def _value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "intValue":
            return int(content) if str(content).removeprefix("-").isdecimal() else content
        if kind == "arrayValue":
            return [_value(one) for one in _list(map_of(content).get("values"))]
        if kind == "kvlistValue":
            return {
                str(one.get("key")): _value(map_of(one.get("value")))
                for one in _list(map_of(content).get("values"))
            }
        return decimal_of(content) if kind == "doubleValue" else content
    return None


def map_of(value: Any) -> Mapping[str, Any]:
    """The value when it is a map, else an empty one."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
