"""Price overrides: faults by line, and what negotiated prices and discounts do to the book, day by day."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.events.schema import EVENT_SCHEMA
from meterhouse.pricing.book import PRICE_KEY, load_price_book, price_book
from meterhouse.pricing.overrides_file import OverridesError, parse_overrides
from meterhouse.pricing.price import price_events

SCHEMA = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema
PRICES = pl.DataFrame(
    [
        ("acme", "m1", "standard", "", "input", "0", None, "0.000002", "v1"),
        ("acme", "m1", "standard", "", "output", "0", None, "0.000008", "v1"),
        ("acme", "m1", "standard", "", "input", "1000", None, "0.000004", "v1"),
        ("acme", "m1", "standard", "", "output", "1000", None, "0.000012", "v1"),
        ("acme", "m1", "batch", "", "input", "0", None, "0.000001", "v2"),
        ("acme", "m2", "standard", "", "input", "0", None, "0.000003", "v3"),
        ("acme", "m2", "standard", "eu", "input", "0", None, "0.0000033", "v4"),
    ],
    schema=[
        *("provider", "model", "tier", "region", "token_type", "above_input_tokens", "valid_from"),
        *("unit_price_usd", "price_version"),
    ],
    orient="row",
    schema_overrides={"valid_from": pl.String},
).with_columns(valid_to=pl.lit(None, pl.String))
ALIASES = pl.DataFrame({"provider": ["acme"] * 2, "alias": ["m1", "m2"], "model": ["m1", "m2"]})
FILE = """\
prices:
  - {provider: acme, model: m1, from: 2026-03-01, to: 2026-03-31, usd_per_million: {input: 1.50}}
  - {provider: acme, model: House-Model, usd_per_million: {input: 7, output: 9}, usd_per_unit: {images: 0.04}}
discounts:
  - {provider: acme, percent: 10, from: 2026-02-01}
  - {provider: acme, percent: 25, models: [m2]}
aliases:
  - {provider: acme, alias: prod-chat, model: m1}
"""


def cost(text, **event):
    book = price_book(PRICES, ALIASES, parse_overrides(text, "o.yaml"))
    at = event.pop("at", datetime(2026, 3, 15, tzinfo=UTC))
    row = dict.fromkeys(SCHEMA) | {"provider": "acme", "started_at": at} | event
    return price_events(pl.DataFrame([row], schema=SCHEMA), book).row(0, named=True)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # Before any override the list price holds, with the list's version.
        ({"model": "m1", "at": datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "input_tokens": 100}, "0.0002"),
        # The discount's first day, and the last moment before the negotiated price.
        ({"model": "m1", "at": datetime(2026, 2, 1, tzinfo=UTC), "input_tokens": 100}, "0.00018"),
        ({"model": "m1", "at": datetime(2026, 2, 28, 23, 59, tzinfo=UTC), "input_tokens": 100}, "0.00018"),
        # The negotiated price is final; output, which it does not name, stays discounted; both days are included.
        (
            {"model": "m1", "at": datetime(2026, 3, 1, tzinfo=UTC), "input_tokens": 100, "output_tokens": 10},
            "0.000222",
        ),
        ({"model": "m1", "at": datetime(2026, 3, 31, 23, 59, tzinfo=UTC), "input_tokens": 100}, "0.00015"),
        ({"model": "m1", "at": datetime(2026, 4, 1, tzinfo=UTC), "input_tokens": 100}, "0.00018"),
        # It names no threshold, so it holds beyond the threshold too; output there is discounted from its own price.
        ({"model": "m1", "input_tokens": 1001, "output_tokens": 10}, "0.0016095"),
        # The discount that names the model counts alone, in every region.
        ({"model": "m2", "input_tokens": 100}, "0.000225"),
        ({"model": "m2", "region": "EU", "input_tokens": 100}, "0.0002475"),
        ({"model": "m1", "is_batch": True, "input_tokens": 100}, "0.00009"),
        # A deployment by its alias, and a private model that no book lists; no discount is off its price.
        ({"model": "prod-chat", "input_tokens": 100}, "0.00015"),
        ({"model": "house-model", "input_tokens": 100, "images": 2}, "0.0807"),
    ],
)
def test_an_override_holds_on_its_days_and_for_what_it_names(event, expected):
    assert cost(FILE, **event)["cost_usd"] == Decimal(expected)


def test_each_changed_sheet_has_a_version_of_its_own_and_the_others_keep_theirs():
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in (1, 2, 3, 4)]
    versions = [cost(FILE, model="m1", input_tokens=1, at=day)["price_version"] for day in days]
    assert versions[0] == "v1"
    assert len(set(versions)) == 4
    assert versions == [cost(FILE, model="m1", input_tokens=1, at=day)["price_version"] for day in days]
    dearer = FILE.replace("1.50", "1.51")
    assert cost(dearer, model="m1", input_tokens=1)["price_version"] not in versions


def test_a_threshold_and_a_region_of_ones_own_start_as_the_list_they_part_from():
    own = """\
prices:
  - {provider: acme, model: m1, above_input_tokens: 500, usd_per_million: {input: 1}}
  - {provider: acme, model: m2, region: us, usd_per_million: {output: 5}}
