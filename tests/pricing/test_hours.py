"""Prices by the time of day: which hold when, that each call has one, and what newer books and overrides do to them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pytest
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.pricing import genai_prices_source
from meterhouse.pricing.book import as_text, listed, load_price_book, price_book
from meterhouse.pricing.merge import merged
from meterhouse.pricing.overrides_file import load_overrides
from tests.pricing.test_price import price

BOOK = load_price_book()
DEEPSEEK = {"provider": "deepseek", "model": "deepseek-v4-flash", "input_tokens": 1_000_000}
DAY, PEAK = Decimal("0.15"), Decimal("0.3")
COLUMNS = [
    "provider",
    "model",
    "tier",
    "region",
    "hours",
    "token_type",
    "above_input_tokens",
    "unit_price_usd",
]
ALIASES = pl.DataFrame({"provider": ["acme"], "alias": ["m"], "model": ["m"]})
HOLDS_FROM = datetime(2026, 11, 1, tzinfo=UTC)


def book_of(prices_by_hours, model="m", region="", valid_from=None, overrides=None):
    rows = [
        ("acme", model, "standard", region, hours, "input", "0", usd)
        for hours, usd in prices_by_hours.items()
    ]
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(
        price_version=pl.format("v{}", "hours"),
        source=pl.lit("genai-prices"),
        valid_from=pl.lit(valid_from, pl.String),
    )
    return price_book(frame, ALIASES, overrides)


def costs(book, *moments, **event):
    calls = ({"model": "m", "input_tokens": 1} | event | {"started_at": moment} for moment in moments)
    return [row["cost_usd"] for row in price(*calls, book=book)]


@pytest.mark.parametrize(
    ("moment", "cost"),
    [
        ("2026-11-20T00:59:59.999999", DAY),
        ("2026-11-20T01:00:00", PEAK),
        ("2026-11-20T03:59:59.999999", PEAK),
        ("2026-11-20T04:00:00", DAY),
        ("2026-11-20T06:00:00", PEAK),
        ("2026-11-20T10:00:00", DAY),
        ("2026-09-10T01:00:00", PEAK),
        ("2026-09-09T01:00:00", Decimal("0.22")),
        ("2026-08-01T01:00:00", Decimal("0.14")),
    ],
)
def test_a_call_costs_what_its_hour_does_once_hours_had_prices(moment, cost):
    started = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    (row,) = price(DEEPSEEK | {"started_at": started}, book=BOOK)
    assert (row["cost_status"], row["cost_usd"]) == ("priced", cost)


def test_models_that_the_source_lists_at_prices_long_gone_are_unpriced():
    rows = price(*(DEEPSEEK | {"model": name} for name in ("deepseek-chat", "deepseek-reasoner")), book=BOOK)
    assert [row["cost_status"] for row in rows] == ["unpriced", "unpriced"]
    source = next(one for one in providers if one.id == "deepseek")
    assert {one.id for one in source.models} >= set(genai_prices_source.OUTDATED["deepseek"])


SPANS = st.lists(st.integers(0, 24 * 60 - 1), min_size=2, max_size=8, unique=True)


@settings(deadline=None)
@given(SPANS, st.booleans(), st.lists(st.integers(0, 24 * 60 * 60 - 1), min_size=1, max_size=20))
def test_every_call_is_priced_once_by_the_span_it_falls_in(minutes, is_over_midnight, seconds):
    edges = [time(minute // 60, minute % 60) for minute in sorted(minutes)]
    if is_over_midnight:
        edges = [*edges[1:], edges[0]]
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    prices = {f"{start:%H:%M}-{end:%H:%M}": str(at + 2) for at, (start, end) in enumerate(spans)}
    moments = [datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]

    def expected(moment):
        for at, (start, end) in enumerate(spans):
            called = moment.time()
            if (start <= called < end) if start <= end else (called >= start or called < end):
                return Decimal(at + 2)
        return Decimal(1)

    assert costs(book_of({"": "1"} | prices), *moments) == [expected(moment) for moment in moments]


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (["9-17"], "write HH:MM-HH:MM, in UTC"),
        (["24:00-03:00"], "write HH:MM-HH:MM, in UTC"),
        (["09:00-17:00", "16:59-18:00"], "acme m twice, in the hours 09:00-17:00 and 16:59-18:00; part them"),
        (["22:00-02:00", "01:00-03:00"], "twice"),
    ],
)
def test_hours_that_cannot_be_read_or_overlap_are_refused(hours, words):
    with pytest.raises(ValueError, match=words):
        book_of(dict.fromkeys(hours, "1"))


def test_hours_without_a_price_of_the_whole_day_leave_the_rest_unpriced():
    noon, night = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert costs(book_of({"09:00-17:00": "3"}), noon, night) == [Decimal(3), None]


def test_overrides_hold_at_every_hour_and_discounts_are_off_each(tmp_path):
    file = tmp_path / "overrides.yaml"
    noon, night = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC)
    prices = {"": "2", "09:00-17:00": "4"}

    def overridden(text, **event):
        file.write_text(text)
        return costs(book_of(prices, overrides=load_overrides(file)), noon, night, **event)

    said = "{provider: acme, model: m, usd_per_unit: {input: 1.5}"
    assert overridden(f"prices: [{said}}}]") == [Decimal("1.5"), Decimal("1.5")]
    assert overridden("discounts: [{provider: acme, percent: 25}]") == [Decimal(3), Decimal("1.5")]
    in_region = f"prices: [{said.replace('input', 'output')}, region: eu}}]"
    assert overridden(in_region, region="eu") == [Decimal(4), Decimal(2)]


@pytest.mark.parametrize(
    ("newer", "before", "after"),
    [
        pytest.param({"": "2", "10:00-18:00": "4"}, [2, 4, 4], [2, 4, 2], id="the hours move"),
        pytest.param({"": "2"}, [2, 4, 4], [2, 2, 2], id="the hours end"),
        pytest.param({"": "2", "09:00-17:00": "5"}, [2, 4, 4], [2, 5, 5], id="the price changes"),
        pytest.param({"09:00-17:00": "4"}, [2, 4, 4], [2, 4, 4], id="the day is not listed"),
    ],
)
def test_a_newer_book_changes_hours_from_the_day_on_and_not_before(newer, before, after):
    held = book_of({"": "2", "09:00-17:00": "4"}).prices
    both = merged(held, book_of(newer).prices, HOLDS_FROM)
    book = price_book(as_text(both), ALIASES)
    hours = (8, 16, 9)
    for day, expected in ((date(2026, 10, 31), before), (date(2026, 11, 1), after)):
        moments = [datetime.combine(day, time(hour), UTC) for hour in hours]
        wanted = [Decimal(expected[0]), Decimal(expected[1]), Decimal(expected[2])]
        assert costs(book, *moments) == wanted


def test_hours_survive_being_written_and_read():
    assert listed(as_text(BOOK.prices)).select("hours").equals(BOOK.prices.select("hours"))


def test_a_book_written_before_there_were_hours_is_one_of_whole_days():
    old = as_text(BOOK.prices.filter(pl.col("hours") == "")).drop("hours")
    assert listed(old)["hours"].unique().to_list() == [""]
