"""The whole product against the world's ledger of truth."""

import json
from decimal import Decimal

import duckdb
import pytest

from meterhouse.cli.demo import disagreements
from meterhouse.report import build_report
from meterhouse.settings import Settings
from sandbox.server import Sandbox
from tests.killing import run

CAUSES = ("timing", "quantity", "price", "unpriced", "unexplained")
TRACE = {"context": 18_059_974, "generated": 245_896, "calls": 8_819}


@pytest.fixture
def answer(built: Settings) -> dict[str, object]:
    return build_report(built)


def test_every_total_of_the_report_is_the_ledgers(answer: dict[str, object], sandbox: Sandbox) -> None:
    ledger = {**sandbox.ledger, "alerts": []}
    assert disagreements(answer, ledger) == []


def test_the_parts_of_the_bill_are_exactly_the_bill(answer: dict) -> None:
    assert (
        answer["billed"]
        == answer["attributed"] + answer["unattributed"] + answer["credits"] + answer["other"]
    )
    assert answer["billed"] != 0


def test_the_causes_are_exactly_the_difference(answer: dict) -> None:
    explained = sum(answer["variance"].values(), Decimal(0)) + answer["credits"] + answer["other"]
    assert answer["billed"] - answer["metered"] == explained


def test_the_recorded_trace_comes_out_of_the_transactions_to_the_token(built: Settings) -> None:
    with duckdb.connect(built.published_path, read_only=True) as marts:
        found = marts.execute(
            "select sum(total_input_tokens), sum(total_output_tokens), "
            "count(*) filter (where cost_status <> 'usage_missing') from marts.fct_transactions"
        ).fetchone()
    assert found == (TRACE["context"], TRACE["generated"], TRACE["calls"])


def test_each_day_of_each_provider_agrees_with_the_ledger(built: Settings, sandbox: Sandbox) -> None:
    with duckdb.connect(built.published_path, read_only=True) as marts:
        found = {
            (provider, day.isoformat()): amounts
            for provider, day, *amounts in marts.execute(
                "select provider, spend_date, billed_cost_usd, attributed_cost_usd, unattributed_cost_usd, "
                "metered_cost_usd, "
                + ", ".join(f"{cause}_usd" for cause in CAUSES)
                + " from marts.rpt_daily_spend where billed_cost_usd is not null"
            ).fetchall()
        }
    for row in sandbox.ledger["daily"]:
        truth = [row["billed_usd"], row["attributed_usd"], row["unattributed_usd"], row["metered_usd"]]
        truth += [row["variance"][cause] for cause in CAUSES]
        mine = [amount or Decimal(0) for amount in found[row["provider"], row["day"]]]
        assert mine == [Decimal(text) for text in truth], (row["provider"], row["day"])


@pytest.mark.parametrize("dimension", ["customer", "product", "agent"])
def test_who_caused_it_agrees_with_the_ledger(dimension: str, built: Settings, sandbox: Sandbox) -> None:
    rows = {row[dimension]: row["attributed"] for row in build_report(built, by=[dimension])["rows"]}
    for name, amount in sandbox.ledger["attributed_by"][dimension].items():
        assert abs(rows[name] - Decimal(amount)) < Decimal("0.00000001"), name
    assert sum(rows.values()) == build_report(built)["attributed"]


def test_the_command_prints_the_same_report_as_json(built: Settings, answer: dict) -> None:
    outcome = run(["report", "--json"], built)
    assert outcome.returncode == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert Decimal(printed["billed"]) == answer["billed"]
    assert {
        "from",
        "to",
        "currency",
        "coverage",
        "provisional",
        "variance",
        "rows",
        "connections",
        "alerts",
    } <= set(printed)
    assert [one["status"] for one in printed["connections"]] == ["connected", "connected"]
