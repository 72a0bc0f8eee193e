"""`meterhouse alerts` as users and scripts run it."""

import json
from datetime import UTC, datetime

from typer.testing import CliRunner

from meterhouse.alerts.judge import judge_new_files
from meterhouse.cli.alerts import alerts_app
from meterhouse.settings import child_environment
from tests.alerts.test_judge import RULES, land, line
from tests.alerts.world import install, slack


def run(place, *arguments):
    return CliRunner().invoke(alerts_app, arguments, env=child_environment(place))


def test_check_says_what_is_in_force_or_each_fault_with_its_line(tmp_path):
    place = install(tmp_path, None, RULES)
    good = run(place, "check", "--json")
    assert good.exit_code == 0
    [rule] = json.loads(good.stdout)
    assert (rule["name"], rule["window"], rule["when"][0]["value"]) == (
        "average-cost-per-transaction",
        "1h",
        "1.25",
    )
    place.rules_file.write_text(RULES.replace("1h", "1 week").replace("[slack]", "[pager]"))
    bad = run(place, "check")
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert (
        "alert_rules.yaml:3: rule 'average-cost-per-transaction': window: '1 week' is not a window"
        in bad.stderr
    )
    assert "alert_rules.yaml:6: " in bad.stderr
    assert run(place, "check", "--rules", str(tmp_path / "none.yaml")).exit_code == 1


def test_the_schema_is_json_for_editors(tmp_path):
    schema = json.loads(run(install(tmp_path), "check", "--schema").stdout)
    assert schema["$defs"]["Rule"]["required"] == ["name", "metric", "when"]


def test_list_shows_incidents_and_what_became_of_their_messages(tmp_path):
    place = install(tmp_path, None, RULES)
    land(place, "a.jsonl", line("a", "2", product="search"))
    judge_new_files(place)
    listed = run(place, "list", "--json")
    [incident] = json.loads(listed.stdout)
    assert incident["group"] == {"agent": "writer", "product": "search"}
    assert (incident["value"], incident["limit"], incident["status"]) == ("2", "1.25", "firing")
    assert datetime.fromisoformat(incident["fired_at"]).tzinfo == UTC
    [message] = incident["messages"]
    assert (message["event"], message["channel"], message["status"]) == ("fired", "slack", "pending")
    shown = run(place, "list")
    assert shown.exit_code == 0
    assert "METERHOUSE_SLACK_WEBHOOK_URL" in shown.stderr


def test_send_test_sends_or_says_why_not(tmp_path):
    with slack((200, {}, "ok"), (404, {}, "no_service")) as receiver:
        place = install(tmp_path, receiver.url)
        assert run(place, "send-test", "slack").exit_code == 0
        refused = run(place, "send-test", "slack")
    assert len(receiver.posts) == 2
    assert refused.exit_code == 1
    assert "make a new incoming webhook" in refused.stderr
    assert run(place, "send-test", "pager").exit_code == 2
    missing = run(install(tmp_path / "other"), "send-test", "slack")
    assert missing.exit_code == 1
    assert "METERHOUSE_SLACK_WEBHOOK_URL" in missing.stderr
