"""Rules on the pipeline's own health: one incident per thing that is not well, ended when it is."""

import json
import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.resources import Installation
from meterhouse.alerts.health import judge_health, report_run
from meterhouse.alerts.judge import judge_new_files
from meterhouse.alerts.rules_file import RulesError, load_health_rules, load_rules, parse_rules
from meterhouse.alerts.wording import compose
from meterhouse.cli.main import app
from meterhouse.control.database import session
from meterhouse.control.tables import ConnectionRow, LandingFileRow, SyncRunRow
from meterhouse.settings import child_environment
from sensors.run_outcomes import build_run_sensors
from tests.alerts.test_judge import RULES, land, line
from tests.alerts.world import at, incidents, install, outbox, slack

HEALTH = """
- {name: stale, health: connection_stale, notify: [slack]}
- {name: rejects, health: rejected_lines, severity: warning, notify: [slack]}
- {name: behind, health: marts_behind}
- {name: failed, health: run_failed, notify: [slack]}
"""


@pytest.fixture
def place(tmp_path):
    return install(tmp_path, rules_text=HEALTH)


def judge(place, minutes):
    rules = load_health_rules(place.rules_file)
    return [(change.event, change.rule) for change in judge_health(place, rules, at(minutes))]


def sync(status, minutes):
    failed = {"fault": "credentials", "message": "The key is refused.", "next_step": "Make a new key."}
    return SyncRunRow(
        id=f"run-{minutes}",
        connection_id="c",
        window_start=at(0).date(),
        window_end=at(1440).date(),
        started_at=at(minutes),
        ended_at=at(minutes),
        status=status,
        row_count=1,
        last_data_day=at(0).date(),
        **(failed if status == "failed" else {}),
    )


def connect(place):
    with session(place) as transaction:
        transaction.add(
            ConnectionRow(
                id="c",
                name="<!channel> account",
                provider="openai",
                settings={},
                sealed_credentials=b"",
                readable_reports=["costs"],
                created_at=at(0),
            )
        )


def ran(place, status, minutes):
    with session(place) as transaction:
        transaction.add(sync(status, minutes))


def loaded(place, rejected, minutes):
    with session(place) as transaction:
        transaction.add(
            LandingFileRow(
                url=f"f-{minutes}",
                partition="2026-11-01T12",
                size_bytes=1,
                content_sha256="0",
                status="loaded",
                rejected_count=rejected,
                first_seen_at=at(minutes),
                loaded_at=at(minutes),
            )
        )


def test_a_connection_that_breaks_is_told_once_and_told_again_when_it_works(place):
    connect(place)
    ran(place, "succeeded", 1)
    assert judge(place, 2) == []
    ran(place, "failed", 3)
    assert judge(place, 4) == [("fired", "stale")]
    assert judge(place, 5) == []
    fired = outbox(place)[0]
    message = compose(fired.event, fired.payload)
    assert message.title == "critical alert fired: stale"
    assert dict(message.lines)["State"] == "disconnected: The key is refused."
    assert message.next_step == "Make a new key."
    ran(place, "succeeded", 6)
    assert judge(place, 7) == [("resolved", "stale")]
    assert [row.event for row in outbox(place)] == ["fired", "resolved"]
    assert compose("resolved", outbox(place)[1].payload).next_step is None


def test_rejected_lines_and_marts_left_behind_fire_and_end(place):
    loaded(place, 0, 0)
    assert judge(place, 59) == []
    loaded(place, 3, 60)
    assert judge(place, 61) == [("fired", "rejects")]
    assert judge(place, 125) == [("fired", "behind")]
    place.published_path.parent.mkdir(parents=True)
    place.published_path.touch()
    os.utime(place.published_path, (at(130).timestamp(),) * 2)
    assert judge(place, 131) == [("resolved", "behind")]
    assert judge(place, 60 + 24 * 60) == [("resolved", "rejects")]
    assert [(row.severity, row.value) for row in incidents(place)] == [
        ("warning", "3"),
        ("critical", "behind"),
    ]


