"""The whole product against the ledger of truth: the demo's world of all accounts, and the tests' small one."""

import csv
import json
from decimal import Decimal

import duckdb
import pytest

from meterhouse.cli.demo.truth import accounts_of, disagreements
from meterhouse.report import build_report
from meterhouse.settings import PROJECT_ROOT, Settings
from sandbox.server import Sandbox
from sandbox.services import ACCOUNTS
from tests.killing import run
from tests.pipeline.conftest import DEMO_SECONDS, Demo

pytestmark = pytest.mark.timeout(DEMO_SECONDS)

CAUSES = ("timing", "quantity", "price", "unpriced", "unexplained")
TRACE = {"context": 18_059_974, "generated": 245_896, "calls": 8_819}


@pytest.fixture(scope="module")
def answer(demo: Demo) -> dict:
    return build_report(demo.settings)


def query(demo: Demo, sql: str) -> list[tuple]:
    with duckdb.connect(demo.settings.published_path, read_only=True) as marts:
        return marts.execute(sql).fetchall()


def test_every_number_is_the_ledgers(demo: Demo) -> None:
    accounts = accounts_of(demo.settings, demo.ledger)
    assert {one.connection: one.provider for one in accounts} == ACCOUNTS
    assert disagreements(demo.settings, demo.ledger, accounts) == []


def test_every_number_of_a_world_with_two_accounts_is_the_ledgers(built: Settings, sandbox: Sandbox) -> None:
    ledger = {**sandbox.ledger, "alerts": []}
    assert disagreements(built, ledger) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ledger: ledger["totals"]["all"].update(billed_usd="0"), "billed: the report says"),
        (lambda ledger: ledger["totals"]["aws_bedrock"].update(metered_usd="0"), "metered at aws_bedrock"),
        (lambda ledger: ledger["lines"].pop(), "usage of"),
        (lambda ledger: ledger["lines"][0].update(billed_quantity=1), "usage of"),
        (lambda ledger: ledger["gateways"].clear(), "estimates of litellm openai gpt-4o"),
        (lambda ledger: ledger["events"].update(transactions=1), "transactions"),
        (lambda ledger: ledger["alerts"].clear(), "alerts: 1 fired"),
        (lambda ledger: ledger["accounts"]["openai-europe"].update(billed_usd="0"), "openai-europe: billed"),
    ],
)
def test_any_number_that_is_not_the_ledgers_is_told(change, said: str, demo: Demo) -> None:
    ledger = json.loads(json.dumps(demo.ledger))
    change(ledger)
    faults = disagreements(demo.settings, ledger, accounts_of(demo.settings, ledger))
    assert len(faults) == 1
    assert said in faults[0]


def test_what_a_proxy_estimates_is_billed_once_and_upstream(demo: Demo) -> None:
    [(estimated,)] = query(
        demo, "select sum(estimated_cost_usd) from marts.fct_gateway_costs where not is_provisional"
    )
    [(billed, attributed)] = query(
        demo,
        "select sum(billed_cost_usd), sum(billed_cost_usd) filter (where product = 'mobile') "
        "from marts.fct_attributed_costs where provider_project = 'proj_proxy'",
    )
    assert estimated == billed == attributed == Decimal(demo.ledger["facts"]["proxied"]["billed_usd"])
    assert query(demo, "select count(*) from marts.fct_charges where provider = 'litellm'") == [(0,)]


def test_each_call_is_in_the_account_it_was_made_with(demo: Demo) -> None:
    found = query(
        demo,
        "select agent, min(connection_name), count(distinct connection_name), min(connection_match) "
        "from marts.fct_transactions left join marts.dim_connection using (connection_id) "
        "where agent in ('triage-eu', 'triage') group by 1 order by 1",
    )
    assert found == [("triage", "openai", 1, "key"), ("triage-eu", "openai-europe", 1, "key")]


def test_the_parts_of_the_bill_are_exactly_the_bill(answer: dict) -> None:
    assert (
        answer["billed"]
        == answer["attributed"] + answer["unattributed"] + answer["credits"] + answer["other"]
    )
    assert answer["billed"] != 0


def test_the_causes_are_exactly_the_difference(answer: dict) -> None:
    explained = sum(answer["variance"].values(), Decimal(0)) + answer["credits"] + answer["other"]
    assert answer["billed"] - answer["metered"] == explained


def test_the_recorded_trace_comes_out_of_the_transactions_to_the_token(demo: Demo) -> None:
    [found] = query(
        demo,
        "select sum(total_input_tokens), sum(total_output_tokens), count(total_input_tokens) "
        "from marts.fct_transactions",
    )
    assert found == (TRACE["context"], TRACE["generated"], TRACE["calls"])


def test_each_day_of_each_account_agrees_with_the_ledger(demo: Demo) -> None:
    columns = (
        "billed_cost_usd",
        "attributed_cost_usd",
        "unattributed_cost_usd",
        "credits_usd",
        "other_cost_usd",
    )
    causes = [f"{cause}_usd" for cause in CAUSES]
    found = {
        (account, day.isoformat()): [amount or Decimal(0) for amount in amounts]
        for account, day, *amounts in query(
            demo,
            f"select connection_name, spend_date, {', '.join([*columns, 'metered_cost_usd', *causes])} "
            "from marts.rpt_daily_spend where billed_cost_usd is not null",
        )
    }
    names = ("billed", "attributed", "unattributed", "credits", "other", "metered")
    for row in demo.ledger["daily"]:
        truth = [row[f"{name}_usd"] for name in names] + [row["variance"][cause] for cause in CAUSES]
        assert found[row["account"], row["day"]] == [Decimal(text) for text in truth], row


@pytest.mark.parametrize("dimension", ["customer", "product", "agent"])
def test_who_caused_it_agrees_with_the_ledger(dimension: str, demo: Demo, answer: dict) -> None:
    rows = {row[dimension]: row["attributed"] for row in build_report(demo.settings, by=[dimension])["rows"]}
    for name, amount in demo.ledger["attributed_by"][dimension].items():
        assert abs(rows[name] - Decimal(amount)) < Decimal("0.00000001"), name
    assert sum(rows.values()) == answer["attributed"]


def test_the_command_prints_the_same_report_as_json(built: Settings) -> None:
    outcome = run(["report", "--json"], built)
    assert outcome.returncode == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert Decimal(printed["billed"]) == build_report(built)["billed"]
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


def test_list_prices_in_focus_are_those_of_the_book(demo: Demo) -> None:
    with (PROJECT_ROOT / "dbt_project/seeds/price_book.csv").open(newline="") as file:
        book = {
            (row["provider"], row["model"], row["tier"], row["token_type"], Decimal(row["unit_price_usd"]))
            for row in csv.DictReader(file)
            if not row["region"]
        }
    listed = query(
        demo,
        "select x_Provider, x_Model, x_ServiceTier, x_TokenType, ListUnitPrice from marts.focus_costs"
        " where x_ListPriceSource = 'price book'",
    )
    assert {provider for provider, *_ in listed} >= {"openai", "anthropic"}
    assert {(*line, price / 1_000_000) for *line, price in listed} <= book
