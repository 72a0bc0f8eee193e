"""`GET /openapi.json`: the endpoint described as OpenAPI 3.1, for tools that make clients and tests from it.

What belongs here: what each door takes and answers. What does not: the doors (`doors/`), and what a record may hold
(`events/json_schema.py`).
"""

from functools import cache
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from meterhouse.events.json_schema import record_schema
from meterhouse.events.kinds import EVENTS, OUTCOMES, RecordKind
from meterhouse.gateway.bodies import LINES_TYPES
from meterhouse.gateway.commit import Status
from meterhouse.gateway.doors import revenium
from meterhouse.gateway.doors.otlp import PROTOBUF

_JSON, _PROBLEM = "application/json", "application/problem+json"
_TEXT: dict[str, Any] = {"type": "string"}
_NULLABLE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
_TAKEN = {
    "400": "The body cannot be read.",
    "401": "There is no API key, or none that is known here.",
    "403": "The key may not do this.",
    "413": "More than the endpoint takes; the sentence says the limit.",
    "415": "The body is packed in a way that is not known here.",
    "429": "The key is used more often than it may be.",
    "500": "The gateway failed; nothing was acknowledged.",
    "503": "Nothing can be taken now; try again later.",
}
_ASKED = {code: _TAKEN[code] for code in ("401", "403", "429", "500", "503")}


async def get_openapi(request: Request) -> Response:  # noqa: ARG001
    """The description; no key is needed."""
    return JSONResponse(document())


@cache
def document() -> dict[str, Any]:
    """The endpoint as an OpenAPI 3.1 document."""
    paths = {
        "/v1/events": {"post": _records(EVENTS)},
        "/v1/outcomes": {"post": _records(OUTCOMES)},
        "/v1/traces": {"post": _traces()},
        "/v1/litellm": {"post": _litellm()},
        **{path: {"post": _revenium(kind)} for path, kind in revenium.PATHS.items()},
        "/v1/controls": {"get": _controls()},
        "/v1/key": {
            "get": _get("The key that was sent.", _object(name=_TEXT, masked=_TEXT, scopes=_list(_TEXT)))
        },
        "/healthz": {"get": _open("200 when the process runs.")},
        "/readyz": {
            "get": _open("200 when events can be taken.", {"503": "They cannot; the sentence says why."})
        },
        "/metrics": {"get": _get("Counts, in Prometheus' text form. Needs the scope `read`.", None)},
        "/openapi.json": {"get": _open("This description.")},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meterhouse metering endpoint",
            "version": version("meterhouse"),
            "description": "Takes AI calls as events. What it answers with 2xx is on disk. See docs/gateway.md.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {
                "Event": record_schema(EVENTS),
                "Outcome": record_schema(OUTCOMES),
                "Problem": _object(
                    ["type", "title", "status", "detail"],
                    type=_TEXT,
                    title=_TEXT,
                    status=_COUNT,
                    detail=_TEXT,
                ),
            },
        },
    }


def _records(kind: RecordKind) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{kind.noun.capitalize()}"}
    body: dict[str, Any] = {
        _JSON: {"schema": {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}}
    }
    body |= {LINES_TYPES[0]: {"schema": {"type": "string", "description": f"One {kind.noun} per line."}}}
    verdict = {kind.id_field: _NULLABLE_TEXT, "status": {"enum": [status.value for status in Status]}}
    alone = _object([kind.id_field, "status", "warnings"], **verdict, warnings=_list(_TEXT))
    refused = {
        "409": f"The one {kind.noun} has the id of another one that came before.",
        "422": f"The one {kind.noun} is none; the sentence says what is wrong. It is kept as a reject.",
    }
    return {
        "summary": f"Take {kind.name} in: one, an array, or lines.",
        "security": _KEY,
        "parameters": [_header("Prefer", "`return=minimal`: verdicts on refused items only.")],
        "requestBody": {"required": True, "content": body},
        "responses": _answers({"anyOf": [_batch(kind), alone]}, _TAKEN | refused),
    }


def _batch(kind: RecordKind) -> dict[str, Any]:
    verdict = _object(
        ["index", "status"],
        index=_COUNT,
        status={"enum": [status.value for status in Status]},
        reason=_NULLABLE_TEXT,
        **{kind.id_field: _NULLABLE_TEXT},
    )
    counts = dict.fromkeys((kind.name, "accepted", "duplicates", "rejected"), _COUNT)
    return _object([*counts, "warnings", "items"], **counts, warnings=_list(_TEXT), items=_list(verdict))


def _traces() -> dict[str, Any]:
    partial = _object([], rejectedSpans={"type": ["string", "integer"]}, errorMessage=_TEXT)
    answers = _answers(_object([], partialSuccess=partial), _TAKEN)
    answers["200"]["content"][PROTOBUF] = {}
    return {
        "summary": "Take OpenTelemetry spans in (OTLP over HTTP); spans of AI calls become events.",
        "security": _KEY,
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": {"type": "object"}},
                PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": answers,
    }


def _litellm() -> dict[str, Any]:
    payload = {"type": "object", "description": "LiteLLM's standard logging payload."}
    return {
        "summary": "Take LiteLLM's logging payloads in: one, an array, or lines.",
        "security": _KEY,
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": {"anyOf": [payload, _list(payload)]}},
                LINES_TYPES[0]: {"schema": _TEXT},
            },
        },
        "responses": _answers(_batch(EVENTS), _TAKEN),
    }


def _revenium(kind: str) -> dict[str, Any]:
    made = dict.fromkeys(("id", "label", "resourceType", "signature", "created", "updated"), _TEXT)
    refused = {
        "409": "Another event has this transaction id, or another body this Idempotency-Key.",
        "422": "It is no event; the sentence says what is wrong. It is kept as a reject.",
    }
    return {
        "summary": f"Take a {kind} in as Revenium's API does.",
        "security": _KEY,
        "parameters": [_header("Idempotency-Key", "The same again within 24 hours gets the same answer.")],
        "requestBody": {"required": True, "content": {_JSON: {"schema": {"type": "object"}}}},
        "responses": _answers(_object([*made], **made), _TAKEN | refused, "201"),
    }


def _controls() -> dict[str, Any]:
    described = _get("Which calls are to be held back now.", _object(controls=_list({"type": "object"})))
    described["parameters"] = [_header("If-None-Match", "The tag of the answer at hand.")]
    described["responses"]["304"] = {"description": "Nothing has changed since."}
    return described


def _get(summary: str, answer: dict[str, Any] | None) -> dict[str, Any]:
    return {"summary": summary, "security": _KEY, "responses": _answers(answer, _ASKED)}


def _open(summary: str, problems: dict[str, str] | None = None) -> dict[str, Any]:
    return {"summary": summary, "security": [], "responses": _answers({"type": "object"}, problems or {})}


def _answers(answer: dict[str, Any] | None, problems: dict[str, str], done: str = "200") -> dict[str, Any]:
    problem = {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    content = {"text/plain": {"schema": _TEXT}} if answer is None else {_JSON: {"schema": answer}}
    return {done: {"description": "Done.", "content": content}} | {
        code: {"description": text, "content": problem} for code, text in problems.items()
    }


def _object(required: list[str] | None = None, **properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these properties, all of them required where none is named."""
    named = list(properties) if required is None else required
    return {"type": "object", "required": named, "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": _TEXT, "description": description}
