"""Delivery: nothing lost, nothing doubled, nothing said in Slack that a user's text could abuse."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from meterhouse.alerts.delivery import slack as slack_channel
from meterhouse.alerts.delivery.contract import FailedError, RefusedError
from meterhouse.alerts.judgement import judge, judge_silence
from meterhouse.alerts.outbox import deliver
from meterhouse.alerts.running import RunningSums
from meterhouse.alerts.wording import compose, trial_message
from meterhouse.control.database import session
from tests.alerts.world import at, event, frame, incidents, install, outbox, rule, slack


def fire(place, count=1, **fields):
    """Open an incident in each of so many groups, or one with the event's fields."""
    events = [
        event(f"e{number}", number, "2", **({"agent": f"agent-{number}"} | fields)) for number in range(count)
    ]
    with session(place) as transaction:
        judge(transaction, RunningSums([rule(group_by=["agent", "customer"])]), "file", frame(events), at(30))


def recover(place):
    with session(place) as transaction:
        judge_silence(transaction, RunningSums([rule(group_by=["agent", "customer"])]), at(200))


def states(place):
    return [(row.event, row.status, row.attempt_count) for row in outbox(place)]


def strings(value):
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_a_fired_and_a_resolved_message_say_all_there_is_to_know(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url)
        fire(place, agent="writer", customer="acme")
        assert deliver(place).sent_count == 1
        recover(place)
        assert deliver(place).sent_count == 1
        assert deliver(place).sent_count == 0
    [incident] = incidents(place)
    fired, resolved = ("\n".join(strings(body["blocks"])) for _, body in receiver.posts)
    for words in (
        "critical alert fired: average-cost-per-transaction",
        "agent: writer, customer: acme",
        "average cost per transaction 2 USD, limit &gt; 1.25 USD",
        "1h up to 2026-11-01 12:00:00 UTC",
        "First event: e0",
        "Trace: trace-e0",
        f"Alert {incident.id}",
        "Next: ",
        "<http://127.0.0.1:8788|",
    ):
        assert words in fired
    assert "critical alert resolved" in resolved
    assert "Lasted: 1:00:00" in resolved
    assert f"Alert {incident.id}" in resolved


def test_what_users_supply_can_neither_mention_nor_format_nor_break_lines(tmp_path):
    hostile = "<!channel> <@U1> @here *x* _y_ `z` ~s~ <http://evil|ok> & =HYPERLINK(1)\n# new\u202eline\x00"
    with slack() as receiver:
        place = install(tmp_path, receiver.url)
        fire(place, agent=hostile, customer="x" * 70_000, trace_id=hostile)
        deliver(place)
    [(_, body)] = receiver.posts
    assert body["mrkdwn"] is False
    for block in body["blocks"]:
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part and part["type"] == "mrkdwn":
                assert part["text"] == "<http://127.0.0.1:8788|Open Meterhouse>"
    ours = "<http://127.0.0.1:8788|Open Meterhouse>"
    for text in strings(body):
        assert len(text) <= 2000
        assert not set("\n\x00\u202e") & set(text)
        assert "<" not in text.replace(ours, "")
    assert "&lt;!channel&gt;" in "".join(strings(body))
    assert "&amp; =HYPERLINK(1)" in "".join(strings(body))


def test_429_is_honoured_for_the_whole_channel(tmp_path):
    with slack((429, {"Retry-After": "2"}, "rate_limited")) as receiver:
        place = install(tmp_path, receiver.url)
        fire(place, count=3)
        started = time.monotonic()
        assert deliver(place).sent_count == 0
        while deliver(place).sent_count == 0:
            assert time.monotonic() < started + 30
            time.sleep(0.05)
        assert time.monotonic() - started >= 2
        deliver(place)
    assert len(receiver.posts) == 4
    assert {status for _, status, _ in states(place)} == {"sent"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("in ten minutes", 600),
        ("soon", 30),
        (None, 30),
        ("1e99", 30),
    ],
)
def test_retry_after_may_be_seconds_a_date_odd_or_missing(header, seconds):
    if header == "in ten minutes":
        header = format_datetime(datetime.now(UTC) + timedelta(minutes=10))
    with (
        slack((429, {"Retry-After": header} if header else {}, "")) as receiver,
        pytest.raises(FailedError) as caught,
    ):
        slack_channel.post_to_webhook(receiver.url, "http://console", trial_message("slack"))
    assert caught.value.retry_after.total_seconds() == pytest.approx(seconds, abs=60 if seconds == 600 else 0)


def test_a_server_error_and_a_timeout_are_tried_again_and_end_in_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(slack_channel, "TIMEOUT_SECONDS", 1)
    with slack((500, {}, "oops"), 3, (503, {}, "")) as receiver:
        place = install(tmp_path, receiver.url)
        fire(place)
        deadline = time.monotonic() + 60
        errors = set()
        while deliver_and_note(place, errors) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert len(receiver.posts) == 4
    assert states(place) == [("fired", "sent", 4)]
    assert any("500" in error for error in errors)
    assert any("Timeout" in error for error in errors)


def deliver_and_note(place, errors):
    done = deliver(place)
    errors.update(done.errors)
    return done.sent_count


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_revoked_webhook_ends_in_a_dead_message_that_says_what_to_do(tmp_path, status):
    with slack((status, {}, "no_service")) as receiver:
        place = install(tmp_path, receiver.url)
        fire(place)
        [error] = deliver(place).errors
        deliver(place)
    [row] = outbox(place)
    assert (row.status, len(receiver.posts)) == ("dead", 1)
    assert "make a new incoming webhook" in error
    assert row.last_error == error
    assert "secretpart" not in error


