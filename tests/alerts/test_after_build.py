"""Rules judged after a build, on published marts of a few rows: billed budgets, and how metered meets billed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest

from meterhouse.alerts.after_build import judge_published
from meterhouse.alerts.health import judge_health
from meterhouse.alerts.judge import judge_new_files
from meterhouse.alerts.rules_file import RulesError, load_health_rules, load_rules, parse_rules
from meterhouse.alerts.wording import compose
from tests.alerts.world import incidents, install, outbox

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
BUDGET = """
- name: openai-bill
  budget: 100
  period: month
  source: billed
  group_by: [customer]
  where: {provider: openai}
  steps: [50, 100]
  pace: true
  notify: [slack]
"""
ACME = '{"customer":"acme"}'


def publish(place, **tables):
    """Published marts of just these rows; each table is (columns, rows)."""
    place.published_path.parent.mkdir(parents=True, exist_ok=True)
    place.published_path.unlink(missing_ok=True)
    columns = {
        "fct_budgets": "source varchar, budget_name varchar, group_key varchar, period_started_at timestamptz,"
        " period_ends_at timestamptz, known_until timestamptz, used_usd decimal(38, 12),"
        " projected_seasonal_usd decimal(38, 12)",
        "fct_data_trust": "connection_id varchar, provider varchar, trust_date date, coverage_share decimal(18, 4),"
        " attributed_cost_usd decimal(38, 12), unattributed_cost_usd decimal(38, 12)",
        "fct_reconciliation": "connection_id varchar, provider varchar, model varchar, reconciliation_date date,"
        " is_provisional boolean, billed_cost_usd decimal(38, 12), metered_quantity decimal(38, 6),"
        " quantity_usd decimal(38, 12)",
        "dim_connection": "connection_id varchar, connection_name varchar",
    }
    with duckdb.connect(str(place.published_path)) as marts:
        marts.execute("set timezone = 'UTC'")
        marts.execute("create schema marts")
        for name, definition in columns.items():
            marts.execute(f"create table marts.{name} ({definition})")
            for row in tables.get(name, []):
                marts.execute(f"insert into marts.{name} values ({', '.join('?' * len(row))})", row)


def used(amount, until, group=ACME, start=START, end=END):
    return ("billed", "openai-bill", group, start, end, until, Decimal(amount), Decimal("123.456"))


def told(place):
    return [(row.event, row.payload["budget"]["percent"]) for row in outbox(place)]


@pytest.fixture
def place(tmp_path):
    return install(tmp_path, rules_text=BUDGET)


def test_billed_steps_are_told_once_whatever_the_bill_becomes(place):
    day = START + timedelta(days=2)
    publish(place, fct_budgets=[used("49.999999999999", day)])
    judge_published(place, day)
    assert told(place) == [], "no tenth of the period has gone, so its pace says nothing"
    for amount in ("50", "49", "99", "100", "20", "150"):
        publish(place, fct_budgets=[used(amount, day)])
        judge_published(place, day)
    assert told(place) == [("fired", 50), ("fired", 100)]
    assert {row.status for row in incidents(place)} == {"firing"}


def test_the_pace_waits_for_a_tenth_of_the_period_and_is_exact(place):
    tenth = START + timedelta(days=3)
    publish(place, fct_budgets=[used("10", tenth)])
    judge_published(place, tenth)
    assert told(place) == []
    publish(place, fct_budgets=[used("10.000000000001", tenth)])
    judge_published(place, tenth)
    [row] = incidents(place)
    assert (row.value, row.group_key, row.fired_at) == ("100.00000000001", ACME, tenth)
    assert outbox(place)[0].payload["budget"]["used"] == "10.000000000001"
    lines = dict(compose("fired", outbox(place)[0].payload).lines)
    assert "First event" not in lines
    assert lines["By weekdays"] == "123.46 USD, as the days of the week cost in the 28 days before the period"


def test_a_bill_that_comes_after_its_period_is_told_and_an_older_one_is_not(place):
    publish(place, fct_budgets=[used("100", END)])
    judge_published(place, END + timedelta(days=8))
    assert incidents(place) == []
    judge_published(place, END + timedelta(days=2))
    assert told(place) == [("fired", 50), ("fired", 100)]
    assert {(row.status, row.resolved_at) for row in incidents(place)} == {("resolved", END)}
    message = compose("fired", outbox(place)[1].payload)
    assert dict(message.lines)["Window"] == "month (UTC) up to 2026-11-30 23:59:59 UTC"


def test_steps_end_with_their_period_or_with_their_budget_and_events_leave_them_alone(place):
    middle = START + timedelta(days=15)
    publish(place, fct_budgets=[used("50", middle)])
    judge_published(place, middle)
    judge_new_files(place)
    assert [(row.status, row.limit) for row in incidents(place)] == [("firing", "50")]
    judge_published(place, END)
    assert [(row.status, row.resolved_at) for row in incidents(place)] == [("resolved", END)]
    publish(place, fct_budgets=[used("50", middle, '{"customer":null}')])
    judge_published(place, middle)
    place.rules_file.write_text(BUDGET.replace("budget: 100", "budget: 1000"))
    judge_published(place, middle + timedelta(hours=1))
    assert {row.status for row in incidents(place)} == {"resolved"}
    assert load_rules(place.rules_file) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[customer]", "[trace_id]"), "a bill does not say trace_id; it says provider"),
        (("period: month", "period: month\n  timezone: Europe/Berlin"), "bills come in UTC days"),
        (("source: billed", "source: billed\n  enforce: block"), "enforce needs source: metered"),
        (("source: billed", "source: bill"), "'metered' or 'billed'"),
    ],
)
def test_a_budget_asks_only_what_a_bill_can_say(change, words):
    with pytest.raises(RulesError) as caught:
        parse_rules(BUDGET.replace(*change), "f")
    assert words in caught.value.faults[0]


HEALTH = """
- {name: less, health: coverage_drop, notify: [slack]}
- {name: dark, health: billed_without_metered, severity: warning, notify: [slack]}
- {name: twice, health: metered_ahead, notify: [slack]}
"""
CONNECTIONS = [("c", "main"), ("d", "other")]


def days(count):
    return [date(2026, 11, 1) + timedelta(days=number) for number in range(count)]


def judged(place, minutes=0, **tables):
    publish(place, dim_connection=CONNECTIONS, **tables)
    return [
        (change.event, change.rule, change.group)
        for change in judge_published(place, END + timedelta(minutes=minutes))
    ]


def test_coverage_that_falls_by_a_tenth_of_the_bill_is_told_until_it_is_back(tmp_path):
    place = install(tmp_path, rules_text=HEALTH)

    def trust(share_of_newest):
        shares = [Decimal("0.9")] * 10 + [Decimal(share_of_newest)] * 7
        rows = [
            ("c", "openai", day, share, share * 10, 10 - share * 10)
            for day, share in zip(days(17), shares, strict=True)
        ]
        other = [("d", "openai", day, Decimal("0.5"), 5, 5) for day in days(17)]
        unknown = [("c", "openai", date(2026, 11, 20), None, None, None)]
        return [*rows, *other, *unknown]

    assert judged(place, fct_data_trust=trust("0.8001")) == []
    group = '{"connection":"main","provider":"openai"}'
    assert judged(place, fct_data_trust=trust("0.8")) == [("fired", "less", group)]
    assert judged(place, 1, fct_data_trust=trust("0.8")) == []
    state = dict(compose("fired", outbox(place)[0].payload).lines)["State"]
    assert (
        state
        == "80.0 %: metered calls explain 80.0 % of the newest 7 billed days, and 90.0 % of the days before"
    )
    judge_health(place, load_health_rules(place.rules_file), END)
    assert judged(place, 2, fct_data_trust=trust("0.9")) == [("resolved", "less", group)]


def test_a_model_billed_without_calls_and_calls_beyond_the_bill_are_told(tmp_path):
    place = install(tmp_path, rules_text=HEALTH)

    def cell(connection, model, billed, quantity, difference, day=date(2026, 11, 5), is_provisional=False):
        return (
            connection,
            "openai",
            model,
            day,
            is_provisional,
            Decimal(billed),
            quantity,
            Decimal(difference),
        )

    cells = [
        cell("c", "dark", "0.6", 0, "0.6"),
        cell("c", "dark", "0.4", 0, "0.4", date(2026, 11, 4)),
        cell("c", "cheap", "0.999999999999", 0, "0.9"),
        cell("c", None, "50", 0, "50"),
        cell("c", "metered", "50", 1000, "-5.099999999999"),
        cell("d", "metered", "20", 1000, "-0.8", date(2026, 11, 3)),
        cell("d", "metered", "2", 1000, "-0.4"),
        *(cell("d", "old", "20", 0, "20", day) for day in days(1)),
        *(cell("d", "metered", "1", 10, "0", day) for day in days(17)[9:]),
    ]
    dark = '{"connection":"main","model":"dark","provider":"openai"}'
    assert judged(place, fct_reconciliation=cells) == [("fired", "dark", dark)]
    ahead = [cell("c", "metered", "102", 1000, "-6")]
    assert judged(place, 1, fct_reconciliation=ahead) == [
        ("resolved", "dark", dark),
        ("fired", "twice", '{"connection":"main","provider":"openai"}'),
    ]


def test_a_fault_in_the_rules_file_changes_nothing(place):
    publish(place, fct_budgets=[used("100", START + timedelta(days=15))])
    judge_published(place, START + timedelta(days=15))
    place.rules_file.write_text("- name: x")
    assert judge_published(place, END) == []
    assert {row.status for row in incidents(place)} == {"firing"}
