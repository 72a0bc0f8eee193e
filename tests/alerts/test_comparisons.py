"""Change, anomaly, percentiles and traces: against the slow evaluator on crowded data, and what is told of them."""

from random import Random

import pytest

from meterhouse.alerts.anomalies import AnomalyRule
from meterhouse.alerts.evaluate import evaluate
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.rules_file import RulesError, json_schema, load_rules, parse_rules
from meterhouse.alerts.wording import compose
from tests.alerts.oracle import intervals
from tests.alerts.test_incidents import Judge, on_record
from tests.alerts.world import at, event, frame, incidents, install, outbox, rule

WEEK = 7 * 24 * 60
COSTS = ["0.1", "0.2", "0.25", "0.3", "1", "5", "-0.5", None]
KINDS = {
    "percent": {"metric": "total_cost", "change": "percent", "when": {"warning": "> 50", "critical": ">= 100"}},
    "fall": {"metric": "cost_per_transaction", "change": "percent", "when": "< -10.5"},
    "absolute": {"metric": "tokens_per_request", "change": "absolute", "when": "> 1.5"},
    "traces": {"metric": "cost_per_trace", "change": "absolute", "when": "> 0.1"},
    "p50": {"metric": "duration_p50", "when": {"warning": "> 20", "critical": ">= 30"}},
    "p95": {"metric": "time_to_first_token_p95", "when": "<= 35"},
    "p99": {"metric": "duration_p99", "when": "< 40"},
    "trace": {"metric": "cost_per_trace", "when": "> 1"},
    "traces of a day": {"metric": "cost_per_trace", "window": None, "period": "day", "when": "> 1"},
    "up": {"metric": "total_cost", "anomaly": {"weeks": 3, "sensitivity": 0.3, "at_least": 0.1}},
    "down": {"metric": "cost_per_trace", "anomaly": {"weeks": 2, "sensitivity": 0.2, "direction": "down"}},
    "both": {"metric": "duration", "anomaly": {"weeks": 2, "sensitivity": "0.25", "direction": "both"}},
}  # fmt: skip


def made(kind, random):
    """The rules by which one of a kind is judged."""
    about = {"name": "rule", "window": random.choice(["20m", "1h"]), "group_by": ["product"], **KINDS[kind]}
    about |= random.choice([{"min_samples": 1}, {"min_samples": 2}, {"min_samples": 1, "for": "11m"}])
    return (AnomalyRule if "anomaly" in about else Rule).model_validate(about).judged()


def crowded(random, count):
    """Events of two groups in few traces, all within the same hours of four weeks, some of them copies."""
    return [
        event(
            f"e{random.randrange(count)}",
            minutes := 5 * random.randrange(-12, 24) - WEEK * random.choice([0, 0, 1, 2, 3]),
            random.choice(COSTS),
            received_at=at(10_000 + number),
            started_at=at(minutes),
            product=random.choice(["search", "search", None]),
            trace_id=random.choice([None, "t1", "t2", "t3"]),
            input_tokens=random.choice([None, 1, 2, 9]),
            duration_ms=random.choice([None, 10, 20, 30, 40]),
            time_to_first_token_ms=random.choice([None, 10, 20, 30, 40]),
        )
        for number in range(count)
    ]


