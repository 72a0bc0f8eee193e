"""The kinds of records in the landing zone: events, outcomes of traces, and prompts, which live apart.

Each kind has a folder of its own in the landing zone and a table of its own in `raw_metering`, both by its name; all
are written, read, judged and loaded by the same code. What belongs here: names, fields and Arrow schemas. What does
not: the event's own fields (`schema.py`).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa

from meterhouse.events.schema import (
    EVENT_FIELDS,
    LANDING_FIELDS,
    MAX_QUANTITY,
    PRICING_FIELDS,
    Field,
    Kind,
    arrow_schema,
)


@dataclass(frozen=True)
class RecordKind:
    """One kind of record.

    `name` is its folder and table, `noun` what one is called in a sentence, `id_field` the field it counts once by.
    """

    name: str
    noun: str
    id_field: str
    fields: tuple[Field, ...]
    computed: tuple[pa.Field, ...] = ()
    """Columns of the table that are computed on our side."""
    other_fields: tuple[str, ...] = ()
    """Fields a line may hold beside its own: they belong to another kind, and are left out here."""
    is_private: bool = False
    """Whether its text must not be shown anywhere else, not even where a line is refused."""

    @cached_property
    def schema(self) -> pa.Schema:
        """The record as Arrow."""
        return arrow_schema(self.fields)

    @cached_property
    def read_schema(self) -> pa.Schema:
        """A good record as read: its fields, `file_url`, `file_line` and `content_hash`."""
        return pa.schema([*self.schema, *LANDING_FIELDS[:3]])

    @cached_property
    def warehouse_schema(self) -> pa.Schema:
        """The record as loaded into its table of `raw_metering`."""
        return pa.schema([*self.schema, *LANDING_FIELDS, *self.computed])


PROMPT_FIELDS: tuple[Field, ...] = (
    Field("system_prompt", Kind.TEXT, "What the model was told to be."),
    Field("input_messages", Kind.JSON, "The messages of the request, JSON as sent to the provider."),
    Field("output_text", Kind.TEXT, "The text of the answer."),
    Field("prompts_truncated", Kind.FLAG, "Whether any of them was cut."),
)
"""What may stand in the line of an event, and is kept apart from it."""

EVENTS = RecordKind(
    "events",
    "event",
    "event_id",
    EVENT_FIELDS,
    PRICING_FIELDS,
    other_fields=tuple(field.name for field in PROMPT_FIELDS),
)

OUTCOMES = RecordKind(
    "outcomes",
    "outcome",
    "outcome_id",
    (
        Field(
            "outcome_id", Kind.TEXT, "Id of the outcome (SDK: UUIDv7); an outcome counts once per id.", True
        ),
        Field("trace_id", Kind.TEXT, "Id of the trace (workflow run) that achieved it.", True),
        Field("name", Kind.TEXT, "What was achieved, as `ticket_resolved`.", True),
        Field("is_success", Kind.FLAG, "Whether it was; null when not known."),
        Field("value_usd", Kind.MONEY, "What it is worth, in USD; null when not known.", most=MAX_QUANTITY),
        Field("at", Kind.TIMESTAMP, "When it was achieved (UTC).", True),
        Field("source", Kind.TEXT, "Door it came through: sdk, http or file."),
        Field("schema_version", Kind.TEXT, "Version of this schema the producer wrote."),
        Field(
            "received_at",
            Kind.TIMESTAMP,
            "When Meterhouse, or the SDK that wrote the file, took it in (UTC).",
        ),
        Field("customer", Kind.TEXT, "Who it was achieved for."),
        Field("product", Kind.TEXT, "Product or feature it belongs to."),
        Field("agent", Kind.TEXT, "Agent that achieved it."),
        Field("workflow", Kind.TEXT, "Workflow the trace is a run of."),
        Field("business_unit", Kind.TEXT, "Business unit as a path with `/`."),
        Field("environment", Kind.TEXT, "Environment: production, staging, ..."),
        Field("metadata", Kind.JSON, "Flat JSON map of strings and numbers."),
    ),
)

PROMPTS = RecordKind(
    "prompts",
    "record of prompts",
    "event_id",
    (
        Field("event_id", Kind.TEXT, "Id of the event whose prompts these are.", True),
        *PROMPT_FIELDS,
        Field(
            "received_at",
            Kind.TIMESTAMP,
            "When Meterhouse, or the SDK that wrote the file, took them in (UTC).",
        ),
    ),
    is_private=True,
)

KINDS = {kind.name: kind for kind in (EVENTS, OUTCOMES, PROMPTS)}


def kind_of(url: str) -> RecordKind:
    """The kind of records in a landing file, given relative to the zone."""
    return KINDS[PurePosixPath(url).parts[0]]
