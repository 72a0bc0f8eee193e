"""`GET /v1/controls`: what judging holds back, told to whoever may ask, and no longer than it lasts."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from meterhouse.alerts.controls import in_force
from meterhouse.alerts.judge import judge_new_files
from meterhouse.alerts.rules_file import RulesError, parse_rules
from meterhouse.control.database import session
from meterhouse.control.tables import AlertMarkRow
from meterhouse.gateway import keys
from meterhouse.gateway.keys import Scope
from tests.alerts.test_judge import land, line
from tests.alerts.world import incidents, install
from tests.gateway.endpoint import client, served

RULES = """\
- name: customer-budget
  metric: total_cost
  period: month
  timezone: Europe/Berlin
  group_by: [customer]
  where: {product: {is: search}}
  when: {warning: "> 8", critical: "> 10"}
  enforce: block
- name: agent-per-minute
  metric: request_count
  window: 1m
  group_by: [agent, model]
  when: "> 1"
  enforce: shadow
- name: only-told
  metric: total_cost
  window: 1h
  when: "> 0"
"""


@pytest.fixture
def place(tmp_path):
    return install(tmp_path, None, RULES)


def spend(place, name, cost, **fields):
    land(place, f"{name}.jsonl", line(name, cost, product="search", customer="acme", **fields))
    judge_new_files(place)


def test_a_group_beyond_its_limit_is_told_with_all_that_a_program_must_know_and_no_more_than_once(place):
    key = keys.create(place, "shop", [Scope.WRITE]).key
    with served(place) as url, client(url, key) as http:
        empty = http.get("/v1/controls")
        assert (empty.status_code, empty.json()) == (200, {"controls": []})
        spend(place, "a", "8.5")
        spend(place, "b", "2.25")
        [warning, critical] = [one for one in incidents(place) if one.rule == "customer-budget"]
        told = after(http, empty)
        [budget, rate] = told.json()["controls"]
        assert {name: budget[name] for name in budget if name != "groups"} == {
            "rule": "customer-budget",
            "enforce": "block",
            "metric": "total cost",
            "unit": "USD",
            "window": "month (Europe/Berlin)",
            "group_by": ["customer"],
            "where": {"product": {"is": "search"}},
        }
        assert [(one["severity"], one["action"], one["value"]) for one in budget["groups"]] == [
            ("critical", "block", "10.75"),
            ("warning", "warn", "8.5"),
        ]
        block = budget["groups"][0]
        assert (block["group"], block["comparison"], block["limit"]) == ({"customer": "acme"}, ">", "10")
        assert (block["incident_id"], block["fired_at"]) == (critical.id, critical.fired_at.isoformat())
        assert warning.id != critical.id
        resets_at = datetime.fromisoformat(block["resets_at"])
        assert resets_at > datetime.now(UTC)
        assert (resets_at + timedelta(hours=2)).day == 1
        assert (rate["enforce"], rate["groups"][0]["action"]) == ("shadow", "would_block")
        assert rate["groups"][0]["group"] == {"agent": "writer", "model": "house-model"}
        assert rate["groups"][0]["resets_at"] is None
        again = http.get("/v1/controls", headers={"If-None-Match": told.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", told.headers["etag"])
        reader = keys.create(place, "reader", [Scope.READ]).key
        metrics = client(url, reader).get("/metrics").text
        assert 'meterhouse_gateway_requests_total{code="304",door="controls"}' in metrics


def after(http, known):
    """The next answer that is another one than the known."""
    while True:
        answer = http.get("/v1/controls", headers={"If-None-Match": known.headers["etag"]})
        if answer.status_code != 304:
            return answer


def test_only_a_living_key_that_may_write_is_told(place):
    keys.create(place, "shop", [Scope.WRITE])
    reader = keys.create(place, "reader", [Scope.READ]).key
    old = keys.copy(place, "shop").key
    with served(place) as url:
        assert client(url, reader).get("/v1/controls").status_code == 403
        assert client(url, old).get("/v1/controls").status_code == 200
        new = keys.regenerate(place, "shop").key
        assert client(url, old).get("/v1/controls").status_code == 401
        assert client(url, new).get("/v1/controls").status_code == 200
        keys.revoke(place, "shop")
        assert client(url, new).get("/v1/controls").status_code == 401


def test_wrong_rules_are_a_problem_and_never_an_empty_list(place):
    key = keys.create(place, "shop").key
    spend(place, "a", "11")
    place.rules_file.write_text(RULES.replace("enforce: block", "enforce: stop"))
    with served(place) as url, client(url, key) as http:
        answer = http.get("/v1/controls")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "alert_rules.yaml:8: rule 'customer-budget': enforce" in answer.json()["detail"]
        place.rules_file.unlink()
        assert "no such file here, though incidents of its rules last" in http.get("/v1/controls").text
        place.rules_file.write_text(RULES)
        [budget, *_] = http.get("/v1/controls").json()["controls"]
        assert budget["rule"] == "customer-budget"


def test_nothing_is_held_back_after_its_period_or_after_all_that_was_judged_has_left_its_window(place):
    spend(place, "a", "11")
    spend(place, "b", "1")
    now = datetime.now(UTC)
    names = lambda at: [control.rule.name for control in in_force(place, at)]  # noqa: E731
    assert names(now) == ["customer-budget", "agent-per-minute"]
    [budget, _] = in_force(place, now)
    ends = budget.holds[0].resets_at
    with session(place) as opened:
        mark = opened.get(AlertMarkRow, "silence")
        judged_until = datetime.fromtimestamp(int(mark.value) / 1e6, UTC)
    assert names(judged_until + timedelta(seconds=59)) == ["customer-budget", "agent-per-minute"]
    assert names(judged_until + timedelta(seconds=60)) == ["customer-budget"]
    assert names(ends - timedelta(microseconds=1)) == ["customer-budget"]
    assert names(ends) == []


def test_a_changed_limit_holds_nobody_back_by_the_old_one_and_a_changed_enforce_does_at_once(place):
    spend(place, "a", "11")
    place.rules_file.write_text(RULES.replace("enforce: block", "enforce: warn"))
    now = datetime.now(UTC)
    assert {hold.action for hold in in_force(place, now)[0].holds} == {"warn"}
    place.rules_file.write_text(RULES.replace("> 10", "> 20"))
    assert in_force(place, now) == []


def test_calls_that_were_held_back_are_no_calls_to_any_rule(place):
    lines = [
        json.dumps(
            json.loads(line(f"n{number}", None, model="m")) | {"outcome": outcome, "input_tokens": None}
        )
        for number, outcome in enumerate(["blocked", "would_block", "blocked", "ok"])
    ]
    land(place, "notes.jsonl", *lines)
    judge_new_files(place)
    assert [one.rule for one in incidents(place)] == []


def test_a_budget_warns_at_its_steps_and_blocks_when_it_is_used_up(place):
    budget = "{name: team, budget: 20, period: month, group_by: [business_unit], enforce: block}"
    place.rules_file.write_text(f"- {budget}")
    actions = lambda: [  # noqa: E731
        (control.rule.name, hold.action, hold.limit)
        for control in in_force(place, datetime.now(UTC))
        for hold in control.holds
    ]
    spend(place, "a", "10", business_unit="core/search")
    assert actions() == [("team", "warn", "10")]
    spend(place, "b", "10", business_unit="core/search")
    assert actions() == [("team", "warn", "10"), ("team", "warn", "16"), ("team", "block", "20")]
    told = [control.as_answer() for control in in_force(place, datetime.now(UTC))]
    assert told[2]["groups"][0]["group"] == {"business_unit": "core/search"}
    assert datetime.fromisoformat(told[2]["groups"][0]["resets_at"]) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("steps: [50, 80], enforce: block", "enforce: block needs a critical limit"),
        ("group_by: [region], enforce: warn", "which region is not"),
        ("mode: shadow, enforce: warn", "write enforce: shadow"),
    ],
)
def test_a_budget_that_cannot_be_enforced_is_refused_in_one_sentence(keys, sentence):
    with pytest.raises(RulesError, match=f"rule 'team': .*{sentence}"):
        parse_rules(f"- {{name: team, budget: 20, period: month, {keys}}}", "rules.yaml")
