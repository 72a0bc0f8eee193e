"""The one pricing of events: list price of every bucket, exactly, for a whole frame at once.

What belongs here: which price applies, the arithmetic, and what a cost status means. What does not: the price
book (`book.py`); nothing else in the project multiplies a price.

Statuses:
    priced: every quantity that is not zero has a price; `cost_usd` is the exact sum of the bucket costs.
    client_reported: no price of ours, but the caller said a cost, which `cost_usd` then is; bucket costs
    are NULL. skipped: nothing to price, a tool call or a failed or blocked call without quantities.
    usage_missing: a call that went through without saying any quantity. unpriced: quantities without a
    price: no sheet for model, tier and time, or a bucket the sheet leaves out.
"""

import polars as pl

from meterhouse.events.schema import BUCKETS, NOTES_OF_CONTROLS, PRICING_FIELDS, Bucket
from meterhouse.pricing.book import PriceBook, price_column
from meterhouse.pricing.hours import at_their_hours
from meterhouse.pricing.models import GOVERNMENT, region, with_canonical_model
from meterhouse.pricing.overrides import BASE

COST = pl.Decimal(38, 12)
INPUT_FIELDS = tuple(
    bucket.field for bucket in BUCKETS if "output" not in bucket.field and "tokens" in bucket.field
)
"""Buckets whose sum is held against a context threshold."""

_NAMED = ("provider", "response_model", "model", "region", "service_tier", "is_batch")
"""What a call says of its price, but when it was made and how much it took."""
_NO_END = 2**63 - 1
_UNCALLED = ("error", *NOTES_OF_CONTROLS)


