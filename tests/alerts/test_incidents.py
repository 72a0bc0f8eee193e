"""What stands on record, and what people are told, as files arrive in any order."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from meterhouse.alerts import running
from meterhouse.alerts.budgets import BudgetRule
from meterhouse.alerts.judgement import judge, judge_silence
from meterhouse.alerts.running import RunningSums
from meterhouse.alerts.wording import compose
from meterhouse.control.database import session
from meterhouse.control.tables import AlertBatchRow, AlertChunkRow, AlertMarkRow, IncidentRow, OutboxRow
from tests.alerts.oracle import intervals
from tests.alerts.test_evaluate import CASES
from tests.alerts.world import at, event, frame, incidents, install, outbox, rule


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installation"))


@pytest.fixture(autouse=True)
def empty(place):
    clear(place)


def clear(place):
    with session(place) as transaction:
        for table in (OutboxRow, IncidentRow, AlertBatchRow, AlertChunkRow, AlertMarkRow):
            transaction.execute(delete(table))


class Judge:
    """Judges files of events one after another, each in its own transaction."""

    def __init__(self, place, *made):
        self.place, self.running, self.count = place, RunningSums(made), 0

    def restart(self):
        """A new process: nothing is in memory."""
        self.running = RunningSums(self.running.rules)

    def file(self, events, now, url=None):
        self.count += 1
        with session(self.place) as transaction:
            return judge(transaction, self.running, url or f"file-{self.count}", frame(events), at(now))

    def silence(self, now):
        with session(self.place) as transaction:
            return judge_silence(transaction, self.running, at(now))


def on_record(place):
    rows = [row for row in incidents(place) if row.status != "retracted"]
    return sorted((row.group_key, row.severity, row.fired_at, row.resolved_at, row.value) for row in rows)


def told(place):
    return [(row.event, row.status) for row in outbox(place)]


@pytest.fixture(params=[running.FRAMES_BETWEEN_MERGES, 1])
def merges(request, monkeypatch):
    """Running sums that merge rarely, and at every turn."""
    monkeypatch.setattr(running, "FRAMES_BETWEEN_MERGES", request.param)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CASES, st.data())
def test_final_incidents_are_a_function_of_the_set_of_events(place, merges, case, data):
    clear(place)
    (made_rule, where), events = case
    judging = Judge(place, made_rule)
    random = data.draw(st.randoms())
    delivered = events + random.sample(events, len(events) // 2)
    random.shuffle(delivered)
    now = 0
    while delivered:
        size = data.draw(st.integers(1, 5))
        now += data.draw(st.integers(0, 40))
        judging.file(delivered[:size], now)
        delivered = delivered[size:]
        if data.draw(st.booleans()):
            judging.restart()
        if data.draw(st.booleans()):
            now += data.draw(st.integers(0, 40))
            judging.silence(now)
    judging.silence(now + 1)
    expected = {
        (group, severity, fired_at, resolved_at, format(value.normalize(), "f"))
        for group, severity, fired_at, resolved_at, value in intervals(made_rule, where, events, at(now + 1))
    }
    assert set(on_record(place)) == expected
    assert len(on_record(place)) == len(expected)
    overlapping = [
        (row.group_key, row.severity, row.fired_at) for row in incidents(place) if row.status == "firing"
    ]
    assert len(overlapping) == len({key[:2] for key in overlapping})


def test_one_incident_and_one_message_each_for_fired_and_resolved(place):
    judging = Judge(place, rule())
    judging.file([event("a", 0, "1.25")], 1)
    assert told(place) == []
    judging.file([event("b", 2, "1.26")], 3)
    judging.file([event("c", 4, "5")], 5)
    assert told(place) == [("fired", "pending")]
    judging.file([event("d", 6, "0")], 7)
    [row] = incidents(place)
    assert (row.status, row.fired_at, row.resolved_at, row.first_event_id) == ("firing", at(2), None, "b")
    judging.file([event("e", 8, "0"), event("f", 8, "0"), event("g", 8, "0")], 9)
    assert [row.status for row in incidents(place)] == ["resolved"]
    assert told(place) == [("fired", "pending"), ("resolved", "pending")]
    resolved = outbox(place)[1].payload
    assert (resolved["resolved_value"], resolved["fired_at"]) == ("1.072857142857", at(2).isoformat())


def test_a_file_judged_before_changes_nothing(place):
    judging = Judge(place, rule())
    assert [change.event for change in judging.file([event("a", 0, "2")], 1, "same")] == ["fired"]
    assert judging.file([event("b", 0, "0")], 2, "same") == []
    assert [row.value for row in incidents(place)] == ["2"]


def test_a_group_that_falls_silent_recovers_without_new_events(place):
    judging = Judge(place, rule())
    judging.file([event("a", 0, "2")], 1)
    assert judging.silence(59) == []
    assert [change.event for change in judging.silence(61)] == ["resolved"]
    assert incidents(place)[0].resolved_at == at(60)
    assert outbox(place)[1].payload["resolved_value"] is None


def test_a_limit_must_stay_crossed_for_as_long_as_the_rule_asks(place):
    judging = Judge(place, rule(**{"for": "10m", "group_by": ["agent"]}))
    judging.file([event("a", 0, "2", agent="short"), event("b", 1, "2", agent="long")], 2)
    judging.file([event("c", 5, "0", agent="short")], 6)
    judging.restart()
    assert judging.silence(10.9) == []
    judging.restart()
    assert [change.group for change in judging.silence(11)] == ['{"agent":"long"}']
    [row] = incidents(place)
    assert (row.fired_at, row.first_event_id, row.value) == (at(11), "b", "2")
    assert [change.event for change in judging.silence(61)] == ["resolved"]


def test_what_lasts_is_told_again_as_often_as_the_rule_asks(place):
    judging = Judge(place, rule(window="12h", renotify="4h"))
    judging.file([event("a", 0, "2")], 0)
    for hours, messages in ((3.9, 1), (4, 2), (4.1, 2), (7.9, 2), (8, 2)):
        judging.silence(hours * 60)
        assert len(told(place)) == messages
    reminder = outbox(place)[-1]
    assert (reminder.event, reminder.created_at, reminder.payload["now"]) == (
        "reminder",
        at(480),
        at(480).isoformat(),
    )
    assert "still firing" in compose(reminder.event, reminder.payload).title
    judging.silence(720)
    assert [name for name, _ in told(place)] == ["fired", "reminder", "resolved"]


def test_a_group_that_falls_silent_is_told_with_its_last_event(place):
    judging = Judge(place, rule(metric="request_count", when="< 1", min_samples=0))
    judging.file([event("a", 0, "2", trace_id="last")], 1)
    assert judging.silence(59) == []
    judging.restart()
    assert [change.event for change in judging.silence(61)] == ["fired"]
    [row] = incidents(place)
    assert (row.fired_at, row.value, row.first_event_id, row.trace_id) == (at(60), "0", "a", "last")
    assert [change.event for change in judging.file([event("b", 90, "2")], 91)] == ["resolved"]


def test_a_late_event_that_lowers_the_average_retracts_and_says_so(place):
    judging = Judge(place, rule())
    judging.file([event("a", 10, "2")], 11)
    changes = judging.file([event("late", 5, "0")], 12)
    assert [change.event for change in changes] == ["retracted"]
    assert [row.status for row in incidents(place)] == ["retracted"]
    assert [name for name, _ in told(place)] == ["fired", "retracted"]


def test_a_late_event_that_moves_the_crossing_amends_the_same_incident(place):
    judging = Judge(place, rule())
    judging.file([event("a", 10, "2")], 11)
    [before] = incidents(place)
    changes = judging.file([event("late", 5, "3")], 12)
    [after] = incidents(place)
    assert [change.event for change in changes] == ["amended"]
    assert (after.id, after.fired_at, after.first_event_id, after.value) == (before.id, at(5), "late", "3")
    assert [name for name, _ in told(place)] == ["fired"]


def test_a_late_event_that_bridges_two_incidents_keeps_the_first(place):
    judging = Judge(place, rule(window="10m"))
    judging.file([event("a", 0, "2")], 1)
    judging.silence(15)
    judging.file([event("b", 16, "2")], 17)
    first, _ = incidents(place)
    judging.file([event("late", 8, "2")], 18)
    rows = {row.id: row.status for row in incidents(place)}
    assert sorted(rows.values()) == ["firing", "retracted"]
    assert rows[first.id] == "firing"
    assert [name for name, _ in told(place)] == ["fired", "resolved", "fired", "reopened", "retracted"]


def test_a_retracted_incident_that_returns_is_told_again(place):
    judging = Judge(place, rule())
    judging.file([event("a", 10, "2")], 11)
    judging.file([event("late", 5, "0")], 12)
    judging.file([event("later", 10, "6")], 13)
    [row] = [row for row in incidents(place) if row.status == "firing"]
    assert row.fired_at == at(10)
    assert told(place)[-1][0] == "fired"


def test_a_backfill_is_recorded_and_nobody_is_told(place):
    judging = Judge(place, rule())
    days = 24 * 60
    judging.file([event("new", 40 * days, "2")], 40 * days)
    for hour in (3, 1, 2, 0):
        judging.file(
            [event(f"old-{hour}", 120 * hour, "2"), event(f"zero-{hour}", 120 * hour + 30, "0")], 40 * days
        )
    assert len(on_record(place)) == 5
    assert told(place) == [("fired", "pending")]


def test_an_incident_over_within_six_hours_is_told_with_its_end(place):
    judging = Judge(place, rule())
    judging.file([event("a", 0, "2")], 60 + 6 * 60 - 1)
    assert [name for name, _ in told(place)] == ["fired", "resolved"]


def test_shadow_mode_records_and_tells_nobody(place):
    judging = Judge(place, rule(mode="shadow"))
    judging.file([event("a", 0, "2")], 1)
    judging.silence(70)
    assert [(row.status, row.is_shadow) for row in incidents(place)] == [("resolved", True)]
    assert told(place) == []


def test_rules_and_groups_do_not_disturb_each_other(place):
    judging = Judge(
        place, rule(group_by=["product"]), rule(name="spend", metric="total_cost", when="> 3", notify=[])
    )
    judging.file([event("a", 0, "2", product="search"), event("b", 1, "0.1", product="chat")], 2)
    judging.file([event("c", 2, "1.5", product="chat")], 3)
    found = {(row.rule, row.group_key) for row in incidents(place)}
    assert found == {("average-cost-per-transaction", '{"product":"search"}'), ("spend", "{}")}
    assert len(outbox(place)) == 1


def test_the_open_incidents_of_a_changed_or_removed_rule_are_closed(place):
    first = Judge(place, rule())
    first.file([event("a", 0, "2")], 1, "one")
    first.silence(1)
    changed = Judge(place, rule(when="> 1.5", group_by=["product"]))
    assert [change.event for change in changed.silence(2)] == ["resolved", "fired"]
    assert "changed or removed" in outbox(place)[1].payload["note"]
    changed.file([event("b", 3, "2")], 4, "two")
    assert sorted(row.status for row in incidents(place)) == ["firing", "resolved"]
    removed = Judge(place)
    assert [change.event for change in removed.silence(5)] == ["resolved"]


def test_a_new_rule_is_judged_at_once_on_what_is_remembered_and_raises_no_storm(place):
    first = Judge(place)
    first.file([event(f"old-{hour}", hour * 60, "2", agent="old") for hour in (0, 1)], 130)
    first.file([event("spent", 9 * 60, "1", agent="new"), event("now", 10 * 60, "2", agent="new")], 601)
    assert first.silence(601) == []
    by_agent = {"group_by": ["agent"], "notify": ["slack"]}
    [budget] = BudgetRule.model_validate(
        {"name": "b", "budget": 4, "period": "month", "steps": [75], **by_agent}
    ).judged()
    added = Judge(place, rule(window="20h", **by_agent), budget, rule(name="brief", window="10m", **by_agent))
    assert {change.event for change in added.silence(602)} == {"fired"}
    found = {(row.rule, row.group_key, row.first_event_id, row.status) for row in incidents(place)}
    assert found == {
        ("average-cost-per-transaction", '{"agent":"old"}', "old-0", "firing"),
        ("average-cost-per-transaction", '{"agent":"new"}', "now", "firing"),
        ("b", '{"agent":"old"}', "old-1", "firing"),
        ("b", '{"agent":"new"}', "now", "firing"),
        ("brief", '{"agent":"new"}', "now", "firing"),
    }
    assert added.silence(603) == []
    added.restart()
    assert added.silence(604) == []
    assert {name for name, _ in told(place)} == {"fired"}
    assert len(told(place)) == 5


def test_an_event_dated_ahead_is_judged_when_its_time_has_come(place):
    judging = Judge(place, rule())
    assert judging.file([event("ahead", 10, "2")], 0) == []
    assert judging.silence(5) == []
    assert [change.event for change in judging.silence(10)] == ["fired"]


def test_events_out_of_reach_are_forgotten_and_their_incidents_stand(place):
    judging = Judge(place, rule())
    judging.file([event(f"e{number}", 0, "2") for number in range(3)], 1)
    days = 24 * 60
    judging.silence(2 * days)
    judging.file([event("new", 40 * days, "0")], 40 * days)
    with session(place) as transaction:
        [kept] = transaction.scalars(select(AlertChunkRow.min_started_at))
        assert kept == at(40 * days)
    before = on_record(place)
    judging.file([event("very-late", 30, "0"), event("much-later", 40 * days, "0")], 40 * days + 1)
    assert on_record(place) == before


def test_a_late_event_within_two_days_is_judged_with_all_its_neighbours(place):
    judging = Judge(place, rule(window="1h"))
    judging.file([event("a", 0, "2")], 1)
    judging.silence(70)
    for hour in range(2, 48):
        judging.file([event(f"quiet-{hour}", hour * 60, "0")], hour * 60 + 1)
    judging.file([event("late", 1, "0")], 48 * 60 - 1)
    assert on_record(place) == [("{}", "critical", at(0), at(1), "2")]
    assert at(60) - at(0) == timedelta(hours=1)
