"""The metering event: the one schema from which everything else is derived or checked.

One event is one AI call (or tool call) seen from inside the application. The validation of event files, the
Arrow and Parquet schema, and the dbt source columns all come from `EVENT_FIELDS`. What belongs here: names,
types, groups and meanings of fields. What does not: how a dialect maps to them (`dialects/`), or how they are
priced (`pricing/`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import pyarrow as pa

SCHEMA_VERSION = "1"

MONEY = pa.decimal128(38, 12)
"""Amounts in USD."""
TIMESTAMP = pa.timestamp("us", tz="UTC")


class Kind(StrEnum):
    """How the text of a field is read."""

    TEXT = "text"
    TIMESTAMP = "timestamp"
    COUNT = "count"
    QUANTITY = "quantity"
    MONEY = "money"
    RATIO = "ratio"
    FLAG = "flag"
    JSON = "json"


ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.COUNT: pa.int64(),
    Kind.QUANTITY: pa.decimal128(38, 6),
    Kind.MONEY: MONEY,
    Kind.RATIO: pa.decimal128(9, 6),
    Kind.FLAG: pa.bool_(),
    Kind.JSON: pa.string(),
}


@dataclass(frozen=True)
class Field:
    """One field of a record: its name, how it is read, and what it means."""

    name: str
    kind: Kind
    description: str
    is_required: bool = False
    choices: tuple[str, ...] = ()
    most: Decimal | None = None
    """Largest number it may hold; by default what one event may say at most."""


@dataclass(frozen=True)
class Bucket:
    """One disjoint quantity of an event that can be priced; buckets of one event never overlap.

    `field` is the event's column, `token_type` the name of the same quantity in bills, usage and marts,
    `cost_field` the column of its computed cost.
    """

    field: str
    token_type: str

    @property
    def cost_field(self) -> str:
        """Column of the bucket's cost in USD at list price."""
        return f"{self.token_type}_cost_usd"


BUCKETS: tuple[Bucket, ...] = (
    Bucket("input_tokens", "input"),
    Bucket("cache_read_tokens", "cache_read"),
    Bucket("cache_write_5m_tokens", "cache_write_5m"),
    Bucket("cache_write_1h_tokens", "cache_write_1h"),
    Bucket("output_tokens", "output"),
    Bucket("audio_input_tokens", "audio_input"),
    Bucket("audio_output_tokens", "audio_output"),
    Bucket("image_input_tokens", "image_input"),
    Bucket("image_output_tokens", "image_output"),
    Bucket("video_input_tokens", "video_input"),
    Bucket("images", "images"),
    Bucket("audio_seconds", "audio_seconds"),
    Bucket("video_seconds", "video_seconds"),
    Bucket("characters", "characters"),
    Bucket("web_searches", "web_searches"),
    Bucket("tool_calls", "tool_calls"),
)

OPERATIONS = ("chat", "embed", "image", "audio", "video", "rerank", "moderation", "tool", "other")
OUTCOMES = ("ok", "error", "blocked", "would_block")
NOTES_OF_CONTROLS = ("blocked", "would_block")
"""Outcomes that are no calls: a cost control held one back, or would have, beside the event of the call itself."""
SERVICE_TIERS = ("standard", "batch", "flex", "priority", "unknown")
COST_STATUSES = ("priced", "client_reported", "skipped", "unpriced", "usage_missing")

_T, _TS, _C, _Q, _F = Kind.TEXT, Kind.TIMESTAMP, Kind.COUNT, Kind.QUANTITY, Kind.FLAG

