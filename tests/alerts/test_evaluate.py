"""The evaluator against a slow one, and the edges of its meaning."""

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.alerts.anomalies import AnomalyRule
from meterhouse.alerts.budgets import BudgetRule
from meterhouse.alerts.evaluate import BEFORE_SCHEMA, evaluate
from meterhouse.alerts.metrics import METRICS
from tests.alerts.oracle import intervals
from tests.alerts.world import T0, at, event, frame, rule

AMOUNTS = st.sampled_from(
    ["0", "0.000000000001", "1.25", "1.249999999999", "1.250000000001", "2", "-3", "0.4"]
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"product": "search"},
        {"product": {"is_not": "search"}},
        {"agent": {"in": ["a", "b"]}},
        {"agent": {"contains": "b", "is_not": "ab"}},
        {"agent": {"starts_with": "a"}, "product": {"ends_with": "t"}},
    ]
)


SPANS = st.sampled_from(
    [
        *({"window": window} for window in ("5m", "12m", "20m", "1h")),
        # T0 is where a period ends: midnight of a Sunday, 1 November, and of a Monday.
        {"window": None, "period": "day", "timezone": "Etc/GMT+12"},
        {"window": None, "period": "month", "timezone": "Etc/GMT+12"},
        {"window": None, "period": "week", "timezone": "Etc/GMT-12"},
        {"window": None, "period": "quarter"},
    ]
)


@st.composite
def event_sets(draw, weeks=0):
    """Events crowded onto few minutes, groups and ids, some of them copies with the same start and another body."""
    minutes = draw(st.lists(st.integers(0, 12), min_size=12, max_size=12))
    hours_ago = st.sampled_from(
        [168 * week + hour for week in range(1, weeks + 1) for hour in (-1, 0, 1)] + [0]
    )
    back = draw(st.lists(hours_ago, min_size=12, max_size=12))
    events = []
    for number, name in enumerate(draw(st.lists(st.integers(0, 11), max_size=14))):
        status = draw(st.sampled_from(["priced", "priced", "priced", "unpriced"]))
        events.append(
            event(
                f"e{name}",
                minutes[name] * 5 - 30 - back[name] * 60,
                draw(AMOUNTS) if status == "priced" else None,
                received_at=at(1000 + number),
                trace_id=draw(st.sampled_from([None, "t1", "t2"])),
                product=draw(st.sampled_from([None, "search", "chat"])),
                agent=draw(st.sampled_from([None, "a", "ab"])),
                outcome=draw(st.sampled_from([None, "ok", "error", "blocked", "would_block"])),
                input_tokens=draw(st.sampled_from([None, 0, 1, 7])),
                output_tokens=draw(st.sampled_from([None, 0, 2])),
                cache_read_tokens=draw(st.sampled_from([None, 0, 3])),
                images=draw(st.sampled_from([None, 0, 2])),
                audio_seconds=draw(st.sampled_from([None, Decimal("1.25"), Decimal("0.000001")])),
                duration_ms=draw(st.sampled_from([None, 1, 2])),
                time_to_first_token_ms=draw(st.sampled_from([None, 0, 3])),
                quality_score=draw(st.sampled_from([None, Decimal("0.5"), Decimal("1")])),
            )
        )
    return events


@st.composite
def budget_steps(draw):
    where = draw(CONDITIONS)
    budget = BudgetRule.model_validate(
        {
            "name": "a-budget",
            "budget": draw(st.sampled_from(["2.5", "1.25", "0.8", "0.0000000001", "5"])),
            **{
                key: value
                for key, value in draw(SPANS.filter(lambda span: "period" in span)).items()
                if value
            },
            "steps": [50, 99, 100],
            "pace": True,
            "group_by": draw(st.sampled_from([[], ["product"]])),
            "where": where,
        }
    )
    return draw(st.sampled_from(budget.judged())), where


def rules():
    return st.one_of(threshold_rules(), threshold_rules(), budget_steps())


@st.composite
def comparing_rules(draw):
    """A rule on an anomaly, and events of now and of the weeks before."""
    where = draw(CONDITIONS)
    made = AnomalyRule.model_validate(
        {
            "name": "unusual",
            "metric": draw(
                st.sampled_from(["total_cost", "cost_per_trace", "request_count", "error_rate", "duration"])
            ),
            "window": draw(st.sampled_from(["5m", "20m", "1h"])),
            "anomaly": {
                "weeks": 2,
                "sensitivity": draw(st.sampled_from(["0.01", "1", "2.5"])),
                "direction": draw(st.sampled_from(["up", "down"])),
                "at_least": draw(st.sampled_from(["0", "0.000000000001", "0.5"])),
            },
            "group_by": draw(st.sampled_from([[], ["product"]])),
            "where": where,
            **draw(
                st.sampled_from([{"min_samples": 1}, {"min_samples": 2}, {"min_samples": 1, "for": "11m"}])
            ),
        }
    )
    return made.judged()[0], where