"""
    assert cost(own, model="m1", input_tokens=500)["cost_usd"] == Decimal("0.001")
    assert cost(own, model="m1", input_tokens=501, output_tokens=1)["cost_usd"] == Decimal("0.000509")
    assert cost(own, model="m1", input_tokens=1001, output_tokens=1)["cost_usd"] == Decimal("0.001013")
    assert cost(own, model="m2", region="us", input_tokens=1, output_tokens=1)["cost_usd"] == Decimal(
        "0.000008"
    )
    assert cost(own, model="m2", input_tokens=1, output_tokens=1)["cost_status"] == "unpriced"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("prices: [", "o.yaml:1: the YAML cannot be read: "),
        ("- 1", "o.yaml:1: the file must hold the lists prices, discounts, aliases."),
        (
            "discount: []",
            "o.yaml:1: unknown key 'discount'; the file holds the lists prices, discounts, aliases.",
        ),
        ("prices: 5", "o.yaml:1: prices must be a list."),
        ("prices:\n  - 5", "o.yaml:2: a price must be a mapping with provider, from, to, model, "),
        (
            "prices:\n  - {provider: acme, model: m1}",
            "o.yaml:2: a price: it has no price; give usd_per_million",
        ),
        (
            "prices:\n  - provider: acme\n    model: m1\n    usd_per_million: {inptu: 1}",
            "o.yaml:4: a price: usd_per_million.inptu: 'inptu' is no token type; did you mean 'input'?",
        ),
        (
            "prices:\n  - provider: acme\n    model: m1\n    usd_per_million:\n      input: -1",
            "o.yaml:5: a price: usd_per_million.input: Input should be greater than or equal to 0.",
        ),
        (
            "prices:\n  - {provider: a, model: m, usd_per_million: {input: 1}, usd_per_unit: {input: 1}}",
            "o.yaml:2: a price: input is priced per million and per unit; keep one.",
        ),
        (
            "discounts:\n  - {provider: acme, percent: 101}",
            "o.yaml:2: a discount: percent: Input should be less",
        ),
        ("discounts:\n  - {percent: 10}", "o.yaml:2: a discount has no provider."),
        (
            "discounts:\n  - {provider: a, percent: 5, form: 2026-01-01}",
            "unknown key 'form'; did you mean 'from'?",
        ),
        (
            "discounts:\n  - {provider: a, percent: 5, from: 2026-02-01, to: 2026-01-01}",
            "o.yaml:2: a discount: to (2026-01-01) is before from (2026-02-01).",
        ),
        (
            "discounts:\n  - {provider: a, percent: 5}\n  - {provider: a, percent: 6, from: 2026-01-01}",
            "o.yaml:3: a discount on line 2 says the same for the same days; remove one of the two.",
        ),
        (
            "aliases:\n  - {provider: a, alias: x, alias: y, model: m}",
            "o.yaml:2: the key 'alias' stands twice.",
        ),
    ],
)
def test_a_fault_is_one_sentence_with_file_and_line(text, fault):
    with pytest.raises(OverridesError) as refused:
        parse_overrides(text, "o.yaml")
    assert any(fault in sentence for sentence in refused.value.faults), refused.value.faults


def test_a_discount_on_what_nobody_prices_is_refused():
    for text, words in (
        (
            "discounts:\n  - {provider: acme, percent: 5, models: [m1, m9]}",
            "o.yaml:2: .*no price is known for acme 'm9'",
        ),
        ("discounts:\n  - {provider: nobody, percent: 5}", "o.yaml:2: .*no price is known for 'nobody'"),
    ):
        with pytest.raises(OverridesError, match=words):
            price_book(PRICES, ALIASES, parse_overrides(text, "o.yaml"))


def test_the_command_checks_the_file_that_the_setting_names(tmp_path, monkeypatch):
    file = tmp_path / "overrides.yaml"
    monkeypatch.setenv("METERHOUSE_PRICE_OVERRIDES_FILE", str(file))
    missing = CliRunner().invoke(app, ["prices", "check"])
    assert missing.exit_code == 1
    assert "cannot be read: No such file" in missing.output
    file.write_text(
        "discounts:\n  - {provider: anthropic, percent: 12.5, models: [claude-haiku-4-5-20251001]}\n"
    )
    done = CliRunner().invoke(app, ["prices", "check", "--json"])
    assert done.exit_code == 0, done.output
    assert '"percent": "12.5"' in done.output


def test_a_discount_on_a_whole_provider_takes_the_same_share_off_every_price(tmp_path):
    file = tmp_path / "overrides.yaml"
    file.write_text("discounts:\n  - {provider: openrouter, percent: 12.5}\n")
    listed, lowered = load_price_book(), load_price_book(file)
    both = listed.prices.join(lowered.prices, on=PRICE_KEY, suffix="_now")
    share = pl.when(pl.col("provider") == "openrouter").then(Decimal("0.875")).otherwise(Decimal(1))
    wanted = both.with_columns(wanted=(pl.col("unit_price_usd") * share).cast(pl.Decimal(38, 18)))
    assert both.height == listed.prices.height == lowered.prices.height
    assert wanted.filter(
        (pl.col("wanted") - pl.col("unit_price_usd_now")).abs() > Decimal("1e-17")
    ).is_empty()
