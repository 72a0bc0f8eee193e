"""The metrics a rule can watch: one row per metric.

A metric turns an event into an exact amount and says whether the event is one of its samples; the value over a window
is the sum of the amounts, or that sum per sample. What belongs here: what each metric counts, and what to look at when
it is too high. What does not: windows and limits (`evaluate.py`).
"""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from meterhouse.events.schema import BUCKETS, EVENT_FIELDS, NOTES_OF_CONTROLS, Kind

DECIMAL_PLACES = 12
"""Amounts, values and limits are whole numbers of 1e-12: exact for money (`schema.MONEY`) and for counts alike."""
ONE = 10**DECIMAL_PLACES

TOKEN_FIELDS = tuple(bucket.field for bucket in BUCKETS if bucket.field.endswith("_tokens"))

_NOT_DIMENSIONS = {
    "event_id",
    "provider_request_id",
    "schema_version",
    "error_reason",
    "span_id",
    "parent_event_id",
}

DIMENSIONS: tuple[str, ...] = (
    *(field.name for field in EVENT_FIELDS if field.kind is Kind.TEXT and field.name not in _NOT_DIMENSIONS),
    "canonical_model",
)
"""Columns a rule may group by and filter on."""

EVENT_COLUMNS: tuple[str, ...] = (
    "event_id",
    "received_at",
    "started_at",
    "cost_usd",
    "cost_status",
    *TOKEN_FIELDS,
    "images",
    "audio_seconds",
    "duration_ms",
    "time_to_first_token_ms",
    "quality_score",
    *DIMENSIONS,
)
"""All that rules need of a priced event, by their names in `schema.WAREHOUSE_SCHEMA`."""


@dataclass(frozen=True)
class Metric:
    """What a rule watches.

    `amount` is the event's share in units of 1e-12 (Int128), `is_sample` whether the event counts at all; only samples
    are summed. `is_average` divides the sum by the number of samples, `is_per_minute` by the minutes of the window.
    Where `is_per_trace`, traces are counted in place of samples. A `percentile` is of the amounts of `average_metric`:
    the smallest that so many percent of the samples do not exceed.
    """

    title: str
    amount: pl.Expr
    is_sample: pl.Expr
    next_step: str
    unit: str = ""
    is_average: bool = False
    is_per_minute: bool = False
    is_per_trace: bool = False
    percentile: int | None = None
    average_metric: str = ""


def scaled(value: Decimal) -> int:
    """A decimal as a whole number of 1e-12.

    Raises:
        ValueError: The value has more decimal places than that.
    """
    shifted = value.scaleb(DECIMAL_PLACES)
    if shifted != shifted.to_integral_value():
        raise ValueError(f"{value} has more than {DECIMAL_PLACES} decimal places")
    return int(shifted)


WAS_MADE = pl.col("outcome").is_in(NOTES_OF_CONTROLS).fill_null(False).not_()
"""Whether an event is a call, and no note of a cost control."""
_IS_ERROR = pl.col("outcome").eq_missing("error")
_ONE = pl.lit(ONE, dtype=pl.Int128)
_COST = pl.col("cost_usd").cast(pl.Decimal(38, DECIMAL_PLACES)).to_physical().cast(pl.Int128)

_LOOK_AT_SPEED = (
    "Compare the group's calls in fct_transactions with the provider's status page: longer answers, another region or "
    "an overloaded model are the usual causes."
)
_LOOK_AT_CALLS = (
    "Look up the group's calls in fct_transactions, from the first event on: a larger prompt, a larger model or a lost "
    "cache hit are the usual causes."
)
_LOOK_AT_TRAFFIC = (
    "See in fct_transactions which callers of the group became busier: a loop, a retry storm or a new release are the "
    "usual causes."
)
_LOOK_AT_ERRORS = (
    "Look at error_code and error_reason of the group's failed calls in fct_transactions, then at the provider's "
    "status page."
)
_ADD_THE_PRICE = (
    "`meterhouse prices unmatched` lists such models: give the model a price, or its name an alias, in the file of "
    "METERHOUSE_PRICE_OVERRIDES_FILE (docs/prices.md), then run `meterhouse prices reprice --apply`."
)


