"""fct_budgets and fct_alerts against sums in plain Python, on a few calls and bills written as marts."""

import json
import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest

from meterhouse.alerts.budgets import BudgetRule
from meterhouse.alerts.rules_file import load_budgets
from meterhouse.control.database import session
from meterhouse.control.tables import IncidentRow, OutboxRow
from meterhouse.warehouse.alerts_snapshot import snapshot_alerts
from tests.alerts.oracle import begins, leaves, meets
from tests.alerts.world import install
from tests.dbt import raw

NOW = datetime(2026, 10, 29, 9, 30, 15, tzinfo=UTC)
RULES = """
- {name: months, budget: 40, period: month, timezone: Europe/Berlin, group_by: [customer, agent], pace: true}
- name: weeks
  budget: 9.999999
  period: week
  timezone: America/Los_Angeles
  where:
    provider: {is_not: anthropic}
    customer: {in: [acme, "it's 5%_off", umbra]}
    canonical_model: {starts_with: gpt, contains: "4", ends_with: "o"}
- {name: days, budget: 1, period: day, where: {agent: {contains: "%"}}}
- {name: quarters, budget: "250", period: quarter, group_by: [provider]}
- {name: bills, budget: 30, period: month, source: billed, group_by: [customer], where: {provider: openai}}
- {name: nothing, budget: 30, period: month, where: {agent: nobody}}
"""
GROUPS = {"customer": ["acme", "it's 5%_off", None], "agent": ["a%b", "ab", None]}


def calls():
    """Calls of eleven weeks; a customer of the last week only has no past to weigh days by."""
    chance = random.Random(5)
    for number in range(900):
        customer = chance.choice(GROUPS["customer"])
        first = NOW - timedelta(days=77 if customer != "acme" else 6)
        started_at = first + (NOW - first) * chance.random()
        status = chance.choice(["priced", "priced", "priced", "unpriced"])
        yield {
            "event_id": f"e{number}",
            "started_at": started_at,
            "provider": chance.choice(["openai", "anthropic", None]),
            "canonical_model": chance.choice(["gpt-4o", "gpt-4", "o4"]),
            "customer": customer,
            "agent": chance.choice(GROUPS["agent"]),
            "cost_status": status,
            "cost_usd": Decimal(chance.randrange(0, 10**12)).scaleb(-12) if status == "priced" else None,
        }


def bills():
    chance = random.Random(6)
    for number in range(80):
        day = date(2026, 8, 10) + timedelta(days=number % 78)
        for customer in ("acme", None):
            amount = (
                Decimal(chance.randrange(-(10**11), 10**12)).scaleb(-12) if day < date(2026, 10, 26) else None
            )
            yield {
                "event_id": f"{number}{customer}",
                "cost_date": day,
                "started_at": datetime.combine(day, time(), UTC),
                "provider": chance.choice(["openai", "anthropic"]),
                "customer": customer,
                "cost_usd": amount,
            }


def write(settings):
    """Two incidents and what was told of them."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    with session(settings) as opened:
        for name, resolved, value in (("a", NOW, "1.250000000001"), ("b", None, "disconnected")):
            opened.add(
                IncidentRow(
                    id=name, rule="r", rule_version="v", group_key="{}", severity="critical",
                    status="resolved" if resolved else "firing", fired_at=NOW - timedelta(seconds=90),
                    resolved_at=resolved, opened_at=NOW, value=value, limit="1.25" if resolved else "well",
                )
            )  # fmt: skip
        opened.flush()
        for channel, status, sent_at in (("slack", "sent", NOW), ("email", "dead", None)):
            opened.add(
                OutboxRow(
                    id=channel, incident_id="a", event="fired", channel=channel, payload={}, status=status,
                    created_at=NOW, next_attempt_at=NOW, sent_at=sent_at, last_error="s3cret" if sent_at else None,
                )
            )  # fmt: skip
    assert snapshot_alerts(settings) == {"budgets": 6, "incidents": 2, "alert_messages": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An installation with two incidents, and the marts of budgets and alerts."""
    settings = install(tmp_path_factory.mktemp("budgets"), rules_text=RULES)
    write(settings)
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("set timezone = 'UTC'")
        warehouse.execute("create schema marts")
        schema = {"started_at": pl.Datetime("us", "UTC"), "cost_usd": pl.Decimal(38, 12)}
        transactions = pl.DataFrame(list(calls()), schema_overrides=schema)
        warehouse.register("calls", transactions.rename({"canonical_model": "model"}).to_arrow())
        warehouse.execute("create table marts.fct_transactions as from calls")
        attributed = pl.DataFrame(list(bills()), schema_overrides=schema)
        warehouse.register("bills", attributed.rename({"cost_usd": "billed_cost_usd"}).to_arrow())
        warehouse.execute("create table marts.fct_attributed_costs as from bills")
    names = (
        "stg_control__budgets",
        "stg_control__incidents",
        "stg_control__alert_messages",
        "fct_budgets",
        "fct_alerts",
    )
    said = json.dumps({"now": NOW.isoformat()})
    assert raw.dbt(settings.warehouse_path, "build", "--select", *names, "--vars", said) == []
    return settings