def test_a_message_slack_will_not_take_holds_up_no_other(tmp_path):
    with slack((400, {}, "invalid_blocks")) as receiver:
        place = install(tmp_path, receiver.url)
        fire(place, count=2)
        deliver(place)
    assert sorted(status for _, status, _ in states(place)) == ["dead", "sent"]
    assert len(receiver.posts) == 2


def test_a_channel_that_is_not_set_up_keeps_its_messages_and_says_what_is_missing(tmp_path):
    place = install(tmp_path)
    fire(place)
    [error] = deliver(place).errors
    assert "METERHOUSE_SLACK_WEBHOOK_URL" in error
    [row] = outbox(place)
    assert (row.status, row.attempt_count, row.last_error) == ("pending", 0, error)


def test_the_webhook_url_stands_in_no_error_and_no_log(tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")
    addresses = ["http://127.0.0.1:1/services/secretpart", "not-a-url/secretpart", "http://[bad/secretpart"]
    for number, address in enumerate(addresses):
        place = install(tmp_path / str(number), address)
        fire(place)
        assert deliver(place).sent_count == 0
        [row] = outbox(place)
        assert row.status == "pending"
        assert row.last_error.startswith("Slack could not be reached")
        assert "secretpart" not in row.last_error
    with slack((500, {}, "")) as receiver:
        place = install(tmp_path / "answering", receiver.url)
        fire(place)
        deliver(place)
    assert "secretpart" not in caplog.text
    assert "secretpart" not in "".join(capfd.readouterr())


def test_two_deliverers_at_once_send_each_message_once(tmp_path):
    with slack() as receiver:
        place = install(tmp_path, receiver.url)
        fire(place, count=5)
        threads = [threading.Thread(target=deliver, args=(place,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(receiver.texts()) == len(set(receiver.texts())) == 5
    assert {status for _, status, _ in states(place)} == {"sent"}


def test_messages_of_one_incident_keep_their_order_when_the_first_fails(tmp_path):
    with slack((500, {}, "")) as receiver:
        place = install(tmp_path, receiver.url)
        fire(place)
        recover(place)
        deadline = time.monotonic() + 30
        while len(receiver.posts) < 3 and time.monotonic() < deadline:
            deliver(place)
            time.sleep(0.05)
    assert ["fired" in text for text in receiver.texts()] == [True, True, False]


def test_the_bot_posts_to_its_channel_and_its_refusals_say_what_to_do():
    answers = [
        (200, {"Content-Type": "application/json"}, '{"ok": true}'),
        (200, {"Content-Type": "application/json"}, '{"ok": false, "error": "not_in_channel"}'),
        (200, {"Content-Type": "application/json"}, '{"ok": false, "error": "token_revoked"}'),
        (200, {"Content-Type": "application/json"}, '{"ok": false, "error": "fatal_error"}'),
        (
            429,
            {"Content-Type": "application/json", "Retry-After": "9"},
            '{"ok": false, "error": "ratelimited"}',
        ),
    ]

    def post():
        slack_channel.post_as_bot(
            "xoxb-secretpart",
            "C1",
            "http://console",
            trial_message("slack"),
            f"{receiver.url.split('/services')[0]}/api/",
        )

    with slack(*answers) as receiver:
        post()
        with pytest.raises(RefusedError, match="invite the bot"):
            post()
        with pytest.raises(RefusedError, match="install the bot again"):
            post()
        with pytest.raises(FailedError, match="fatal_error"):
            post()
        with pytest.raises(FailedError) as caught:
            post()
    assert caught.value.retry_after == timedelta(seconds=9)
    path, body = receiver.posts[0]
    assert (path, body["channel"], body["mrkdwn"]) == ("/api/chat.postMessage", "C1", False)


def test_every_event_of_an_incident_reads_well(tmp_path):
    place = install(tmp_path)
    fire(place)
    facts = outbox(place)[0].payload
    for name in ("fired", "reopened", "retracted"):
        assert f"alert {name}: average-cost-per-transaction" in compose(name, facts).title
    assert compose("retracted", facts | {"note": "Late data."}).lines[-1] == ("Note", "Late data.")


def test_many_groups_at_once_are_one_message_that_names_the_worst(tmp_path):
    with slack((500, {}, "down")) as receiver:
        place = install(tmp_path, receiver.url)
        events = [event(f"e{number}", 1, str(number), agent=f"agent-{number}") for number in range(2, 40)]
        with session(place) as transaction:
            judge(transaction, RunningSums([rule(group_by=["agent"])]), "file", frame(events), at(30))
        assert deliver(place).sent_count == 0
        wait_for(place, {"sent"})
        recovered = RunningSums([rule(group_by=["agent"])])
        with session(place) as transaction:
            judge_silence(transaction, recovered, at(200))
        assert deliver(place).sent_count == 1
    fired, resolved = (body for _, body in receiver.posts[1:])
    words = "\n".join(strings(fired["blocks"]))
    assert "critical alert fired: average-cost-per-transaction (38 groups)" in words
    assert "38 at once, limit &gt; 1.25 USD" in words
    assert "1.: agent: agent-39: 39 USD" in words
    assert "agent-34" not in words
    assert "resolved: average-cost-per-transaction (38 groups)" in resolved["text"]
    assert {row.status for row in outbox(place)} == {"sent"}


def wait_for(place, statuses):
    """Deliver until all messages are so."""
    deadline = time.monotonic() + 60
    while {row.status for row in outbox(place)} != statuses and time.monotonic() < deadline:
        time.sleep(0.3)
        deliver(place)
