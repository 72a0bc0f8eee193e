"""What the dialects of foreign payloads share: reading JSON without bending numbers, and writing native lines.

What belongs here: the common words of providers, tiers and times, and the way from one foreign document to native event
lines. What does not: any one payload's fields (`revenium.py`, `litellm.py`, `otlp.py`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson

NativeEvent = dict[str, Any]
Reader = Callable[[Any], Iterator[Any]]
"""From one JSON document to native events, and `Unreadable` for what is none."""

ATTRIBUTION = (
    *(
        "customer",
        "product",
        "subscriber_id",
        "subscriber_email",
        "subscription_id",
        "credential_name",
        "agent",
    ),
    *("agent_version", "task_type", "workflow", "business_unit", "environment", "connection", "trace_name"),
)
"""Fields of an event that foreign metadata may fill when it uses their names."""

PROVIDERS = {
    **dict.fromkeys(
        ("azure", "azure_openai", "azure.ai.openai", "azure_ai", "azure.ai.inference"), "azure_openai"
    ),
    **dict.fromkeys(("az.ai.openai", "azureopenai", "foundry"), "azure_openai"),
    **dict.fromkeys(
        ("bedrock", "aws", "aws.bedrock", "aws_bedrock", "bedrock_converse", "amazon"), "aws_bedrock"
    ),
    **dict.fromkeys(("google", "gemini", "vertex", "vertexai", "vertex_ai", "google_genai"), "google"),
    **dict.fromkeys(("gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai", "googleai", "google_vertex"), "google"),
    **dict.fromkeys(("mistral_ai", "mistralai", "mistral"), "mistral"),
    **dict.fromkeys(("x_ai", "xai", "x.ai", "grok"), "xai"),
    **dict.fromkeys(("together_ai", "togetherai", "together"), "together"),
    **dict.fromkeys(("fireworks_ai", "fireworks"), "fireworks"),
    "cohere_chat": "cohere",
}
"""Our short name of a provider by what others call it; a name that is not here is its own."""

_TIERS = {
    **dict.fromkeys(("default", "standard", "auto", "standard_only", "on_demand"), "standard"),
    **dict.fromkeys(("priority", "priority_on_demand"), "priority"),
    **dict.fromkeys(("flex", "flex_discount"), "flex"),
    "batch": "batch",
}
_BEYOND = Decimal(10**18)
_LAST_SECOND = Decimal(6 * 10**10)
_KEPT_CHARACTERS = 3000
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
"""What reading a payload raises whose fields are not of the kinds they should be."""
_LONGEST_METADATA_TEXT = 1000


class UndecidableError(ValueError):
    """A payload that can be read in more than one way; the message says what is unclear and how to mend it."""


@dataclass(frozen=True)
class Item:
    """One native line, and why it cannot be an event whatever it says (then the line keeps the payload's beginning)."""

    line: str
    unfit: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """A payload that is no event, and why."""

    payload: Any
    reason: str


def native_items(text: str, reader: Reader) -> Iterator[Item]:
    """The native lines of one JSON document in a foreign dialect; what cannot be read is an item that says why."""
    try:
        document = simplejson.loads(text, use_decimal=True)
    except (ValueError, RecursionError):
        yield Item(text)
        return
    yield from map(item_of, reader(document))


def item_of(event: Any) -> Item:
    """The item of what a reader yielded."""
    if isinstance(event, Unreadable):
        text = simplejson.dumps(event.payload, use_decimal=True)
        return Item(json.dumps(text[:_KEPT_CHARACTERS]), event.reason)
    return Item(native_line(event))


def events_of(document: Any, read: Callable[[dict[str, Any]], NativeEvent]) -> Iterator[Any]:
    """The events of a document that is one payload or a list of them; a payload that cannot be read costs no other."""
    for payload in objects(document):
        yield event_of(payload, read)


def event_of(payload: Any, read: Callable[[dict[str, Any]], NativeEvent | None]) -> Any:
    """The event of one payload, `Unreadable`, or what is no object as it is."""
    try:
        return read(payload) if isinstance(payload, dict) else payload
    except UndecidableError as error:
        return Unreadable(payload, str(error))
    except _MALFORMED as error:
        return Unreadable(
            payload, f"a field is of the wrong kind ({type(error).__name__}: {str(error)[:100]})"
        )


def native_line(event: Any) -> str:
    """One event as a line, without what is unknown; metadata flat, as an event must have it."""
    if isinstance(event, dict):
        event = {name: value for name, value in event.items() if value is not None and value != ""}
        if isinstance(event.get("metadata"), dict):
            event["metadata"] = flat(event["metadata"])
            if not event["metadata"]:
                del event["metadata"]
    return str(simplejson.dumps(event, use_decimal=True, ensure_ascii=False))


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """A flat map of strings and numbers: deeper values as JSON text, nothing that is null or empty, no long text."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            kept[name] = "true" if value else "false"
        elif isinstance(value, int | Decimal):
            kept[name] = value
        elif value not in (None, "", {}, []):
            text = value if isinstance(value, str) else simplejson.dumps(value, use_decimal=True)
            kept[name] = text[:_LONGEST_METADATA_TEXT]
    return kept


def objects(document: Any) -> Iterator[Any]:
    """The items of a document that is one payload or a list of them."""
    yield from document if isinstance(document, list) else (document,)


def provider_of(name: Any) -> Any:
    """Our short name of a provider."""
    key = str(name).strip().lower().replace(" ", "_") if name else None
    return PROVIDERS.get(key, key) if key else None


def tier_of(name: Any) -> str | None:
    """The service tier in our words; `unknown` for one we do not know."""
    return _TIERS.get(str(name).strip().lower(), "unknown") if name else None


def time_of(value: Any) -> Any:
    """A time as RFC 3339: epoch seconds (or their text) become one, a text without offset is UTC, another stays."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _from_epoch(Decimal(value))
    if not isinstance(value, str):
        return value
    try:
        return _from_epoch(Decimal(value))
    except InvalidOperation:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat()


def count_of(value: Any) -> int | None:
    """A whole number; None for none.

    Raises:
        UndecidableError: It is something else.
    """
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
        if abs(number) < _BEYOND and number == int(number):
            return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise UndecidableError(f"a token count is {str(value)[:40]!r}; write a whole number")


def decimal_of(value: Any) -> Decimal | None:
    """An amount; None for none or what is no number."""
    try:
        return None if value is None or isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None


def _from_epoch(seconds: Decimal) -> str:
    if not abs(seconds) < _LAST_SECOND:
        return str(seconds)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 1_000_000))).isoformat()