EVENT_FIELDS: tuple[Field, ...] = (
    # identity
    Field("event_id", _T, "The caller's transaction id (SDK: UUIDv7); an event counts once per id.", True),
    Field("provider_request_id", _T, "The provider's own response id: the guard against double counting."),
    Field("source", _T, "Door it came through: sdk, http, otlp, revenium, litellm, bedrock_log, file."),
    Field("schema_version", _T, "Version of this schema the producer wrote."),
    Field("received_at", _TS, "When Meterhouse, or the SDK that wrote the file, took the event in (UTC)."),
    # time
    Field("started_at", _TS, "When the call was sent (UTC); decides the hour and day it counts in.", True),
    Field("first_token_at", _TS, "When the first token of a stream arrived (UTC)."),
    Field("ended_at", _TS, "When the call ended (UTC)."),
    Field("duration_ms", _C, "Milliseconds from start to end."),
    Field("time_to_first_token_ms", _C, "Milliseconds from start to the first token."),
    # account
    Field("connection", _T, "Name of the provider connection that pays for the call, when known."),
    Field("provider_project", _T, "Project, workspace, AWS account or deployment at the provider."),
    Field("provider_key", _T, "Provider-side key id or name."),
    # call
    Field("provider", _T, "Short name of the provider, the same as its connection's.", True),
    Field("model", _T, "Model as asked for; required except for tool calls."),
    Field("response_model", _T, "Model as served."),
    Field("operation", _T, "What kind of call it was.", choices=OPERATIONS),
    Field("is_streamed", _F, "Whether the answer was streamed."),
    Field("is_batch", _F, "Whether the call went through a batch API."),
    Field("service_tier", _T, "Tier as served; null counts as standard.", choices=SERVICE_TIERS),
    Field("region", _T, "Region or inference geography."),
    Field("stop_reason", _T, "Why the model stopped, in the provider's words."),
    Field("outcome", _T, "How the call ended.", choices=OUTCOMES),
    Field("error_code", _T, "Error code of a failed call."),
    Field("error_reason", _T, "Error text of a failed call."),
    Field("retry_number", _C, "0 for the first try, 1 for the first retry, and so on."),
    # quantities: disjoint buckets
    Field("input_tokens", _C, "Uncached text input tokens."),
    Field("cache_read_tokens", _C, "Input tokens read from a prompt cache."),
    Field("cache_write_5m_tokens", _C, "Input tokens written to the default (5 minute) prompt cache."),
    Field("cache_write_1h_tokens", _C, "Input tokens written to the 1 hour prompt cache."),
    Field("output_tokens", _C, "Text output tokens, reasoning included."),
    Field("audio_input_tokens", _C, "Audio input tokens."),
    Field("audio_output_tokens", _C, "Audio output tokens."),
    Field("image_input_tokens", _C, "Image input tokens."),
    Field("image_output_tokens", _C, "Image output tokens."),
    Field("video_input_tokens", _C, "Video input tokens."),
    Field("images", _C, "Images made."),
    Field("audio_seconds", _Q, "Seconds of audio in or out, billed by time."),
    Field("video_seconds", _Q, "Seconds of video, billed by time."),
    Field("characters", _C, "Characters, billed by character."),
    Field("web_searches", _C, "Web searches made by the provider."),
    Field("tool_calls", _C, "Billable server-side tool calls."),
    Field("reasoning_tokens", _C, "Memo, never added: the part of output_tokens spent on reasoning."),
    Field("usage_raw", Kind.JSON, "The provider's own usage object, verbatim JSON."),
    # cost
    Field("client_cost_usd", Kind.MONEY, "What the caller said the call cost, in USD."),
    # attribution
    Field("customer", _T, "Who the call was made for."),
    Field("product", _T, "Product or feature that made the call."),
    Field("subscriber_id", _T, "Id of the end user or subscriber."),
    Field("subscriber_email", _T, "E-mail of the end user or subscriber."),
    Field("subscription_id", _T, "Id of the subscription or plan."),
    Field("credential_name", _T, "Name of the credential the application used."),
    Field("agent", _T, "Agent that made the call."),
    Field("agent_version", _T, "Version of that agent."),
    Field("task_type", _T, "Task the call served."),
    Field("workflow", _T, "Workflow the call is part of."),
    Field("business_unit", _T, "Business unit as a path with `/`."),
    Field("environment", _T, "Environment: production, staging, ..."),
    Field("metadata", Kind.JSON, "Flat JSON map of strings and numbers."),
    # trace
    Field("trace_id", _T, "Id of the trace (workflow run) the call belongs to."),
    Field("trace_name", _T, "Name of that trace."),
    Field("span_id", _T, "Id of the call's span."),
    Field("parent_event_id", _T, "Event id of the call that caused this one."),
    # quality
    Field("quality_score", Kind.RATIO, "Score of the answer, 0 to 1."),
)

LANDING_FIELDS: tuple[pa.Field, ...] = (
    pa.field("file_url", pa.string()),
    pa.field("file_line", pa.int64()),
    pa.field("content_hash", pa.string()),
    pa.field("load_id", pa.string()),
    pa.field("loaded_at", TIMESTAMP),
)
"""Where a warehouse row came from: file, line (from 1), hash of its content, and the load that brought it."""

PRICING_FIELDS: tuple[pa.Field, ...] = (
    pa.field("canonical_model", pa.string()),
    *(pa.field(bucket.cost_field, MONEY) for bucket in BUCKETS),
    pa.field("cost_usd", MONEY),
    pa.field("cost_status", pa.string()),
    pa.field("price_version", pa.string()),
)
"""What pricing adds to an event; `cost_usd` is the exact sum of the bucket costs where `cost_status` is
priced, the caller's amount where it is client_reported, and else NULL."""


def arrow_schema(fields: Iterable[Field]) -> pa.Schema:
    """Fields as Arrow columns."""
    return pa.schema([pa.field(field.name, ARROW_TYPES[field.kind]) for field in fields])


EVENT_SCHEMA = arrow_schema(EVENT_FIELDS)
"""The event as Arrow: what a landing file of Parquet holds, and what every dialect ends in."""

WAREHOUSE_SCHEMA = pa.schema([*EVENT_SCHEMA, *LANDING_FIELDS, *PRICING_FIELDS])
"""The event as loaded into `raw_metering.events`."""

REJECT_SCHEMA = pa.schema(
    [
        pa.field("file_url", pa.string()),
        pa.field("file_line", pa.int64()),
        pa.field("event_id", pa.string()),
        pa.field("raw_text", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("first_seen_at", TIMESTAMP),
        pa.field("load_id", pa.string()),
        pa.field("loaded_at", TIMESTAMP),
    ]
)
"""A line that could not become an event, or an outcome (`event_id` is then the outcome's id), as loaded into
`raw_metering.rejected_events`; text is capped."""

MAX_AMOUNT_USD = Decimal("1e6")
MAX_QUANTITY = Decimal("1e12")
"""What one event may say at most; more is nonsense, and would overflow the exact shares of the marts."""
