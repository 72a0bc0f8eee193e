"""`meterhouse prices what-if`: with nothing changed it is what was stored, and each change is one multiplication."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.settings import Settings
from tests.pricing.published import publish

NOON = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=12)
CALL = {"provider": "openai", "model": "gpt-4o", "outcome": "ok", "customer": "acme", "input_tokens": 1000}
CALLS = [
    CALL | {"output_tokens": 100, "cache_read_tokens": 200},
    CALL | {"customer": "zeta", "output_tokens": 10, "is_batch": True},
    CALL | {"started_at": NOON - timedelta(days=3), "customer": None},
    CALL | {"model": "gpt-4o-mini-2024-07-18", "response_model": "gpt-4o-mini", "output_tokens": 7},
    CALL | {"model": "house", "client_cost_usd": Decimal("0.5")},
    CALL | {"model": "nobody-knows"},
    CALL
    | {
        "provider": "anthropic",
        "model": "claude-haiku-4-5",
        "cache_write_5m_tokens": 500,
        "output_tokens": 50,
    },
    CALL | {"model": None, "operation": "tool", "input_tokens": None},
    CALL | {"started_at": NOON - timedelta(days=300)},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("what_if") / "home")
    publish(settings, [{"started_at": NOON} | call for call in CALLS])
    return settings.home_path


@pytest.fixture(autouse=True)
def _at_home(home, monkeypatch):
    monkeypatch.setenv("METERHOUSE_HOME", str(home))


def run(*arguments, code=0):
    done = CliRunner().invoke(app, ["prices", "what-if", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def answer(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def test_with_nothing_changed_it_is_what_was_stored_to_the_last_decimal(home):
    with duckdb.connect(str(Settings().published_path), read_only=True) as marts:
        stored = dict(
            marts.execute(
                "select model, sum(cost_usd) from marts.fct_transactions where event_date > ? group by 1",
                [(NOON - timedelta(days=30)).date()],
            ).fetchall()
        )
    found = answer()
    rows = {row["model"]: row for row in found["rows"]}
    assert rows.keys() == stored.keys()
    for model, row in rows.items():
        assert row["stored_usd"] == row["before_usd"] == row["after_usd"]
        assert Decimal(row["after_usd"]) == (stored[model] or 0)
    assert found["difference_usd"] == "0"
    assert (found["event_count"], found["compared_count"]) == (8, 6)
    whole = answer("--from", "2020-01-01")
    assert whole["event_count"] == 9


@pytest.mark.parametrize(
    ("arguments", "compared", "before", "after"),
    [
        # 1,000 + 200 cached + 100 out; a batch call of 1,000 + 10 out; 1,000 alone.
        (["--model", "gpt-4o-mini", "--where", "model=gpt-4o"], 3, "0.007550", "0.000453"),
        (
            ["--model", "gpt-4o-mini", "--where", "model=gpt-4o", "--where", "customer=acme"],
            1,
            "0.00375",
            "0.000225",
        ),
        # The batch list has no price of its own for cached input, so that of the standard list holds.
        (["--batch", "--where", "customer=acme", "--where", "model=gpt-4o"], 1, "0.00375", "0.002"),
        (["--tier", "standard", "--where", "customer=zeta"], 1, "0.0013", "0.0026"),
        (["--where", "customer=", "--cached", "50"], 1, "0.0025", "0.001875"),
        # 20 % of 1,200 are 240, of which 200 were read from a cache already.
        (["--cached", "20", "--where", "customer=acme", "--where", "model=gpt-4o"], 1, "0.00375", "0.0037"),
        (["--cached", "10", "--where", "customer=acme", "--where", "model=gpt-4o"], 1, "0.00375", "0.00375"),
        # OpenAI does not charge for writing a cache: what was written is input.
        (
            ["--provider", "openai", "--model", "gpt-4o-mini", "--where", "provider=anthropic"],
            *(1, "0.001875", "0.000255"),
        ),
        (["--model", "gpt-4o-mini", "--where", "model=house"], 1, "0.5", "0.00015"),
        (["--batch", "--where", "model=house"], 0, "0", "0"),
        (["--model", "gpt-4o", "--where", "model=nobody-knows"], 0, "0", "0"),
    ],
)
def test_each_change_is_priced_as_such_a_call_would_be(arguments, compared, before, after):
    found = answer(*arguments)
    assert (found["compared_count"], Decimal(found["before_usd"]), Decimal(found["after_usd"])) == (
        *(compared, Decimal(before), Decimal(after)),
    )
    assert Decimal(found["difference_usd"]) == Decimal(after) - Decimal(before)


def test_it_is_told_by_what_is_asked_for_and_in_words():
    rows = answer("--by", "customer", "--batch")["rows"]
    assert {row["customer"] for row in rows} == {"acme", "zeta", None}
    said = run("--model", "gpt-4o-mini", "--where", "model=gpt-4o").output
    assert (
        "0.00755 USD would have been 0.000453 USD (-0.007097); the cost of 0 calls is not known both ways."
        in said
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--where", "colour=red"], "Calls have no 'colour'"),
        (["--where", "customer"], "has no '='"),
        (["--by", "cost_usd; drop"], "Calls have no"),
        (["--tier", "cheap"], "There is no tier 'cheap'"),
        (["--batch", "--tier", "flex"], "different tiers"),
        (["--provider", "openai", "--model", "gtp-4o"], "Near names"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "is after"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments, said):
    assert said in run(*arguments, code=2).output