def _tokens(title: str, *fields: str, is_average: bool = False, is_per_minute: bool = False) -> Metric:
    """Tokens of some buckets; an event that says none of them is no sample."""
    columns = [pl.col(field).cast(pl.Int128) for field in fields]
    is_sample = pl.any_horizontal([column.is_not_null() for column in columns])
    amount = pl.sum_horizontal(columns) * _ONE
    return Metric(title, amount, is_sample, _LOOK_AT_CALLS, "", is_average, is_per_minute)


def _count(title: str, field: str, next_step: str, unit: str = "", is_average: bool = False) -> Metric:
    """A whole number of the event; one that does not say it is no sample."""
    column = pl.col(field)
    return Metric(title, column.cast(pl.Int128) * _ONE, column.is_not_null(), next_step, unit, is_average)


def _decimal(title: str, field: str, next_step: str, unit: str = "", is_average: bool = False) -> Metric:
    """A decimal of the event, of six places; one that does not say it is no sample."""
    column = pl.col(field)
    amount = column.cast(pl.Decimal(38, DECIMAL_PLACES)).to_physical().cast(pl.Int128)
    return Metric(title, amount, column.is_not_null(), next_step, unit, is_average)


def _percentiles(title: str, name: str, field: str) -> dict[str, Metric]:
    """The median and the slow end of a whole number of milliseconds."""
    amount, is_sample = pl.col(field).cast(pl.Int128) * _ONE, pl.col(field).is_not_null()
    return {
        f"{name}_p{percent}": Metric(
            f"{title}, {percent}th percentile",
            amount,
            is_sample,
            _LOOK_AT_SPEED,
            "ms",
            is_average=True,
            percentile=percent,
            average_metric=name,
        )
        for percent in (50, 95, 99)
    }


METRICS: dict[str, Metric] = {
    "cost_per_transaction": Metric(
        "average cost per transaction",
        _COST,
        pl.col("cost_usd").is_not_null(),
        _LOOK_AT_CALLS,
        "USD",
        is_average=True,
    ),
    "cost_per_trace": Metric(
        "average cost per trace",
        _COST,
        pl.col("cost_usd").is_not_null() & pl.col("trace_id").is_not_null(),
        "Look up the group's dearest traces in fct_traces: more turns, retries or longer prompts are the usual causes.",
        "USD",
        is_average=True,
        is_per_trace=True,
    ),
    "total_cost": Metric("total cost", _COST, pl.col("cost_usd").is_not_null(), _LOOK_AT_CALLS, "USD"),
    "request_count": Metric("requests", _ONE, WAS_MADE, _LOOK_AT_TRAFFIC),
    "error_count": Metric("failed requests", _ONE, _IS_ERROR, _LOOK_AT_ERRORS),
    "error_rate": Metric(
        "share of failed requests",
        pl.when(_IS_ERROR).then(_ONE).otherwise(pl.lit(0, dtype=pl.Int128)),
        pl.col("outcome").is_not_null() & WAS_MADE,
        _LOOK_AT_ERRORS,
        is_average=True,
    ),
    "token_count": _tokens("tokens", *TOKEN_FIELDS),
    "input_tokens": _tokens("uncached input tokens", "input_tokens"),
    "output_tokens": _tokens("output tokens", "output_tokens"),
    "cached_tokens": _tokens("tokens read from a cache", "cache_read_tokens"),
    "tokens_per_request": _tokens("tokens per request", *TOKEN_FIELDS, is_average=True),
    "tokens_per_minute": _tokens("tokens per minute", *TOKEN_FIELDS, is_per_minute=True),
    "requests_per_minute": Metric(
        "requests per minute", _ONE, WAS_MADE, _LOOK_AT_TRAFFIC, is_per_minute=True
    ),
    "image_count": _count("images", "images", _LOOK_AT_CALLS),
    "audio_seconds": _decimal("seconds of audio", "audio_seconds", _LOOK_AT_CALLS, "s"),
    "duration": _count("average duration", "duration_ms", _LOOK_AT_SPEED, "ms", is_average=True),
    "time_to_first_token": _count(
        "average time to the first token", "time_to_first_token_ms", _LOOK_AT_SPEED, "ms", is_average=True
    ),
    **_percentiles("duration", "duration", "duration_ms"),
    **_percentiles("time to the first token", "time_to_first_token", "time_to_first_token_ms"),
    "quality_score": _decimal("average quality score", "quality_score", _LOOK_AT_CALLS, is_average=True),
    "unpriced_events": Metric(
        "events without a price",
        _ONE,
        pl.col("cost_status").eq_missing("unpriced"),
        _ADD_THE_PRICE,
    ),
}
