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

from decimal import Decimal

import polars as pl

from meterhouse.events.schema import BUCKETS, NOTES_OF_CONTROLS, PRICING_FIELDS
from meterhouse.pricing.book import PriceBook, price_column
from meterhouse.pricing.models import GOVERNMENT, region, with_canonical_model

COST = pl.Decimal(38, 12)
INPUT_FIELDS = tuple(
    bucket.field for bucket in BUCKETS if "output" not in bucket.field and "tokens" in bucket.field
)
"""Buckets whose sum is held against a context threshold."""

_NAMED = ("provider", "canonical_model", "model", "region")
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
    named = with_canonical_model(
        events.select(known).with_columns(raw_model=pl.coalesce("response_model", "model")), book.aliases
    )
    listed = with_sheets(named, book).with_columns(
        _bucket_cost(bucket.field, bucket.token_type) for bucket in BUCKETS
    )
    costs = [bucket.cost_field for bucket in BUCKETS]
    is_priced = pl.col("cost_status") == "priced"
    return (
        listed.with_columns(cost_status=_status())
        .with_columns(pl.when(is_priced).then(pl.col(name)).alias(name) for name in [*costs, "price_version"])
        .with_columns(
            cost_usd=pl.when(is_priced)
            .then(pl.sum_horizontal(costs))
            .when(pl.col("cost_status") == "client_reported")
            .then(pl.col("client_cost_usd"))
            .cast(COST)
        )
        .select(*known, *(field.name for field in PRICING_FIELDS))
    )


def with_sheets(events: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add the sheet in force at the start of the call, and its price list for the input tokens.

    Calls of one name, tier and region are looked up once, and what is looked up for each call is a few numbers.

    Args:
        events: with `canonical_model`, and what `price_events` needs.
        book: the price book.

    Returns:
        The rows in their order with `sheet`, `price_version`, and one unit price column per token type; NULL where
        there is no price.
    """
    tier = (
        pl.when(pl.col("is_batch"))
        .then(pl.lit("batch"))
        .otherwise(pl.col("service_tier").fill_null("standard"))
    )
    calls = events.select(*_NAMED, "started_at", tier=tier, input_total=_input_total()).with_row_index(
        "position"
    )
    names = calls.select(*_NAMED, "tier").unique().with_row_index("name")
    dated = (
        calls.join(names, on=[*_NAMED, "tier"], how="left", nulls_equal=True)
        .select("position", "name", "started_at", "input_total")
        .sort("started_at")
        .join_asof(
            _sheets_of(names, book),
            left_on="started_at",
            right_on="valid_from",
            by="name",
            check_sortedness=False,
        )
        .filter(pl.col("started_at") < pl.col("valid_to"))
    )
    lists = book.price_lists.with_row_index("price_list")
    found = dated.sort("input_total").join_asof(
        lists.select("sheet", "above_input_tokens", "price_list"),
        left_on="input_total",
        right_on="above_input_tokens",
        by="sheet",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    priced = (
        calls.select("position")
        .join(
            found.select("position", "sheet", "price_version", "price_list"),
            on="position",
            how="left",
            maintain_order="left",
        )
        .join(lists.drop("sheet", "above_input_tokens"), on="price_list", how="left", maintain_order="left")
    )
    return events.hstack(priced.drop("position", "price_list"))


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
    columns = ["name", "sheet", "price_version", "valid_from", "valid_to"]
    return pl.concat([of_region.select(columns), of_everywhere.select(columns)]).sort("valid_from")


def _bucket_cost(field: str, token_type: str) -> pl.Expr:
    quantity = pl.col(field).cast(pl.Decimal(38, 6 if field.endswith("_seconds") else 0))
    rounded = (quantity * pl.col(price_column(token_type))).round(12, mode="half_away_from_zero").cast(COST)
    is_zero = quantity == pl.lit(Decimal(0))
    return pl.when(is_zero).then(pl.lit(0, COST)).otherwise(rounded).alias(f"{token_type}_cost_usd")


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
