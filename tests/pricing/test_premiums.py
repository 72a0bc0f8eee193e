"""What a region costs above everywhere: by the token, of the models that have it, and never where it is not known."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.pricing.book import SEEDS_FOLDER, Listing, load_price_book, shaped
from meterhouse.pricing.import_litellm_prices import premium_rows
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME
from meterhouse.pricing.premiums import merged_premiums, premiums_of, read_premiums, write_premiums
from tests.pricing.test_price import BOOK as SMALL_BOOK
from tests.pricing.test_price import price

BOOK = load_price_book()
LATELY = {"started_at": datetime(2026, 11, 20, tzinfo=UTC)}
TOKENS = {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 10, "cache_write_5m_tokens": 10}


def costs(*calls):
    return [row["cost_usd"] for row in price(*({**TOKENS, **call} for call in calls), book=BOOK)]


@pytest.mark.parametrize(
    ("call", "here", "elsewhere", "factor"),
    [
        (
            {"provider": "anthropic", "model": "claude-opus-4-6"},
            ["us", " US "],
            [None, "global", "eu"],
            "1.1",
        ),
        (
            {"provider": "anthropic", "model": "claude-opus-4-6", "is_batch": True} | LATELY,
            ["us"],
            [None],
            "1.1",
        ),
        ({"provider": "anthropic", "model": "claude-haiku-4-5"}, ["us"], [None], "1"),
        (
            {"provider": "google", "model": "claude-sonnet-4-5@20250929"},
            ["us-east5", "eu"],
            [None, "global", ""],
            "1.1",
        ),
        (
            {"provider": "google", "model": "gemini-2.5-pro", "cache_write_5m_tokens": 0},
            ["us-east5"],
            [None],
            "1",
        ),
        (
            {"provider": "aws_bedrock"},
            [
                ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", None),
                ("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1"),
            ],
            [("global.anthropic.claude-sonnet-4-5-20250929-v1:0", None)],
            "1.2",
        ),
    ],
)
def test_a_region_costs_its_factor_more(call, here, elsewhere, factor):
    placed = [
        {"model": one[0], "region": one[1]} if isinstance(one, tuple) else {"region": one}
        for one in (*here, *elsewhere)
    ]
    found = costs(*(call | place for place in placed))
    assert None not in found
    base = set(found[len(here) :])
    assert len(base) == 1
    assert set(found[: len(here)]) == {base.pop() * Decimal(factor)}


def test_what_is_not_counted_in_tokens_has_no_premium():
    call = {"provider": "anthropic", "model": "claude-opus-4-6", "web_searches": 3}
    near, far = price(call | {"region": "us"}, call, book=BOOK)
    assert near["web_searches_cost_usd"] == far["web_searches_cost_usd"] == Decimal("0.03")
    assert near["price_version"] != far["price_version"]


def test_a_model_without_a_price_in_govcloud_is_unpriced_there_not_priced_as_elsewhere():
    model = "amazon.nova-pro-v1:0"
    near, far = costs(
        *(
            {"provider": "aws_bedrock", "model": name, "cache_write_5m_tokens": 0}
            for name in (f"us-gov.{model}", f"us.{model}")
        )
    )
    assert near is None
    assert far > 0


def test_every_regional_price_is_the_listed_one_times_its_factor():
    premiums = read_premiums(SEEDS_FOLDER)
    key = ["provider", "model", "tier", "token_type", "above_input_tokens", "valid_from"]
    both = (
        BOOK.prices.filter(pl.col("region") != "")
        .join(premiums, on=["provider", "model", "region"])
        .join(BOOK.prices.filter(pl.col("region") == ""), on=key, suffix="_base")
    )
    assert both.height > 500
    for row in both.iter_rows(named=True):
        factor = 1 if row["token_type"] in ("web_searches", "file_search") else row["multiplier"]
        assert row["unit_price_usd"] == row["unit_price_usd_base"] * factor, row


def test_factors_are_read_where_the_table_is_of_one_mind():
    prices = {"input_cost_per_token": Decimal("0.000003"), "output_cost_per_token": Decimal("0.000015")}
    dearer = {name: cost * Decimal("1.2") for name, cost in prices.items()}
    table = {
        "claude-opus-4-6": {
            "litellm_provider": "anthropic",
            "provider_specific_entry": {"us": Decimal("1.1")},
        },
        "gpt-4o": {"litellm_provider": "openai", "regional_processing_uplift_multiplier_eu": Decimal("1.10")},
        "gpt-4.1": {"litellm_provider": "openai", "regional_processing_uplift_multiplier_eu": Decimal("1.1")},
        "gpt-4.1-2025-04-14": {
            "litellm_provider": "openai",
            "regional_processing_uplift_multiplier_eu": Decimal("1.2"),
        },
        "gpt-unheard-of": {
            "litellm_provider": "openai",
            "regional_processing_uplift_multiplier_eu": Decimal("1.1"),
        },
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0": prices,
        "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0": dearer,
        "global.anthropic.claude-haiku-4-5-20251001-v1:0": prices,
        "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0": dearer
        | {"input_cost_per_token": Decimal("0.000003")},
    }
    rows = premium_rows(table, BOOK.aliases, "1", "2026-11-27T00:00:00Z")
    assert {(row["provider"], row["model"], row["region"], row["multiplier"]) for row in rows} == {
        ("anthropic", "claude-opus-4-6", "us", "1.1"),
        ("openai", "gpt-4o", "eu", "1.1"),
        ("aws_bedrock", "claude-sonnet-4-5", "us-gov", "1.2"),
    }


# ---------------------------------------------------------------- newer premiums

FROM = datetime(2026, 11, 1, tzinfo=UTC)


def premiums(*rows):
    columns = ["provider", "model", "region", "multiplier", "valid_from", "source", "source_version"]
    cells = [("acme", *row.split(","), "litellm", "1") for row in rows]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    return premiums_of(frame.with_columns(pl.col("valid_from").replace("", None)))


def priced(*models):
    return pl.DataFrame({"provider": ["acme"] * len(models), "model": models}, schema_overrides=_TEXT)


_TEXT = {"provider": pl.String, "model": pl.String}


@pytest.mark.parametrize(
    ("offered", "spans"),
    [
        pytest.param(("m,us,1.1,",), [("1.1", None, None)], id="the same"),
        pytest.param((), [("1.1", None, None)], id="no longer listed"),
        pytest.param(
            ("m,us,1.2,",), [("1.1", None, "2026-11-01"), ("1.2", "2026-11-01", None)], id="another factor"
        ),
    ],
)
def test_a_premium_changes_from_the_day_on_and_none_is_lost(offered, spans):
    merged = merged_premiums(premiums("m,us,1.1,"), premiums(*offered), priced("m"), FROM)
    assert merged_premiums(merged, premiums(*offered), priced("m"), FROM).equals(merged), "twice is once"
    open_ends = {"0001-01-01": None, "9999-12-31": None}
    found = [
        (f"{row['multiplier'].normalize()}", *(open_ends.get(day, day) for day in days))
        for row in merged.iter_rows(named=True)
        if (days := [f"{row[name].date()}" for name in ("valid_from", "valid_to")])
    ]
    assert found == spans


def test_a_new_premium_leaves_the_past_of_a_model_that_had_a_price():
    merged = merged_premiums(premiums(), premiums("old,us,1.1,", "new,us,1.1,"), priced("old"), FROM)
    assert {row["model"]: row["valid_from"] for row in merged.iter_rows(named=True)} == {
        "old": FROM,
        "new": BEGINNING_OF_TIME,
    }


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("1.1", "1.2", "1.3")), st.integers(1, 28))),
    st.booleans(),
)
def test_there_is_one_premium_at_a_time_however_often_it_changes(changes, had_a_price):
    held = premiums()
    for model, multiplier, day in sorted(changes, key=lambda change: change[2]):
        since = datetime(2026, 11, day, tzinfo=UTC)
        held = merged_premiums(
            held, premiums(f"{model},us,{multiplier},"), priced(*("ab" if had_a_price else ())), since
        )
        now = held.filter(pl.col("model") == model, pl.col("valid_to") == END_OF_TIME)
        assert now["multiplier"].to_list() == [Decimal(multiplier)]
    ends = held.sort("model", "valid_from").with_columns(before=pl.col("valid_to").shift().over("model"))
    assert ends.filter(pl.col("before") > pl.col("valid_from")).is_empty()
    assert ends.filter(pl.col("before") < pl.col("valid_from")).is_empty(), "and no gap"


def test_a_premium_that_changed_prices_each_day_by_its_own_factor(tmp_path):
    changed = merged_premiums(
        premiums("m1,us,1.1,"), premiums("m1,us,1.5,"), priced("m1"), datetime(2026, 7, 1, tzinfo=UTC)
    )
    write_premiums(tmp_path, changed)
    assert read_premiums(tmp_path).equals(changed)
    book = shaped(Listing(SMALL_BOOK.prices, SMALL_BOOK.aliases, read_premiums(tmp_path)))
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7)]
    near = price(
        *(
            {
                "model": "m1",
                "region": "us",
                "output_tokens": 1,
                "started_at": moment,
            }
            for moment in moments
        ),
        book=book,
    )
    assert [row["cost_usd"] for row in near] == [
        Decimal("0.000011"),
        Decimal("0.0000088"),
        Decimal("0.000012"),
    ]
    assert len({row["price_version"] for row in near}) == 3