def shown(found):
    names = ("group", "severity", "fired_at", "resolved_at", "value")
    return [tuple(row[name] for name in names) for row in found.iter_rows(named=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_are_those_of_a_slow_evaluator(kind):
    fired = 0
    for seed in range(3):
        random = Random(f"{kind} {seed}")
        events = crowded(random, 90)
        for one in made(kind, random):
            expected = intervals(one, {}, events, at(200))
            found = shown(evaluate(one, frame(random.sample(events, len(events))), at(200)))
            assert set(found) == expected
            assert len(found) == len(expected)
            fired += len(found)
    assert fired > 3


@pytest.fixture
def place(tmp_path):
    return install(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_incidents_are_a_function_of_the_set_of_events(place, kind):
    random = Random(kind)
    rules, events = made(kind, random), crowded(random, 150 if "anomaly" in KINDS[kind] else 70)
    judging = Judge(place, *rules)
    delivered = random.sample(events, len(events)) + random.sample(events, 10)
    for start in range(0, len(delivered), 25):
        judging.file(delivered[start : start + 25], start)
        if start % 2:
            judging.restart()
            judging.silence(start + 8)
    judging.silence(400)
    expected = [
        (group, severity, fired_at, resolved_at, format(value.normalize(), "f"))
        for one in rules
        for group, severity, fired_at, resolved_at, value in intervals(one, {}, events, at(400))
    ]
    assert on_record(place) == sorted(expected)
    assert expected


def test_a_change_says_both_windows_and_nothing_before_is_no_verdict(place):
    judging = Judge(place, rule(metric="total_cost", change="percent", when="> 100"))
    judging.file([event("a", 0, "5")], 1)
    judging.file([event("b", 61, "10")], 62)
    assert incidents(place) == []
    judging.file([event("c", 62, "0.000001")], 63)
    [row] = incidents(place)
    assert (row.value, row.limit, row.first_event_id) == ("100.00002", "100", "c")
    lines = dict(compose("fired", outbox(place)[0].payload).lines)
    assert lines["Value"] == "change of total cost 100.00002 %, limit > 100 %"
    assert lines["Before"] == "5 USD in the 1h before, 10.000001 USD now"
    assert [change.event for change in judging.silence(121)] == ["resolved"]


def anomaly(**changes):
    base = {"name": "unusual", "metric": "total_cost", "window": "1h", "anomaly": {}, "min_samples": 1}
    return AnomalyRule.model_validate(base | {"notify": ["slack"]} | changes).judged()


def test_an_anomaly_says_what_was_expected_and_what_contributes(place):
    judging = Judge(place, *anomaly(anomaly={"sensitivity": 1}))
    usual = [
        event(f"w{week}-{hour}-{call}", -week * WEEK + hour * 60 - 5, cost, customer="acme", model="small")
        for week, costs in enumerate(
            (("2", "2.5", "3"), ("2.25", "2.5", "3"), ("2.5", "2", "4"), ("2.5", "2", "3")), 1
        )
        for hour, cost in zip((-1, 0, 1), costs, strict=True)
        for call in range(4)
    ]
    judging.file(usual, 0)
    judging.file([event("same", 0, "20", customer="acme", model="small")], 1)
    assert incidents(place) == []
    judging.file([event("more", 2, "9", customer="<new>", model="large")], 3)
    [row] = incidents(place)
    assert (row.value, row.severity, row.limit) == ("29", "warning", "20")
    lines = dict(compose("fired", outbox(place)[0].payload).lines)
    assert lines["Expected"] == "0 to 20 USD; 10 USD is usual at this hour of the past 4 weeks"
    assert (
        lines["Most of it"]
        == "customer acme: 20 USD, else 10.4167 USD; model small: 20 USD, else 10.4167 USD"
    )


def test_a_group_without_a_past_is_not_unusual(place):
    judging = Judge(place, *anomaly(anomaly={"weeks": 2}))
    judging.file([event("w1", -WEEK, "1"), event("w2", -2 * WEEK, "1")], 0)
    judging.file([event("now", 1, "1000")], 2)
    assert incidents(place) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metric: duration_p95, period: day, when: '> 5'", "duration_p95 needs a window of 1d at most"),
        ("metric: duration_p95, window: 2d, when: '> 5'", "duration_p95 needs a window of 1d at most"),
        ("metric: duration_p90, window: 1h, when: '> 5'", "did you mean 'duration_p9"),
        ("metric: duration_p95, window: 1h, change: percent, when: '> 5'", "use the average, duration"),
        ("metric: total_cost, period: day, change: percent, when: '> 5'", "write a window of 15d at most"),
        ("metric: total_cost, window: 16d, change: percent, when: '> 5'", "write a window of 15d at most"),
        ("metric: total_cost, window: 1h, change: ratio, when: '> 5'", "'percent' or 'absolute'"),
        ("metric: total_cost, window: 1h, change: percent, when: '> 0.0000001'", "6 decimal places"),
        (
            "metric: request_count, window: 1h, change: percent, when: '< 5', min_samples: 0",
            "must be 1 or more",
        ),
        (
            "metric: total_cost, window: 1h, change: percent, when: '> 5', enforce: block",
            "holds no call back",
        ),
        ("metric: total_cost, window: 2d, anomaly: {}", "an anomaly needs a window of 1d at most"),
        ("metric: duration_p95, window: 1h, anomaly: {}", "use the average, duration"),
        ("metric: total_cost, window: 1h, anomaly: {weeks: 9}", "less than or equal to 4"),
        ("metric: total_cost, window: 1h, anomaly: {sensitivity: 0}", "0 is not a sensitivity"),
        ("metric: total_cost, window: 1h, anomaly: {at_least: -1}", "-1 is not an amount"),
        ("metric: total_cost, window: 1h, anomaly: {week: 2}", "'week' is no key of anomaly; it has weeks,"),
        ("metric: total_cost, window: 1h, anomaly: {}, enforce: block", "can hold calls back"),
        ("window: 1h, anomaly: {}", "has no metric; every rule on an anomaly needs name, metric, window"),
    ],
)
def test_each_fault_is_one_sentence(text, words):
    with pytest.raises(RulesError) as caught:
        parse_rules(f"- {{name: n, {text}}}", "f")
    [fault] = caught.value.faults
    assert words in fault


def test_a_file_gives_each_limit_of_a_percentile_and_each_side_of_an_anomaly(tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "- {name: slow, metric: duration_p95, window: 1h, when: {warning: '> 5', critical: '> 9'}}\n"
        "- {name: odd, metric: total_cost, window: 1h, anomaly: {direction: both, sensitivity: 3.5}}\n"
    )
    found = load_rules(tmp_path / "rules.yaml")
    assert [str(one.when[0]) for one in found] == ["> 5", "> 9", "> 3.5", "< 3.5"]
    assert len({one.version for one in found}) == 4
    schema = json_schema()["$defs"]
    assert {"change", "metric"} <= set(schema["Rule"]["properties"])
    assert set(schema["AnomalyRule"]["properties"]) == {
        field.alias or name for name, field in AnomalyRule.model_fields.items()
    }
    assert set(schema["Anomaly"]["properties"]) == {"weeks", "sensitivity", "direction", "at_least"}