@st.composite
def threshold_rules(draw):
    limits = st.builds(
        "{} {}".format,
        st.sampled_from([">", ">=", "<", "<="]),
        st.sampled_from(["1.25", "0", "0.5", "2", "3"]),
    )
    where = draw(CONDITIONS)
    metric = draw(st.sampled_from(sorted(METRICS)))
    span = draw(SPANS)
    percentile = METRICS[metric].percentile
    change = draw(st.sampled_from([None, None, "percent", "absolute"])) if percentile is None else None
    if (METRICS[metric].is_per_minute or percentile or change) and span["window"] is None:
        span = {"window": "20m"}
    made = rule(
        metric=metric,
        **span,
        when=draw(st.one_of(limits, st.fixed_dictionaries({"warning": limits, "critical": limits}))),
        group_by=draw(st.sampled_from([[], ["product"], ["product", "agent"]])),
        where=where,
        change=change,
        min_samples=draw(
            st.integers(int(span["window"] is None or METRICS[metric].is_average or change is not None), 3)
        ),
        **draw(st.sampled_from([{}, {}, {"for": "5m"}, {"for": "11m"}, {"for": "40m"}])),
    )
    return draw(st.sampled_from(made.judged())), where


CASES = st.one_of(
    st.tuples(rules(), event_sets()),
    st.tuples(rules(), event_sets()),
    st.tuples(comparing_rules(), event_sets(weeks=2)),
)
"""A rule with its conditions, and events."""


