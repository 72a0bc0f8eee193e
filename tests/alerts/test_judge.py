"""From event file to message, through the landing zone: once, quickly, whatever dies on the way."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.marts import build_control_tables
from assets.resources import Installation
from meterhouse.alerts.judge import judge_new_files, watch
from meterhouse.alerts.rules_file import RulesError
from meterhouse.events.landing import open_landing_zone, write_file
from meterhouse.settings import child_environment
from sensors.alert_rules import build_alert_sensor
from tests.alerts.world import incidents, install, outbox, slack
from tests.postgres import postgres_database, postgres_server  # noqa: F401

RULES = """\
- name: average-cost-per-transaction
  metric: cost_per_transaction
  window: 1h
  group_by: [product, agent]
  when: "> 1.25"
  notify: [slack]
"""
ROOT = Path(__file__).resolve().parents[2]


def line(event_id, cost, seconds_ago=1.0, **fields):
    started_at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    basics = {
        "event_id": event_id,
        "provider": "own",
        "model": "house-model",
        "started_at": started_at.isoformat(),
    }
    return json.dumps(
        basics | {"outcome": "ok", "input_tokens": 1, "client_cost_usd": cost, "agent": "writer"} | fields
    )


def land(place, name, *lines, hour=None, raw=None):
    hour = hour or datetime.now(UTC)
    content = raw if raw is not None else "".join(f"{text}\n" for text in lines).encode()
    write_file(open_landing_zone(place), f"events/date={hour:%Y-%m-%d}/hour={hour:%H}/{name}", content)


def test_a_crossing_is_told_once_and_the_warehouse_is_never_opened(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        land(place, "app-1.jsonl", line("a", "1.25", 3))
        assert (judge_new_files(place).changes, receiver.posts) == ([], [])
        land(place, "app-2.jsonl", line("b", "1.26", 2))
        land(place, "app-3.jsonl.gz", raw=gzip.compress(line("c", "9").encode() + b"\n"))
        land(place, "app-3-again.jsonl", line("c", "9"))
        outcome = judge_new_files(place)
        again = judge_new_files(place)
    assert outcome.file_count == 3
    assert "1 fired (average-cost-per-transaction)" in str(outcome)
    assert (again.file_count, again.changes, len(receiver.posts)) == (0, [], 1)
    [incident] = incidents(place)
    assert (incident.value, incident.limit, incident.first_event_id) == ("1.255", "1.25", "b")
    assert not place.warehouse_path.exists()


def test_a_bad_line_an_unpriced_model_and_a_broken_file_hold_up_nothing(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        whole = gzip.compress(line("x", "7").encode() + b"\n")
        land(place, "a-broken.jsonl.gz", raw=whole[:-12])
        land(place, "b-bad.jsonl", "{not json", line("free", None), line("a", "2"))
        outcome = judge_new_files(place)
        assert (outcome.file_count, outcome.event_count, len(receiver.posts)) == (1, 2, 1)
        assert incidents(place)[0].value == "2"
        land(place, "a-broken.jsonl.gz", raw=whole)
        assert judge_new_files(place).file_count == 1


def test_a_file_that_cannot_be_judged_is_named_and_tried_again(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        land(place, "a.jsonl", line("a", "2"))
        hour = datetime.now(UTC)
        folder = Path(open_landing_zone(place).root) / f"events/date={hour:%Y-%m-%d}/hour={hour:%H}"
        outside = tmp_path / "outside.jsonl"
        outside.write_text(line("secret", "2"))
        (folder / "0-link.jsonl").symlink_to(outside)
        outcome = judge_new_files(place)
        assert (outcome.file_count, len(receiver.posts)) == (1, 1)
        assert "0-link.jsonl could not be judged and will be tried again" in str(outcome)


def test_wrong_rules_are_one_sentence_and_what_was_queued_is_still_delivered(tmp_path):
    place = install(tmp_path, None, RULES)
    land(place, "a.jsonl", line("a", "2"))
    judge_new_files(place)
    land(place, "b.jsonl", line("b", "2"))
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES.replace("metric", "metrik"))
        for row in outbox(place):
            assert row.status == "pending"
        with pytest.raises(RulesError):
            judge_new_files(place)
        deadline = time.monotonic() + 60
        while not receiver.posts and time.monotonic() < deadline:
            summary = str(watch(place, seconds=0))
            time.sleep(0.5)
    assert "alert_rules.yaml:2: rule 'average-cost-per-transaction': unknown key 'metrik'" in summary
    assert len(receiver.posts) == 1


def test_without_a_rules_file_nothing_is_judged_and_it_says_so(tmp_path):
    place = install(tmp_path)
    land(place, "a.jsonl", line("a", "2"))
    assert "there is no rules file" in str(watch(place, seconds=0))
    assert judge_new_files(place).file_count == 0


def test_a_tick_says_what_it_judged_and_shows_each_change_at_the_asset(tmp_path, monkeypatch):
    monkeypatch.setattr("sensors.alert_rules.WATCH_SECONDS", 0.5)
    place = install(tmp_path, None, RULES)
    for name, setting in (("HOME", place.home), ("RULES_FILE", place.rules_file)):
        monkeypatch.setenv(f"METERHOUSE_{name}", str(setting))
    land(place, "a.jsonl", line("a", "2"))
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, resources={"installation": Installation()})
        ticked = build_alert_sensor("alert_rules")(context)
    assert (
        "judged 1 files, 1 events; 1 fired (average-cost-per-transaction)" in ticked.skip_reason.skip_message
    )
    [observed] = ticked.asset_events
    assert observed.asset_key in build_control_tables()[2].keys
    assert observed.description == "fired: average-cost-per-transaction"
    assert observed.metadata["incident_id"].value == incidents(place)[0].id


def test_old_partitions_are_judged_too_and_raise_no_storm(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        for day in range(1, 6):
            old = datetime.now(UTC) - timedelta(days=10 * day)
            land(place, "old.jsonl", line(f"old-{day}", "5", 864000 * day), hour=old)
        land(place, "new.jsonl", line("new", "2", agent="other"))
        deadline = time.monotonic() + 120
        while len(incidents(place)) < 6 and time.monotonic() < deadline:
            watch(place, seconds=2)
        watch(place, seconds=0)
    assert len(incidents(place)) == 6
    assert len(receiver.posts) == 1


def test_a_file_that_lands_during_a_watch_is_told_while_the_watch_goes_on(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        land(place, "first.jsonl", line("zero", "0", agent="idle"))
        summaries = []
        watches = [
            threading.Thread(target=lambda: summaries.append(str(watch(place, seconds=12))), daemon=True)
            for _ in range(2)
        ]
        for thread in watches:
            thread.start()
        time.sleep(3)
        for number in range(3):
            landed = time.monotonic()
            land(place, f"app-{number}.jsonl", line(f"e{number}", "2", agent=f"agent-{number}"))
            while len(receiver.posts) <= number and time.monotonic() < landed + 8:
                time.sleep(0.01)
        for thread in watches:
            thread.join()
    assert len(receiver.posts) == 3
    assert sum(int(text.split("judged ")[1].split()[0]) for text in summaries) >= 4


def test_a_change_of_the_rules_ends_the_watch_so_that_the_next_one_follows_them(tmp_path):
    place = install(tmp_path, None, RULES)
    timer = threading.Timer(1, place.rules_file.write_text, [RULES.replace("1.25", "1.5")])
    timer.start()
    started = time.monotonic()
    watch(place, seconds=30)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_judges_at_once_share_the_work_and_tell_it_once(tmp_path, request, database):
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else None
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES, control_url=url)
        for number in range(6):
            land(place, f"app-{number}.jsonl", line(f"e{number}", "2", 60 - number))
        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(judge_new_files, [place] * 3))
        judge_new_files(place)
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    assert len(receiver.posts) == 1
    [incident] = incidents(place)
    assert (incident.status, incident.first_event_id) == ("firing", "e0")


def die(place, step, moment):
    """Judge and deliver in a process that is killed before or after one call of a function."""
    script = (
        "import sys; from tests.killing import die_at; die_at(*sys.argv[1:]);"
        "from meterhouse.alerts.judge import judge_new_files; from meterhouse.settings import Settings;"
        "judge_new_files(Settings())"
    )
    dead = subprocess.run(
        [sys.executable, "-c", script, step, moment],
        cwd=ROOT,
        env=child_environment(place) | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr


@pytest.mark.parametrize(
    ("step", "moment", "most_posts"),
    [
        ("meterhouse.alerts.judge:judge", "before", 1),
        ("meterhouse.alerts.batches:store", "after", 1),
        ("meterhouse.alerts.incidents:queue", "after", 1),
        ("meterhouse.alerts.judge:judge", "after", 1),
        ("meterhouse.alerts.judge:deliver", "before", 1),
        ("meterhouse.alerts.outbox:_claim", "after", 1),
        ("meterhouse.alerts.outbox:_settle", "before", 2),
        ("meterhouse.alerts.outbox:_settle", "after", 1),
    ],
)
def test_a_kill_loses_no_message_and_repeats_one_only_between_sending_and_noting_it(
    tmp_path, step, moment, most_posts
):
    with slack() as receiver:
        place = install(tmp_path, receiver.url, RULES)
        land(place, "a.jsonl", line("a", "2"))
        die(place, step, moment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            judge_new_files(place)
            if [row.status for row in outbox(place)] == ["sent"]:
                break
            time.sleep(1)
        assert [row.status for row in outbox(place)] == ["sent"]
    assert len(receiver.posts) == most_posts
    assert len(set(receiver.texts())) == 1
    assert len(incidents(place)) == 1