def price_events(events: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add `PRICING_FIELDS` to events; nothing else changes, row order included.

    Args:
        events: at least the event's fields of `EVENT_SCHEMA`.
        book: the price book.

    Returns:
        The same rows with `canonical_model`, one `<token_type>_cost_usd` per bucket (USD, rounded half up
        to 12 places; NULL where the quantity is), `cost_usd`, `cost_status` and `price_version`.
    """
    known = [name for name in events.columns if name not in {field.name for field in PRICING_FIELDS}]
    listed = with_sheets(events.select(known), book)
    said = [bucket for bucket in BUCKETS if listed[bucket.field].null_count() < listed.height]
    listed = listed.with_columns(
        _bucket_cost(bucket, listed.schema[price_column(bucket.token_type)])
        if bucket in said
        else pl.lit(None, COST).alias(bucket.cost_field)
        for bucket in BUCKETS
    )
    costs = [bucket.cost_field for bucket in said]
    is_priced = pl.col("cost_status") == "priced"
    return (
        listed.with_columns(cost_status=_status())
        .with_columns(pl.when(is_priced).then(pl.col(name)).alias(name) for name in [*costs, "price_version"])
        .with_columns(
            cost_usd=pl.when(is_priced)
            .then(pl.sum_horizontal(costs) if costs else None)
            .when(pl.col("cost_status") == "client_reported")
            .then(pl.col("client_cost_usd"))
            .cast(COST)
        )
        .select(*known, *(field.name for field in PRICING_FIELDS))
    )


def with_sheets(events: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add the canonical model, the sheet in force at the start of the call, and its price list for the input tokens.

    What calls have in common is looked up once; for each call alone it is only chosen among a few price lists.

    Args:
        events: what `price_events` needs.
        book: the price book.

    Returns:
        The rows in their order with `canonical_model`, `sheet`, `price_version`, and one unit price column per token
        type; NULL where there is no price.
    """
    calls = events.select(*_NAMED, "started_at", input_total=_input_total())
    names = _names(calls, book)
    named = (
        calls.join(
            names.select(*_NAMED, "name"), on=_NAMED, how="left", nulls_equal=True, maintain_order="left"
        )
        .select("name", "started_at", "input_total")
        .with_row_index("position")
    )
    lists = book.price_lists.with_row_index("price_list")
    found = at_their_hours(
        named.join(_lists_of(_sheets_of(names, book), lists), on="name").filter(
            pl.col("started_at") >= pl.col("valid_from"),
            pl.col("started_at") < pl.col("valid_to"),
            pl.col("input_total") > pl.col("above_input_tokens"),
            pl.col("input_total") <= pl.col("up_to_input_tokens"),
        )
    )
    chosen = named.select("position").join(
        found.select("position", "sheet", "price_version", "price_list"),
        on="position",
        how="left",
        maintain_order="left",
    )
    prices = lists.drop("price_list", "sheet", "above_input_tokens")
    return events.with_columns(
        names.select(pl.col("canonical_model").gather(named["name"])).to_series(),
        chosen["sheet"],
        chosen["price_version"],
        *prices.select(pl.all().gather(chosen["price_list"])),
    )


def _names(calls: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Each way in which calls name what they are priced by, once: `name`, `_NAMED`, `canonical_model` and `tier`."""
    tier = (
        pl.when(pl.col("is_batch"))
        .then(pl.lit("batch"))
        .otherwise(pl.col("service_tier").fill_null("standard"))
    )
    names = calls.select(_NAMED).unique()
    return with_canonical_model(
        names.with_columns(tier=tier, raw_model=pl.coalesce("response_model", "model")), book.aliases
    ).with_row_index("name")


def _lists_of(sheets: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """The price lists of each name's sheets, no two of the same hours for one moment and one number of input tokens.

    A sheet that says nothing of few input tokens has an empty list for them.
    """
    until_next = sheets.with_columns(
        pl.min_horizontal("valid_to", pl.col("valid_from").shift(-1).over("name", "hours")).alias("valid_to")
    )
    bases = lists.filter(pl.col("above_input_tokens") == BASE)
    whole = pl.concat(
        [
            lists.select("sheet", "above_input_tokens", "price_list"),
            sheets.select("sheet")
            .unique()
            .join(bases, on="sheet", how="anti")
            .select("sheet", above_input_tokens=pl.lit(BASE, pl.Int64), price_list=pl.lit(None, pl.UInt32)),
        ]
    ).sort("above_input_tokens")
    up_to = pl.col("above_input_tokens").shift(-1).over("sheet").fill_null(_NO_END)
    return until_next.join(whole.with_columns(up_to_input_tokens=up_to), on="sheet")


def _input_total() -> pl.Expr:
    return pl.sum_horizontal(pl.col(name).cast(pl.Int64) for name in INPUT_FIELDS)


def _sheets_of(names: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """The sheets of each name, in the region of its calls where the book has a price for it, else of everywhere.

    Where no price of elsewhere holds, there is none.
    """
    placed = names.with_columns(said_region=region())
    key = ["provider", "model", "tier", "region"]
    of_region = placed.join(
        book.sheets.filter(pl.col("region") != ""),
        left_on=["provider", "canonical_model", "tier", "said_region"],
        right_on=key,
    )
    everywhere = placed.filter(pl.col("said_region").ne_missing(GOVERNMENT)).join(
        of_region, on="name", how="anti"
    )
    of_everywhere = everywhere.join(
        book.sheets.filter(pl.col("region") == ""),
        left_on=["provider", "canonical_model", "tier"],
        right_on=key[:3],
    )
    columns = ["name", "sheet", "hours", "price_version", "valid_from", "valid_to"]
    return pl.concat([of_region.select(columns), of_everywhere.select(columns)]).sort("valid_from")


def _bucket_cost(bucket: Bucket, price_type: pl.DataType) -> pl.Expr:
    quantity = pl.col(bucket.field).cast(pl.Decimal(38, 6 if bucket.field.endswith("_seconds") else 0))
    cost = quantity * pl.col(price_column(bucket.token_type))
    exact = cost if price_type == COST else cost.round(12, mode="half_away_from_zero").cast(COST)
    is_zero = pl.col(bucket.field) == 0
    return pl.when(is_zero).then(pl.lit(0, COST)).otherwise(exact).alias(bucket.cost_field)


def _status() -> pl.Expr:
    has_quantity = pl.any_horizontal(pl.col(bucket.field).is_not_null() for bucket in BUCKETS)
    has_gap = pl.any_horizontal(
        pl.col(bucket.field).is_not_null() & pl.col(bucket.cost_field).is_null() for bucket in BUCKETS
    )
    is_uncalled = pl.col("outcome").is_in(_UNCALLED).fill_null(False) | (
        pl.col("operation") == "tool"
    ).fill_null(False)
    return (
        pl.when(has_quantity & pl.col("sheet").is_not_null() & ~has_gap)
        .then(pl.lit("priced"))
        .when(pl.col("client_cost_usd").is_not_null())
        .then(pl.lit("client_reported"))
        .when(~has_quantity & is_uncalled)
        .then(pl.lit("skipped"))
        .when(~has_quantity)
        .then(pl.lit("usage_missing"))
        .otherwise(pl.lit("unpriced"))
    )