@settings(max_examples=60, deadline=None)
@given(CASES, st.integers(0, 150), st.randoms())
def test_intervals_are_those_of_a_slow_evaluator_whatever_the_order(case, until, random):
    (made_rule, where), events = case
    expected = intervals(made_rule, where, events, at(until))
    for _ in range(2):
        found = evaluate(made_rule, frame(events), at(until))
        names = ("group", "severity", "fired_at", "resolved_at", "value")
        assert {tuple(row[name] for name in names) for row in found.iter_rows(named=True)} == expected
        assert len(found) == len(expected)
        events = events + random.sample(events, len(events) // 2)
        random.shuffle(events)


def fired(made_rule, events, until=600):
    return evaluate(made_rule, frame(events), at(until)).to_dicts()


def test_it_does_not_fire_at_exactly_the_limit_and_fires_on_the_event_that_crosses():
    exact = [event("a", 0, "1.25"), event("b", 1, "1.00"), event("c", 2, "1.50")]
    assert fired(rule(), exact, until=59) == []
    [interval] = fired(rule(), [*exact, event("d", 3, "1.250000000004")], until=59)
    assert (interval["fired_at"], interval["first_event_id"], interval["trace_id"]) == (at(3), "d", "trace-d")
    assert interval["value"] == Decimal("1.250000000001")
    assert interval["sample_count"] == 4


def test_it_fires_once_while_the_value_stays_beyond_recovers_and_fires_again():
    events = [
        event("a", 0, "2"),
        event("b", 1, "3"),
        event("c", 2, "0"),
        event("d", 3, "0"),
        event("e", 200, "2"),
    ]
    first, second = fired(rule(), events)
    assert (first["fired_at"], first["resolved_at"], first["resolved_value"]) == (
        at(0),
        at(3),
        Decimal("1.25"),
    )
    assert (second["fired_at"], second["resolved_at"], second["resolved_value"]) == (at(200), at(260), None)


def test_a_group_that_falls_silent_recovers_when_its_window_expires_and_not_before():
    assert fired(rule(), [event("a", 0, "2")], until=59.99)[0]["resolved_at"] is None
    assert fired(rule(), [event("a", 0, "2")], until=60)[0]["resolved_at"] == at(60)


def test_an_expiry_that_raises_the_average_fires_with_the_newest_event():
    [interval] = fired(rule(), [event("cheap", 0, "0"), event("dear", 30, "2")])
    assert (interval["fired_at"], interval["first_event_id"], interval["value"]) == (
        at(60),
        "dear",
        Decimal(2),
    )


def test_unpriced_events_never_count_as_zero():
    events = [event("a", 0, "2"), event("b", 1), event("c", 2, cost_status="usage_missing"), event("d", 3)]
    assert fired(rule(), events)[0]["resolved_at"] == at(60)
    assert fired(rule(when="<= 0"), events) == []
    [interval] = fired(rule(metric="unpriced_events", when="> 1"), events)
    assert (interval["first_event_id"], interval["value"]) == ("d", Decimal(2))


def test_a_period_is_one_of_the_calendar_of_its_time_zone_also_when_the_clocks_change():
    budget = rule(metric="total_cost", window=None, period="day", timezone="Europe/Berlin", when="> 10")
    day = T0.replace(day=25, month=10, hour=0)
    spent = [event(f"e{hour}", 0, "0.5", started_at=day + timedelta(hours=hour)) for hour in range(-2, 23)]
    [interval] = evaluate(budget, frame(spent), day + timedelta(days=2)).to_dicts()
    assert (interval["first_event_id"], interval["value"]) == ("e18", Decimal("10.5"))
    assert interval["resolved_at"] == day + timedelta(hours=23)


def test_too_few_samples_do_not_fire():
    events = [event("a", 0, "2"), event("b", 1), event("c", 2, "2")]
    assert fired(rule(min_samples=2), events)[0]["first_event_id"] == "c"
    assert fired(rule(min_samples=3), events) == []


def test_a_group_that_falls_silent_fires_where_no_samples_are_enough():
    silent = rule(metric="request_count", when="< 1", min_samples=0, group_by=["agent"])
    events = [event("a", 0, "2", agent="a"), event("b", 30, "2", agent="a"), event("c", 100, "2", agent="a")]
    first, second = fired(silent, events)
    assert (first["fired_at"], first["resolved_at"], first["first_event_id"]) == (at(90), at(100), "b")
    assert (second["fired_at"], second["resolved_at"], second["value"]) == (at(160), None, 0)


def test_each_severity_has_its_own_interval():
    found = fired(
        rule(when={"warning": "> 1", "critical": "> 1.25"}), [event("a", 0, "1.2"), event("b", 1, "1.4")]
    )
    assert [(one["severity"], one["limit"], one["fired_at"]) for one in found] == [
        ("warning", "1", at(0)),
        ("critical", "1.25", at(1)),
    ]


def test_sums_stay_exact_where_floats_fail():
    tenths = [event(f"e{number}", 0, "0.1") for number in range(1000)]
    assert fired(rule(metric="total_cost", when="> 100"), tenths) == []
    pence = event("x", 1, "0.000000000001")
    assert fired(rule(metric="total_cost", when="> 100"), [*tenths, pence])[0]["value"] == Decimal(
        "100.000000000001"
    )
    large = [
        event("a", 0, "999999999999999"),
        event("b", 0, "0.000000000001"),
        event("c", 0, "-999999999999999"),
    ]
    assert fired(rule(metric="total_cost", when="> 0"), large)[0]["value"] == Decimal("0.000000000001")


@pytest.mark.parametrize(
    ("condition", "matching"),
    [
        ("acme", {"acme"}),
        ({"is": "acme"}, {"acme"}),
        ({"is_not": "acme"}, {"ACME", "acme-eu", "big acme", None}),
        ({"in": ["acme", "ACME"]}, {"acme", "ACME"}),
        ({"contains": "acm"}, {"acme", "acme-eu", "big acme"}),
        ({"contains": "a.m"}, set()),
        ({"starts_with": "acme"}, {"acme", "acme-eu"}),
        ({"ends_with": "acme"}, {"acme", "big acme"}),
        ({"starts_with": "acme", "is_not": "acme"}, {"acme-eu"}),
    ],
)
def test_where_operators(condition, matching):
    customers = ["acme", "ACME", "acme-eu", "big acme", None]
    events = [event(f"e{number}", 0, "2", customer=customer) for number, customer in enumerate(customers)]
    made = rule(where={"customer": condition}, group_by=["customer"])
    groups = {interval["group"] for interval in fired(made, events)}
    text = {None: "null"}
    assert groups == {f'{{"customer":{text.get(name, f"{chr(34)}{name}{chr(34)}")}}}' for name in matching}


def test_judging_from_a_later_time_gives_the_tail_of_judging_from_the_start():
    events = [
        event("a", 0, "2"),
        event("b", 30, "0.5"),
        event("c", 31, "3"),
        event("d", 100, "2"),
        event("e", 130, "0.1"),
    ]
    made = rule(window="40m")
    whole = evaluate(made, frame(events), at(300))
    for minute in range(0, 200, 5):
        inside = [row for row in whole.iter_rows(named=True) if row["fired_at"] < at(minute)]
        was_firing = any(row["resolved_at"] >= at(minute) for row in inside)
        before = frame_before("{}", "critical", at(minute), was_firing)
        reach = [one for one in events if one["started_at"] >= at(minute) - timedelta(minutes=40)]
        tail = evaluate(made, frame(reach), at(300), before)
        expected = [
            (row["fired_at"] if row["fired_at"] >= at(minute) else None, row["resolved_at"])
            for row in whole.iter_rows(named=True)
            if row["resolved_at"] >= at(minute)
        ]
        assert list(tail.select("fired_at", "resolved_at").iter_rows()) == expected


def frame_before(group, severity, since, was_firing):
    return pl.DataFrame([(group, severity, since, was_firing)], schema=BEFORE_SCHEMA, orient="row")