def expected(budget: BudgetRule):
    """Rows of a budget by period and group."""
    rule, where = budget.judged()[0], {}
    for field, condition in budget.where.items():
        where[field] = condition.model_dump(by_alias=True, exclude_none=True)
    is_billed = budget.source == "billed"
    facts = [one for one in (bills() if is_billed else calls()) if meets(one, where)]
    facts = [one for one in facts if not is_billed or one["cost_usd"] is not None]
    zone = ZoneInfo(budget.timezone)
    groups = defaultdict(list)
    for one in facts:
        key = json.dumps({name: one.get(name) for name in sorted(budget.group_by)}, separators=(",", ":"))
        groups[key].append(one)
    known = datetime(2026, 10, 26, tzinfo=UTC) if is_billed else NOW
    rows = {}
    for key, members in groups.items():
        local = lambda one: one["started_at"].astimezone(zone).date()  # noqa: E731
        first = min(map(local, members))
        for start in {begins(rule, one["started_at"]) for one in members}:
            end = leaves(rule, start)
            inside = [one for one in members if start <= one["started_at"] < end]
            used = Fraction(sum((one["cost_usd"] or 0 for one in inside), Decimal(0)))
            until = min(known, end)
            gone, whole = (Fraction(int(span.total_seconds())) for span in (until - start, end - start))
            row = {"used": used, "unpriced": sum(one.get("cost_status") == "unpriced" for one in inside)}
            row["expected"] = Fraction(budget.budget) * gone / whole
            row["simple"] = used * whole / gone
            row["seasonal"] = None if end > NOW else used
            start_day, end_day = start.astimezone(zone).date(), end.astimezone(zone).date()
            if end > NOW and first <= start_day - timedelta(days=28):
                weights = defaultdict(Fraction)
                for one in members:
                    if start_day - timedelta(days=28) <= local(one) < start_day:
                        weights[local(one).weekday()] += Fraction(one["cost_usd"] or 0)
                days = [start_day + timedelta(days=n) for n in range((end_day - start_day).days)]
                at = until.astimezone(zone)
                share = Fraction(at.hour * 3600 + at.minute * 60 + at.second, 86400)
                past = sum(
                    weights[day.weekday()] * (1 if day < at.date() else share if day == at.date() else 0)
                    for day in days
                )
                row["seasonal"] = used * sum(weights[day.weekday()] for day in days) / past
            rows[key, start] = row
    return rows


def test_budgets_are_those_of_sums_in_plain_python(place):
    budgets = load_budgets(place.rules_file)
    names, seasonal = set(), 0
    found = defaultdict(dict)
    for row in raw.rows(place.warehouse_path, "select * from marts.fct_budgets"):
        found[row["budget_name"]][row["group_key"], row["period_started_at"].astimezone(UTC)] = row
    for budget in budgets:
        want, have = expected(budget), found[budget.name]
        assert have.keys() == want.keys(), budget.name
        for key, row in want.items():
            names.add(budget.name)
            mart = have[key]
            assert Fraction(mart["used_usd"]) == row["used"]
            assert mart["unpriced_count"] == row["unpriced"]
            assert mart["amount_usd"] == budget.budget
            assert abs(Fraction(mart["expected_usd"]) - row["expected"]) <= Fraction(1, 10**12)
            assert abs(Fraction(mart["projected_simple_usd"]) - row["simple"]) <= Fraction(1, 10**12)
            assert abs(
                Fraction(mart["used_percent"]) - row["used"] * 100 / Fraction(budget.budget)
            ) < Fraction(1, 10**4)
            if row["seasonal"] is None:
                assert mart["projected_seasonal_usd"] is None
            else:
                seasonal += mart["is_current"]
                assert (
                    abs(Fraction(mart["projected_seasonal_usd"]) / row["seasonal"] - 1) < Fraction(1, 10**4)
                    if row["seasonal"]
                    else True
                )
            projected = row["seasonal"] if row["seasonal"] is not None else row["simple"]
            is_risky = mart["is_current"] and projected > budget.budget
            status = "used up" if row["used"] >= budget.budget else "at risk" if is_risky else "within"
            assert mart["status"] == status
    assert names == {"months", "weeks", "days", "quarters", "bills"}
    assert seasonal > 5
    assert {row["status"] for rows in found.values() for row in rows.values()} == {
        "used up",
        "at risk",
        "within",
    }


def test_alerts_say_what_fired_for_how_long_and_who_was_told(place):
    ended, lasting = raw.rows(place.warehouse_path, "select * from marts.fct_alerts order by alert_id")
    assert (ended["value"], ended["value_number"], ended["limit_number"]) == (
        "1.250000000001",
        Decimal("1.250000000001"),
        Decimal("1.25"),
    )
    assert (ended["duration_seconds"], ended["mode"], ended["channels"]) == (90, "live", "email, slack")
    assert (ended["message_count"], ended["sent_count"], ended["dead_count"], ended["pending_count"]) == (
        2,
        1,
        1,
        0,
    )
    assert (lasting["status"], lasting["duration_seconds"], lasting["value_number"]) == ("firing", None, None)
    assert (lasting["channels"], lasting["message_count"]) == (None, 0)


def test_a_fault_in_the_rules_file_leaves_the_budgets_as_they_were(place, caplog):
    place.rules_file.write_text(RULES.replace("budget: 40", "budget: x"))
    try:
        assert snapshot_alerts(place)["budgets"] == 6
        assert "The budgets stay as they were" in caplog.text
    finally:
        place.rules_file.write_text(RULES)
