"""The price book in the warehouse: every price there ever was, and the installation's names of models, on bills too."""

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from meterhouse.pricing.book import SEEDS_FOLDER, as_text, read_listed
from meterhouse.pricing.merge import KEY
from meterhouse.pricing.update import apply, plan_update
from meterhouse.pricing.versions import current_book
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.prices_snapshot import snapshot_prices
from tests.dbt import raw

DAY = date(2026, 10, 1)
OVERRIDES = """
prices: [{provider: openai, model: house-model, usd_per_million: {input: 7}}]
discounts: [{provider: openai, percent: 50, models: [gpt-4o], tiers: [standard], from: 2026-07-01}]
aliases: [{provider: openai, alias: prod-chat, model: gpt-4o}]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A book, then the same with overrides, each as a build sees it."""
    folder = tmp_path_factory.mktemp("prices")
    settings = Settings(home=folder / "home")
    path = settings.warehouse_path
    raw.create(path, ("openai",))
    raw.add_connections(path, "c-openai")
    for item in ("prod-chat", "gpt-4o", "Prod-Chat-2026-01-31"):
        number = len(item)
        raw.pull(
            path,
            "c-openai",
            "costs",
            date(2026, 10, number),
            [{"amount_value": "1", "amount_currency": "usd", "line_item": f"{item}, input", "quantity": "1"}],
        )
    snapshot_prices(settings)
    before = current_book(settings)
    (folder / "overrides.yaml").write_text(OVERRIDES)
    settings = Settings(home=folder / "home", price_overrides_file=folder / "overrides.yaml")
    for _ in range(2):
        snapshot_prices(settings)
    models = ("+dim_price", "+int_model_aliases__unioned", "+int_openai__charges", "+int_prices__listed")
    assert raw.dbt(path, "build", "--indirect-selection", "cautious", "--select", *models) == []
    return path, before, current_book(settings)


def test_the_mart_holds_the_book_in_force_price_by_price(built):
    path, _, book = built
    rows = raw.rows(path, "select * from marts.dim_price where is_current")
    assert len(rows) == book.prices.height
    found = {
        (
            *(row[name] or "" for name in KEY),
            row["token_type"],
            row["above_input_tokens"],
            row["valid_from"],
        ): row
        for row in rows
    }
    for price in book.prices.iter_rows(named=True):
        since = None if price["valid_from"].year == 1 else price["valid_from"]
        row = found[
            (*(price[name] for name in KEY), price["token_type"], max(price["above_input_tokens"], 0), since)
        ]
        assert row["unit_price_usd"] == price["unit_price_usd"]
        assert (row["price_version"], row["source"]) == (price["price_version"], price["source"])


def test_a_price_that_is_superseded_is_ended_and_kept_once(built):
    path, before, book = built
    rows = raw.rows(path, "select * from marts.dim_price where not is_current")
    now = {
        tuple(row)
        for row in book.prices.select(*KEY, "token_type", "above_input_tokens", "price_version").rows()
    }
    was = {
        tuple(row)
        for row in before.prices.select(*KEY, "token_type", "above_input_tokens", "price_version").rows()
    }
    ended = {
        (
            *(row[n] or "" for n in KEY),
            row["token_type"],
            row["above_input_tokens"] or -1,
            row["price_version"],
        )
        for row in rows
    }
    assert ended >= was - now
    assert {row["model"] for row in rows} == {"gpt-4o"}
    assert all(row["recorded_at"] < row["superseded_at"] for row in rows)
    [half] = raw.rows(
        path,
        "select * from marts.dim_price where model = 'gpt-4o' and provider = 'openai' and tier = 'standard'"
        " and token_type = 'input' and is_current and source = 'override'",
    )
    assert (half["unit_price_usd"], half["valid_from"]) == (
        Decimal("0.00000125"),
        datetime(2026, 7, 1, tzinfo=UTC),
    )


def test_a_name_of_the_installations_own_stands_for_its_model_on_bills_too(built):
    path, _, _ = built
    found = raw.rows(path, "select sku, model from intermediate.int_openai__charges")
    assert {row["model"] for row in found} == {"gpt-4o"}
    assert len(found) == 3
    names = raw.rows(
        path, "select model from intermediate.int_model_aliases__unioned where alias = 'house-model'"
    )
    assert names == [{"model": "house-model"}]


LISTED = "provider = 'openai' and model = 'gpt-4o' and tier = 'standard' and token_type = 'input' and region is null"


def test_list_prices_are_those_of_the_book_whatever_was_negotiated(built):
    path, _, _ = built
    rows = raw.rows(path, "select * from intermediate.int_prices__listed")
    listed = read_listed(SEEDS_FOLDER).prices
    by_hour = listed.filter(pl.col("hours") != "")
    of_days = listed.join(by_hour, on=["provider", "model", "tier"], how="anti")
    assert by_hour.height
    assert len(rows) == of_days.height, (
        "each once, not of the release again, and none that depends on the hour"
    )
    [found] = raw.rows(
        path, f"select unit_price_usd as usd from intermediate.int_prices__listed where {LISTED}"
    )
    assert found["usd"] == Decimal("0.0000025")


def test_list_prices_follow_an_update_of_the_book(tmp_path):
    settings, now = Settings(home=tmp_path / "home"), datetime.now(UTC)
    prices = read_listed(SEEDS_FOLDER).prices
    of_model = prices.filter(
        pl.col("provider") == "openai", pl.col("model") == "gpt-4o", pl.col("tier") == "standard"
    )
    raised = of_model.with_columns(
        (pl.col("unit_price_usd") * 2).cast(of_model.schema["unit_price_usd"]),
        valid_from=pl.lit(datetime(2026, 9, 1, tzinfo=UTC)).cast(of_model.schema["valid_from"]),
    )
    as_text(raised).write_csv(tmp_path / "newer.csv")
    apply(settings, plan_update(settings, [str(tmp_path / "newer.csv")], now, now), now)
    snapshot_prices(settings)
    rows = raw.rows(
        settings.warehouse_path,
        f"select unit_price_usd as usd from raw_control.listed_prices where {LISTED} order by 1",
    )
    assert [row["usd"] for row in rows] == [Decimal("0.0000025"), Decimal("0.000005")]


def test_prices_recorded_before_there_were_hours_are_kept(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with warehouse(settings, "test") as path, duckdb.connect(path) as database:
        database.execute("create schema raw_control")
    snapshot_prices(settings)
    with warehouse(settings, "test") as path, duckdb.connect(path) as database:
        database.execute("alter table raw_control.prices drop column hours")
    snapshot_prices(settings)
    with warehouse(settings, "test") as path, duckdb.connect(path) as database:
        rows = database.execute(
            "select superseded_at is null, hours is null, count(*) from raw_control.prices group by all order by all"
        ).fetchall()
    by_hour = current_book(settings).prices.filter(pl.col("hours") != "").height
    of_days = current_book(settings).prices.height - by_hour
    assert rows == [(False, True, by_hour), (True, False, by_hour), (True, True, of_days)]
