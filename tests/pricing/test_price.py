"""The pricing of events against an oracle that prices one event at a time, in Python decimals."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.events.schema import BUCKETS, EVENT_SCHEMA
from meterhouse.pricing.book import PriceBook, load_price_book, price_book
from meterhouse.pricing.price import INPUT_FIELDS, price_events

EMPTY_EVENT = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema
HEADER = [
    "provider",
    "model",
    "tier",
    "token_type",
    "above_input_tokens",
    "valid_from",
    "valid_to",
    "unit_price_usd",
    "price_version",
]
SHEETS = [
    "acme,m1,standard,input,0,,2026-06-01T00:00:00Z,0.0000025,v1",
    "acme,m1,standard,output,0,,2026-06-01T00:00:00Z,0.00001,v1",
    "acme,m1,standard,input,0,2026-06-01T00:00:00Z,,0.000002000000000001,v2",
    "acme,m1,standard,output,0,2026-06-01T00:00:00Z,,0.000008,v2",
    "acme,m1,standard,cache_read,0,2026-06-01T00:00:00Z,,0.000000123456789,v2",
    "acme,m1,standard,input,1000,2026-06-01T00:00:00Z,,0.000004,v2",
    "acme,m1,standard,output,1000,2026-06-01T00:00:00Z,,0.000012,v2",
    "acme,m1,batch,input,0,2026-07-01T00:00:00Z,2026-08-01T00:00:00Z,0.000001,v3",
    "acme,talk,standard,audio_seconds,0,,,0.000283333333333333,v4",
]
BOOK = price_book(
    pl.DataFrame([row.split(",") for row in SHEETS], schema=HEADER, orient="row").with_columns(
        pl.col("valid_from", "valid_to").replace("", None)
    ),
    pl.DataFrame({"provider": ["acme", "acme"], "alias": ["m1", "m-one"], "model": ["m1", "m1"]}),
)


def price(*events: dict, book: PriceBook = BOOK) -> list[dict]:
    """Events with the fields that matter filled in, priced."""
    defaults = {"provider": "acme", "model": "m1", "started_at": datetime(2026, 9, 1, tzinfo=UTC)}
    rows = [{name: (defaults | event).get(name) for name in EMPTY_EVENT} for event in events]
    return price_events(pl.DataFrame(rows, schema=EMPTY_EVENT), book).to_dicts()


def oracle(event: dict) -> tuple[str, Decimal | None]:
    """Status and cost of one event, read from `SHEETS` line by line."""
    quantities = {b.token_type: event[b.field] for b in BUCKETS if event.get(b.field) is not None}
    tier = "batch" if event.get("is_batch") else event.get("service_tier") or "standard"
    at = event["started_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [row.split(",") for row in SHEETS]
    sheet = [
        r for r in rows if r[:3] == ["acme", event["model"], tier] and (r[5] or "0") <= at < (r[6] or "9")
    ]
    total = sum(event.get(name) or 0 for name in INPUT_FIELDS)
    above = max((int(r[4]) for r in sheet if int(r[4]) < total), default=0)
    prices = {r[3]: Decimal(r[7]) for r in sheet if int(r[4]) == above}
    if quantities and sheet and all(q == 0 or t in prices for t, q in quantities.items()):
        cent = Decimal("1e-12")
        return "priced", sum(
            (q * prices[t]).quantize(cent, ROUND_HALF_UP) for t, q in quantities.items() if q
        ) + Decimal(0)
    if event.get("client_cost_usd") is not None:
        return "client_reported", event["client_cost_usd"]
    if quantities:
        return "unpriced", None
    is_uncalled = (
        event.get("outcome") in ("error", "blocked", "would_block") or event.get("operation") == "tool"
    )
    return ("skipped" if is_uncalled else "usage_missing"), None


counts = st.none() | st.integers(0, 2000) | st.integers(0, 10**15)
EVENTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["m1", "talk", "nobody"]),
        "started_at": st.sampled_from(
            [datetime(2026, month, 1, hour, tzinfo=UTC) for month in (5, 6, 7, 8) for hour in (0, 1)]
        ),
        "service_tier": st.sampled_from([None, "standard", "flex", "unknown"]),
        "is_batch": st.sampled_from([None, False, True]),
        "input_tokens": counts,
        "output_tokens": counts,
        "cache_read_tokens": st.none() | st.integers(0, 1500),
        "audio_seconds": st.none() | st.decimals(0, 10**6, places=6),
        "client_cost_usd": st.none() | st.decimals(0, 100, places=12),
        "outcome": st.sampled_from([None, "ok", "error", "blocked"]),
        "operation": st.sampled_from([None, "chat", "tool"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=8))
def test_a_frame_is_priced_as_one_event_at_a_time_would_be(events):
    assert [(row["cost_status"], row["cost_usd"]) for row in price(*events)] == [oracle(e) for e in events]


@settings(max_examples=50, deadline=None)
@given(EVENTS)
def test_the_cost_is_the_exact_sum_of_its_buckets_or_there_are_none(event):
    (row,) = price(event)
    buckets = [row[bucket.cost_field] for bucket in BUCKETS]
    if row["cost_status"] == "priced":
        assert row["cost_usd"] == sum(cost for cost in buckets if cost is not None)
    else:
        assert buckets == [None] * len(BUCKETS)
        assert row["price_version"] is None


def test_one_token_beyond_the_threshold_reprices_the_whole_request():
    at, beyond = price(
        {"input_tokens": 900, "cache_read_tokens": 100, "output_tokens": 10},
        {"input_tokens": 1001, "cache_read_tokens": 0, "output_tokens": 10},
    )
    assert at["cost_usd"] == Decimal("0.001892345679")
    assert beyond["cost_usd"] == 1001 * Decimal("0.000004") + 10 * Decimal("0.000012")


def test_a_cost_beyond_twelve_places_is_rounded_half_up():
    (row,) = price({"cache_read_tokens": 500})
    assert 500 * Decimal("0.000000123456789") == Decimal("0.0000617283945")
    assert row["cache_read_cost_usd"] == Decimal("0.000061728395")


@pytest.mark.parametrize(
    ("event", "status", "cost"),
    [
        ({"input_tokens": 1}, "priced", Decimal("0.000002")),
        ({"input_tokens": 0, "images": 0}, "priced", Decimal(0)),
        ({"input_tokens": 1, "images": 1}, "unpriced", None),
        ({"input_tokens": 1, "service_tier": "priority"}, "unpriced", None),
        ({"input_tokens": 1, "model": "nobody"}, "unpriced", None),
        (
            {"input_tokens": 1, "model": "nobody", "client_cost_usd": Decimal("0.5")},
            "client_reported",
            Decimal("0.5"),
        ),
        ({"input_tokens": 1, "client_cost_usd": Decimal("0.5")}, "priced", Decimal("0.000002")),
        ({}, "usage_missing", None),
        ({"outcome": "error"}, "skipped", None),
        ({"outcome": "error", "input_tokens": 1}, "priced", Decimal("0.000002")),
        ({"operation": "tool", "model": None}, "skipped", None),
        (
            {"operation": "tool", "model": None, "client_cost_usd": Decimal("0.5")},
            "client_reported",
            Decimal("0.5"),
        ),
        ({"input_tokens": 1, "model": "M-One "}, "priced", Decimal("0.000002")),
        (
            {"input_tokens": 1, "model": "asked", "response_model": "m1-2026-01-02"},
            "priced",
            Decimal("0.000002"),
        ),
    ],
)
def test_unknown_is_never_a_cost_of_nothing(event, status, cost):
    (row,) = price(event)
    assert (row["cost_status"], row["cost_usd"]) == (status, cost)


def test_pricing_keeps_rows_order_and_columns_and_prices_twice_alike():
    events = pl.DataFrame(
        [
            dict.fromkeys(EMPTY_EVENT)
            | {"event_id": str(n), "provider": "acme", "model": "m1", "input_tokens": 3000 - n}
            | {"started_at": datetime(2026, 9, 30 - n % 30, tzinfo=UTC)}
            for n in range(100)
        ],
        schema=EMPTY_EVENT,
    )
    once = price_events(events, BOOK)
    assert once.select(events.columns).equals(events)
    assert price_events(once, BOOK).equals(once)
    assert price_events(events.clear(), BOOK).schema == once.schema


def test_the_demo_models_have_standard_and_batch_prices_today():
    events = [
        {"provider": provider, "model": model, "is_batch": is_batch, "input_tokens": 10, "output_tokens": 5}
        | {"started_at": datetime(2026, 11, 23, tzinfo=UTC)}
        for provider, model in (
            ("openai", "gpt-4o"),
            ("openai", "gpt-5-mini-2025-08-07"),
            ("anthropic", "claude-sonnet-4-5-20250929"),
            ("anthropic", "claude-haiku-4-5"),
        )
        for is_batch in (False, True)
    ]
    costs = [row["cost_usd"] for row in price(*events, book=load_price_book())]
    assert all(batch * 2 == standard > 0 for standard, batch in zip(costs[::2], costs[1::2], strict=True))
