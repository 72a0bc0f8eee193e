"""Bills that their providers change: what was believed before, when it changed, and what is believed now."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from meterhouse.errors import UsageError
from meterhouse.restatements import restatements
from meterhouse.settings import Settings
from meterhouse.warehouse.publish import publish
from tests.dbt import raw
from tests.killing import run

FIRST = date(2026, 10, 1)
RESTATED, VANISHED, EMPTIED, RETURNED, GROWN, LATE = (FIRST + timedelta(days=n) for n in range(6))


def line(amount, item="gpt-4o, input", project=None):
    return {
        "amount_value": amount,
        "amount_currency": "usd",
        "line_item": item,
        "project_id": project,
        "quantity": "10",
        "quantity_unit": "tokens",
    }


A = [line("1.5"), line("2", "gpt-4o, output")]
B = [line("1.25"), line("2", "gpt-4o, output"), line("0.000000000001", project="p1")]
PULLS = [
    *((RESTATED, content, 30 + 24 * n) for n, content in enumerate((A, A, B, A))),
    *((VANISHED, content, 30 + 24 * n) for n, content in enumerate((A, A[:1]))),
    *((EMPTIED, content, 30 + 24 * n) for n, content in enumerate((A, []))),
    *((RETURNED, content, 30 + 24 * n) for n, content in enumerate(([], A))),
    *((GROWN, content, hours) for content, hours in ((A[:1], 10), (A, 20), (B, 30))),
    (LATE, A, 30 + 24 * 20),
]
"""(billed day, content, hours after its start)."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = tmp_path_factory.mktemp("restated") / "warehouse.duckdb"
    raw.create(path)
    raw.add_connections(path, "c-openai", "c-anthropic")
    for day, content, hours in sorted(PULLS, key=lambda pull: raw.after(pull[0], pull[2])):
        raw.pull(path, "c-openai", "costs", day, content, raw.after(day, hours))
    raw.pull(path, "c-anthropic", "cost_report", FIRST, [])
    marts = ("+fct_bill_versions", "+fct_charges", "+dim_connection")
    assert raw.dbt(path, "build", "--indirect-selection", "cautious", "--select", *marts) == []
    home = Settings(home=path.parent)
    publish(home)
    return home


def believed(before: datetime) -> dict[date, Decimal]:
    """What each day with lines costs, by the last pull of it before a moment."""
    found = {day: content for day, content, hours in PULLS if raw.after(day, hours) < before}
    return {
        day: sum(Decimal(one["amount_value"]) for one in content) for day, content in found.items() if content
    }


@pytest.fixture(scope="module")
def looked(settings):
    """What the command says of all bills as they were at the end of one day."""
    pulls = raw.rows(settings.warehouse_path, "select * from raw_openai.pulled_days")
    outcome = run(["charges", "as-of", str(RETURNED), "--json"], settings)
    assert outcome.returncode == 0, outcome.stderr
    assert not (settings.home_path / "past" / "warehouse.duckdb").exists(), "nothing is left behind"
    assert raw.rows(settings.warehouse_path, "select * from raw_openai.pulled_days") == pulls
    return json.loads(outcome.stdout)


def test_the_bills_of_all_days_are_those_known_at_the_end_of_another(looked):
    before = datetime.combine(RETURNED + timedelta(days=1), time(), UTC)
    assert looked["before"] == f"{before:%Y-%m-%dT%H:%M:%SZ}"
    for name, expected in (
        ("then_usd", believed(before)),
        ("now_usd", believed(datetime.max.replace(tzinfo=UTC))),
    ):
        found = {
            date.fromisoformat(one["day"]): Decimal(one[name])
            for one in looked["days"]
            if one[name] is not None
        }
        assert found == expected
    for one in looked["days"]:
        assert Decimal(one["change_usd"]) == Decimal(one["now_usd"] or 0) - Decimal(one["then_usd"] or 0)
    assert {one["connection"] for one in looked["days"]} == {"name of c-openai"}


def test_each_line_of_a_day_stands_as_it_was_beside_what_it_is(looked):
    lines = {
        (one["sku"], one["provider_project"]): (one["then_usd"], one["now_usd"])
        for one in looked["lines"]
        if one["day"] == str(RESTATED)
    }
    assert lines == {
        ("gpt-4o, input", None): ("1.250000000000", "1.500000000000"),
        ("gpt-4o, output", None): ("2.000000000000", "2.000000000000"),
        ("gpt-4o, input", "p1"): ("0.000000000001", None),
    }


def test_every_change_of_a_day_that_was_over_is_told_with_its_moment(settings):
    found = [
        (row["day"], row["was_usd"], row["is_usd"], row["seen_at"], row["is_current"])
        for row in restatements(settings)
    ]
    a, b = Decimal("3.5"), Decimal("3.250000000001")
    assert found == [
        (RESTATED, a, b, raw.after(RESTATED, 78), False),
        (RESTATED, b, a, raw.after(RESTATED, 102), True),
        (VANISHED, a, Decimal("1.5"), raw.after(VANISHED, 54), True),
        (EMPTIED, a, 0, raw.after(EMPTIED, 54), True),
        (RETURNED, 0, a, raw.after(RETURNED, 54), True),
    ]
    assert restatements(settings, GROWN) == [], "a day that grows while it runs is not restated"
    with pytest.raises(UsageError):
        restatements(settings, LATE, GROWN)
