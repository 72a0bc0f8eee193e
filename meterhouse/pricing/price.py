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

from meterhouse.events.schema import BUCKETS, PRICING_FIELDS
from meterhouse.pricing.book import PriceBook, price_column
from meterhouse.pricing.models import GOVERNMENT, region, with_canonical_model

COST = pl.Decimal(38, 12)
INPUT_FIELDS = tuple(
    bucket.field for bucket in BUCKETS if "output" not in bucket.field and "tokens" in bucket.field
)
"""Buckets whose sum is held against a context threshold."""

_UNCALLED = ("error", "blocked", "would_block")


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
    """Join the sheet in force at the start of the call, and its price list for the input tokens.

    Args:
        events: with `canonical_model`, and what `price_events` needs.
        book: the price book.

    Returns:
        The rows in their order with `tier`, `price_region`, the columns of the sheet, and one unit price column per
        token type; NULL where there is no price.
    """
    tier = (
        pl.when(pl.col("is_batch"))
        .then(pl.lit("batch"))
        .otherwise(pl.col("service_tier").fill_null("standard"))
    )
    placed = _with_price_region(
        events.with_row_index("position").with_columns(
            tier=tier, input_total=pl.sum_horizontal(pl.col(name).cast(pl.Int64) for name in INPUT_FIELDS)
        ),
        book,
    )
    dated = placed.sort("started_at").join_asof(
        book.sheets,
        left_on="started_at",
        right_on="valid_from",
        by_left=["provider", "canonical_model", "tier", "price_region"],
        by_right=["provider", "model", "tier", "region"],
        suffix="_of_sheet",
        check_sortedness=False,
    )
    in_force = dated.with_columns(
        pl.when(pl.col("started_at") < pl.col("valid_to")).then(pl.col("sheet")).alias("sheet")
    )
    return (
        in_force.sort("input_total")
        .join_asof(
            book.price_lists,
            left_on="input_total",
            right_on="above_input_tokens",
            by="sheet",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .sort("position")
    )


def _with_price_region(events: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add `price_region`: the region of the call where the book has a price for it, else empty, for everywhere.

    Where no price of elsewhere holds it is NULL, and the call is unpriced.
    """
    regional = (
        book.sheets.filter(pl.col("region") != "").select("provider", "model", "tier", "region").unique()
    )
    return (
        events.with_columns(said_region=region())
        .join(
            regional.with_columns(price_region="region"),
            left_on=["provider", "canonical_model", "tier", "said_region"],
            right_on=["provider", "model", "tier", "region"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.when(pl.col("said_region").ne_missing(GOVERNMENT))
            .then(pl.col("price_region").fill_null(""))
            .otherwise(pl.col("price_region"))
            .alias("price_region")
        )
    )


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
