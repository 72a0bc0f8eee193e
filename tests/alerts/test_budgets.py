"""Budgets: what is told of a step and of the pace, once, whatever comes late, and what a file may say."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from meterhouse.alerts.budgets import BudgetRule, progress
from meterhouse.alerts.rules_file import RulesError, json_schema, load_rules, parse_rules
from meterhouse.alerts.wording import compose
from tests.alerts.test_incidents import Judge
from tests.alerts.world import event, incidents, install, outbox

BUDGET = """
- name: search-budget
  budget: 100.50
  period: day
  timezone: Etc/GMT+12
  group_by: [product]
  where: {provider: openai}
  notify: [slack]
"""
HALF_DAY, DAY = 12 * 60, 24 * 60


def budget(**changes):
    base = {"name": "b", "budget": 100, "period": "day", "timezone": "Etc/GMT+12", "notify": ["slack"]}
    return BudgetRule.model_validate(base | changes).judged()


def told(place):
    return [(row.event, row.channel, row.payload["budget"]["percent"]) for row in outbox(place)]


@pytest.fixture
def place(tmp_path):
    return install(tmp_path)


def test_each_step_is_told_once_in_a_period_and_again_in_the_next(place):
    judging = Judge(place, *budget())
    judging.file([event("a", 60, "49.99")], 61)
    assert told(place) == []
    judging.file([event("b", 120, "0.01"), event("c", 130, "30")], 131)
    assert told(place) == [("fired", "slack", 50), ("fired", "slack", 80)]
    judging.file([event("d", 140, "1000")], 141)
    judging.silence(DAY + 1)
    assert told(place)[2:] == [("fired", "slack", 100)]
    assert {row.status for row in incidents(place)} == {"resolved"}
    judging.file([event("e", DAY + 10, "50")], DAY + 11)
    assert told(place)[3:] == [("fired", "slack", 50)]
    assert [row.severity for row in incidents(place)] == ["warning", "warning", "critical", "warning"]


def test_a_correction_below_the_step_tells_nothing_and_the_step_is_not_told_again(place):
    judging = Judge(place, *budget(steps=[100]))
    judging.file([event("a", 60, "100")], 61)
    judging.file([event("b", 70, "-5")], 71)
    judging.restart()
    judging.file([event("c", 80, "6")], 81)
    [row] = incidents(place)
    assert (row.status, row.value, told(place)) == ("firing", "100", [("fired", "slack", 100)])


def test_a_late_call_moves_an_incident_and_keeps_its_id(place):
    judging = Judge(place, *budget(steps=[80]))
    judging.file([event("b", 120, "80")], 121)
    [before] = incidents(place)
    judging.file([event("a", 60, "81")], 130)
    [after] = incidents(place)
    assert (after.id, after.fired_at < before.fired_at, after.value) == (before.id, True, "81")
    assert told(place) == [("fired", "slack", 80)]


def test_the_end_of_a_period_is_told_only_where_an_incident_would_stay_open(place):
    judging = Judge(place, *budget(steps=[80], notify=["slack", "pagerduty"]))
    judging.file([event("a", 60, "90")], 61)
    judging.silence(DAY + 1)
    assert told(place) == [("fired", "slack", 80), ("fired", "pagerduty", 80), ("resolved", "pagerduty", 80)]
    message = compose("resolved", outbox(place)[-1].payload)
    assert dict(message.lines)["Now"] == "a new period began, since 2026-11-02 12:00:00 UTC"


def test_the_pace_is_judged_from_a_tenth_of_the_period_on_and_exactly(place):
    judging = Judge(place, *budget(steps=[1000], pace=True))
    judging.file([event("early", 143, "50")], 144)
    assert incidents(place) == []
    judging.file([event("even", HALF_DAY, "0")], HALF_DAY + 1)
    assert incidents(place) == []
    judging.file([event("over", HALF_DAY, "0.000000000001", product="x")], HALF_DAY + 2)
    [row] = incidents(place)
    assert (row.value, row.limit, row.severity) == ("100.000000000002", "100", "warning")
    assert [(row.event, row.payload["budget"]["used"]) for row in outbox(place)] == [
        ("fired", "50.000000000001")
    ]


def test_the_message_says_how_far_along_the_budget_is_and_when_it_resets(place):
    judging = Judge(place, *budget(steps=[80], pace=True, timezone="Europe/Berlin", group_by=["product"]))
    judging.file([event("a", 5 * 60, "81.333", product="search")], 5 * 60 + 1)
    of_step, of_pace = (compose(row.event, row.payload) for row in outbox(place))
    assert of_step.title == "warning alert fired: b, 80 % of the budget is used"
    assert of_pace.title == "warning alert fired: b, the budget will not last at this pace"
    lines = dict(of_step.lines)
    assert lines["Group"] == "product: search"
    assert lines["Used"] == "81.333 USD of 100 USD, 81.3 %"
    assert lines["Expected by now"] == "75.00 USD, if the amount were used evenly"
    assert lines["Projected end"] == "108.44 USD, if it goes on as in the 75.0 % of the period that has gone"
    assert lines["Resets"] == "2026-11-02 00:00 (Europe/Berlin)"


@pytest.mark.parametrize("used", ["0.000000000001", "3.333333333333", "999999999999.999999999999"])
def test_what_was_used_follows_exactly_from_the_projection(used):
    [pace] = budget(steps=[], pace=True)
    start, whole = datetime(2026, 11, 1, 12, tzinfo=UTC), 24 * 3600 * 10**6
    for gone in (whole // 10, whole // 3, whole - 1):
        units = int(Decimal(used).scaleb(12))
        at = start.fromtimestamp(start.timestamp() + gone // 10**6, UTC).replace(microsecond=gone % 10**6)
        found = progress(pace, Decimal(units * whole // gone).scaleb(-12), at)
        assert found.used == Decimal(used)


def test_a_file_gives_its_steps_in_order_and_its_amount_exactly(tmp_path):
    (tmp_path / "rules.yaml").write_text(BUDGET + "  pace: true\n")
    found = load_rules(tmp_path / "rules.yaml")
    assert [(one.name, str(one.when[0])) for one in found] == [
        ("search-budget", ">= 50.25"),
        ("search-budget", ">= 80.4"),
        ("search-budget", ">= 100.5"),
        ("search-budget", "> 100.50"),
    ]
    assert len({one.version for one in found}) == 4
    assert set(json_schema()["$defs"]["BudgetRule"]["properties"]) == set(BudgetRule.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("budget: 100.50", "budget: 0", 3, "0 is not an amount"),
        ("budget: 100.50", "budget: 1e3", 3, "'1e3' is not an amount"),
        ("budget: 100.50", "budget: yes", 3, "True is not an amount"),
        ("  period: day\n", "", 2, "has no period; every budget needs name, budget and period"),
        ("period: day", "period: year", 4, "'year' is not a period"),
        ("[slack]", "[slack]\n  steps: [0]", 9, "[0] are no steps"),
        ("[slack]", "[slack]\n  steps: 80", 9, "80 are no steps"),
        ("[slack]", "[slack]\n  colour: red", 9, "unknown key 'colour'; a budget has name, budget"),
        ("[slack]", "[slack]\n  step: [80]", 9, "did you mean 'steps'?"),
        (
            "budget: 100.50",
            "metric: total_cost\n  when: '> 1'\n  pace: true",
            5,
            "it is for a rule with budget",
        ),
    ],
)
def test_each_fault_is_one_sentence_with_its_line(old, new, line, words):
    with pytest.raises(RulesError) as caught:
        parse_rules(BUDGET.replace(old, new), "f")
    [fault] = caught.value.faults
    assert fault.startswith(f"f:{line}: ")
    assert words in fault