def test_a_job_has_one_incident_from_its_first_failed_run_to_its_next_good_one(place):
    rules = load_health_rules(place.rules_file)
    told = [
        [change.event for change in report_run(place, rules, job, error, at(minute))]
        for minute, (job, error) in enumerate(
            [
                ("a", None),
                ("a", "run 1 failed"),
                ("a", "run 2 failed"),
                ("b", None),
                ("b", "run 4 failed"),
                ("a", None),
            ]
        )
    ]
    assert told == [[], ["fired"], [], [], ["fired"], ["resolved"]]
    assert judge(place, 10) == []
    assert [(json.loads(row.group_key)["job"], row.status) for row in incidents(place)] == [
        ("a", "resolved"),
        ("b", "firing"),
    ]


def test_rules_on_events_and_on_health_leave_each_other_alone(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES + HEALTH)
        land(place, "a.jsonl", line("a", "2"))
        report_run(place, load_health_rules(place.rules_file), "job", "run 1 failed", datetime.now(UTC))
        judge_new_files(place)
        judge_new_files(place)
    assert {(row.rule, row.status) for row in incidents(place)} == {
        ("failed", "firing"),
        ("average-cost-per-transaction", "firing"),
    }
    assert len(receiver.posts) == 2
    assert [len(load(place.rules_file)) for load in (load_rules, load_health_rules)] == [1, 4]
    judge_health(place, [], datetime.now(UTC) + timedelta(seconds=1))
    assert {row.rule: row.status for row in incidents(place)}["failed"] == "resolved"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{name: a, health: connection}", "'connection' is not a check of the pipeline's health"),
        ("{health: run_failed}", "the rule has no name; every rule of health needs name and health."),
        (
            "{name: a, health: run_failed, window: 1h}",
            "unknown key 'window'; a rule of health has name, health",
        ),
    ],
)
def test_a_wrong_health_rule_is_one_sentence(text, words):
    with pytest.raises(RulesError) as caught:
        parse_rules(f"- {text}", "rules.yaml")
    [fault] = caught.value.faults
    assert fault.startswith("rules.yaml:1: ")
    assert words in fault


def test_check_lists_health_rules_and_the_schema_knows_them(place):
    environment = child_environment(place)
    listed = CliRunner().invoke(app, ["alerts", "check"], env=environment)
    assert "Rules in force: 4. No faults." in listed.output
    schema = CliRunner().invoke(app, ["alerts", "check", "--schema"], env=environment)
    assert "run_failed" in json.loads(schema.stdout)["$defs"]["HealthRule"]["properties"]["health"]["enum"]


def test_the_sensors_report_how_runs_end(place, monkeypatch):
    for name, value in child_environment(place).items():
        monkeypatch.setenv(name, value)
    is_broken = True

    @dg.op
    def step():
        if is_broken:
            raise ValueError("sk-secret-in-the-error")

    @dg.job
    def nightly():
        step()

    failed, succeeded = build_run_sensors()
    with dg.DagsterInstance.ephemeral() as instance:

        def run_and_report(sensor, build):
            result = nightly.execute_in_process(instance=instance, raise_on_error=False)
            event = result.get_run_failure_event() if is_broken else result.get_run_success_event()
            context = build(
                sensor_name=sensor.name,
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=event,
            )
            context = context.for_run_failure() if is_broken else context
            return sensor(context, installation=Installation())

        run_and_report(failed, dg.build_run_status_sensor_context)
        is_broken = False
        run_and_report(succeeded, dg.build_run_status_sensor_context)
    [row] = incidents(place)
    assert (json.loads(row.group_key), row.status) == ({"job": "nightly"}, "resolved")
    reason = outbox(place)[0].payload["reason"]
    assert "failed in step" in reason
    assert "secret" not in reason
