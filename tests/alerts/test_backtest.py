"""Backtests say what the live rules did, on the events that are stored."""

import json
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from meterhouse.alerts.anomalies import AnomalyRule
from meterhouse.alerts.backtest import backtest, limit_that_fires
from meterhouse.alerts.judgement import judge, judge_silence
from meterhouse.alerts.metrics import EVENT_COLUMNS
from meterhouse.alerts.rules_file import load_rules
from meterhouse.alerts.running import RunningSums
from meterhouse.cli.main import app
from meterhouse.control.database import session
from meterhouse.errors import UsageError
from meterhouse.events.published import NAMES_IN_MART
from meterhouse.published import NothingPublishedError
from meterhouse.settings import PROJECT_ROOT
from tests.alerts.world import at, event, frame, incidents, install, rule

DAY = date(2026, 11, 1)
RULES = """
- name: dear
  metric: cost_per_transaction
  window: 1h
  group_by: [agent]
  when: "> 1.25"
"""
EVENTS = [
    event("before", -800, "9", agent="a"),
    event("a1", 0, "1", agent="a"),
    event("a2", 10, "2", agent="a"),
    event("b1", 20, "1.25", agent="b"),
    event("a3", 200, "5", agent="a"),
    event("none", 210, None, agent="a"),
    event("next", 60 * 30, "9", agent="c"),
]


def publish(place, events):
    """The published mart with these events, as `fct_transactions` names its columns."""
    place.published_path.parent.mkdir(parents=True)
    rows = frame(events).to_arrow()  # noqa: F841
    columns = ", ".join(f"{name} as {NAMES_IN_MART.get(name, name)}" for name in EVENT_COLUMNS)
    with duckdb.connect(place.published_path) as marts:
        marts.execute(
            f"create schema marts; create table marts.fct_transactions as select {columns} from rows"
        )


@pytest.fixture
def place(tmp_path):
    place = install(tmp_path, rules_text=RULES)
    publish(place, EVENTS)
    return place


def spans(rows):
    return [(row["group"], row["fired_at"], row["resolved_at"], Decimal(row["value"])) for row in rows]


def test_it_fires_exactly_as_the_live_rule_did(place):
    made = rule(name="dear", group_by=["agent"])
    with session(place) as transaction:
        judge(transaction, RunningSums([made]), "file", frame(EVENTS[1:]), at(2000))
        judge_silence(transaction, RunningSums([made]), at(2000))
    live = [
        (row.group_key, row.fired_at, row.resolved_at, Decimal(row.value))
        for row in incidents(place)
        if row.fired_at.date() == DAY
    ]
    run = backtest(place, made, DAY, DAY)
    assert spans(run.intervals.to_dicts()) == live
    assert len(live) == 2
    assert run.event_count == 5


def test_a_rule_that_was_firing_when_the_days_began_fires_at_the_first_change_in_them(tmp_path):
    place = install(tmp_path)
    publish(place, [event("old", -725, "9"), event("new", -719, "1")])
    [interval] = backtest(place, rule(), DAY, DAY).intervals.to_dicts()
    assert interval["fired_at"] == at(-719)
    assert interval["value"] == Decimal(5)


def test_a_control_would_have_held_back_the_calls_after_the_crossing_and_no_others(tmp_path, monkeypatch):
    place = install(
        tmp_path, None, RULES.replace('"> 1.25"', '{warning: "> 0", critical: "> 1.25"}\n  enforce: shadow')
    )
    publish(
        place,
        [
            event("crossing", 0, "2", agent="a"),
            event("held", 10, "2", agent="a"),
            event("unpriced", 11, None, agent="a"),
            event("note", 12, None, agent="a", outcome="blocked"),
            event("other", 13, "1", agent="b"),
            event("after", 200, "1", agent="a"),
        ],
    )
    [made] = load_rules(place.rules_file)
    held = backtest(place, made, DAY, DAY).held
    assert sorted(held["event_id"]) == ["held", "unpriced"]
    assert backtest(place, made.model_copy(update={"enforce": "warn"}), DAY, DAY).held.is_empty()
    monkeypatch.setenv("METERHOUSE_HOME", str(place.home))
    monkeypatch.setenv("METERHOUSE_RULES_FILE", str(place.rules_file))
    days = ["--from", "2026-11-01", "--to", "2026-11-01"]
    shown = CliRunner().invoke(app, ["alerts", "backtest", "dear", *days])
    assert "would have held back at most 2 calls, which cost 2 USD" in shown.output


def test_the_limit_that_would_have_fired_so_often_is_one_that_did(place):
    made = rule(name="dear", group_by=["agent"])
    for times, expected in ((0, "5"), (1, "2"), (2, "1.25"), (9, "1")):
        limit = limit_that_fires(place, made, DAY, DAY, times)
        assert limit == Decimal(expected)


def test_percentiles_changes_and_anomalies_have_values_at_every_instant(tmp_path):
    place = install(tmp_path)
    week = 7 * 24 * 60
    past = [
        event(f"w{number}-{hour}", hour * 60 - number * week, "1", duration_ms=5)
        for number in range(1, 3)
        for hour in (-1, 0, 1)
    ]
    today = [event(f"e{number}", number, number, duration_ms=number * 10) for number in range(1, 21)]
    publish(place, [*past, *today])
    p95 = backtest(place, rule(metric="duration_p95", when="> 185"), DAY, DAY)
    assert [(one["first_event_id"], one["value"]) for one in p95.intervals.to_dicts()] == [
        ("e19", Decimal(190))
    ]
    assert p95.values["value"].max() == Decimal(200)
    rose = rule(metric="total_cost", window="10m", change="percent", when="> 100")
    assert backtest(place, rose, DAY, DAY).values["value"].drop_nulls().max() == Decimal("6400")
    assert limit_that_fires(place, rose, DAY, DAY, 0) == Decimal("6400")
    [odd] = AnomalyRule.model_validate(
        {"name": "odd", "metric": "total_cost", "window": "1h", "anomaly": {"weeks": 2}}
    ).judged()
    [interval] = backtest(place, odd, DAY, DAY).intervals.to_dicts()
    assert (interval["first_event_id"], interval["value"], interval["limit"]) == ("e10", Decimal(55), "9")


def test_the_command_prints_a_table_bars_and_json(place, monkeypatch):
    monkeypatch.setenv("METERHOUSE_HOME", str(place.home))
    monkeypatch.setenv("METERHOUSE_RULES_FILE", str(place.rules_file))
    days = ["--from", "2026-11-01", "--to", "2026-11-01"]
    shown = CliRunner().invoke(app, ["alerts", "backtest", "dear", *days, "--fires-at-most", "1"])
    assert shown.exit_code == 0, shown.output
    assert "agent: a" in shown.output
    assert "would have fired 2 times" in shown.output
    assert "A limit of 2 would have fired at most 1 times" in shown.output
    answer = CliRunner().invoke(app, ["alerts", "backtest", "dear", *days, "--json"])
    [first, second] = json.loads(answer.stdout)
    assert first == {
        "rule": "dear",
        "group": {"agent": "a"},
        "severity": "critical",
        "fired_at": "2026-11-01T12:10:00Z",
        "resolved_at": "2026-11-01T13:10:00Z",
        "value": "1.500000000000",
        "limit": "1.25",
        "first_event_id": "a2",
    }
    assert second["first_event_id"] == "a3"


def test_an_unknown_rule_and_days_in_the_wrong_order_are_said_in_words(place, monkeypatch):
    with pytest.raises(UsageError, match="is after"):
        backtest(place, rule(), DAY, DAY - timedelta(days=1))
    monkeypatch.setenv("METERHOUSE_HOME", str(place.home))
    monkeypatch.setenv("METERHOUSE_RULES_FILE", str(place.rules_file))
    answer = CliRunner().invoke(
        app, ["alerts", "backtest", "cheap", "--from", "2026-11-01", "--to", "2026-11-02"]
    )
    assert answer.exit_code == 2
    assert "There is no rule 'cheap'" in answer.output


def test_nothing_published_yet_says_what_to_do(tmp_path):
    with pytest.raises(NothingPublishedError, match="Nothing is published"):
        backtest(install(tmp_path), rule(), DAY, DAY)


def test_the_mart_has_every_column_that_rules_read():
    described = yaml.safe_load((PROJECT_ROOT / "dbt_project/models/marts/fct_transactions.yml").read_text())
    columns = {column["name"] for model in described["models"] for column in model["columns"]}
    assert {NAMES_IN_MART.get(name, name) for name in EVENT_COLUMNS} <= columns
