"""The channels beside Slack: each says the whole message in its own form, and no secret in any error."""

import json
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_string, policy

import pytest

from meterhouse.alerts.delivery.channels import open_channel
from meterhouse.alerts.delivery.contract import FailedError, NotConfiguredError, RefusedError
from meterhouse.alerts.delivery.webhook import signature
from meterhouse.alerts.judgement import judge, judge_silence
from meterhouse.alerts.outbox import deliver
from meterhouse.alerts.running import RunningSums
from meterhouse.control.database import session
from tests.alerts.world import at, event, frame, incidents, install, outbox, rule, slack

SECRET = "s3cret-of-the-webhook"


def tell(place, channel, **fields):
    """One incident that fires and one message about it in the channel's outbox."""
    made = rule(group_by=["agent", "customer"], notify=[channel])
    with session(place) as transaction:
        judge(transaction, RunningSums([made]), "file", frame([event("e0", 0, "2", **fields)]), at(30))
    return made


def end(place, made):
    with session(place) as transaction:
        judge_silence(transaction, RunningSums([made]), at(200))


def webhook(tmp_path, receiver):
    return install(tmp_path, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET)


def pagerduty(tmp_path, receiver):
    return install(tmp_path, pagerduty_url=receiver.url, pagerduty_routing_key=SECRET)


def test_a_webhook_is_signed_and_says_the_facts_for_programs(tmp_path):
    with slack() as receiver:
        place = webhook(tmp_path, receiver)
        made = tell(place, "webhook", agent="writer", customer="acme")
        assert deliver(place).sent_count == 1
        end(place, made)
        assert deliver(place).sent_count == 1
    [incident] = incidents(place)
    (_, fired), (_, resolved) = receiver.posts
    headers = receiver.headers[0]
    assert [fired["event"], resolved["event"]] == ["fired", "resolved"]
    assert fired["alert_id"] == resolved["alert_id"] == incident.id
    assert fired["facts"]["value"] == "2"
    assert fired["facts"]["group"] == {"agent": "writer", "customer": "acme"}
    assert headers["Idempotency-Key"] == f"{incident.id}-fired"
    expected = signature(SECRET, headers["X-Meterhouse-Timestamp"], json.dumps(fired).encode())
    assert headers["X-Meterhouse-Signature"] == f"v1={expected}"
    assert SECRET not in json.dumps([fired, dict(headers.items())])


def test_the_signature_is_what_any_tool_computes():
    # printf '1700000000.{"a": 1}' | openssl dgst -sha256 -hmac key
    expected = "17e36a190ee125a4782d21867ffdf5712238dc71b452ba98254537bfdb4f3a77"
    assert signature("key", "1700000000", b'{"a": 1}') == expected


def test_pagerduty_opens_and_resolves_the_same_incident(tmp_path):
    with slack() as receiver:
        place = pagerduty(tmp_path, receiver)
        made = tell(place, "pagerduty", agent="writer")
        deliver(place)
        end(place, made)
        deliver(place)
    [incident] = incidents(place)
    (_, fired), (_, resolved) = receiver.posts
    assert [body["event_action"] for body in (fired, resolved)] == ["trigger", "resolve"]
    assert fired["dedup_key"] == resolved["dedup_key"] == incident.id
    assert fired["payload"]["severity"] == "critical"
    assert fired["payload"]["custom_details"]["First event"] == "e0"


@pytest.mark.parametrize("channel", [webhook, pagerduty])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, FailedError), (503, FailedError), (429, FailedError), (400, RefusedError), (302, RefusedError)],
)
def test_what_a_receiver_answers_decides_whether_to_try_again(tmp_path, channel, status, kind):
    with slack((status, {"Location": "http://127.0.0.1:1", "Retry-After": "7"}, "no")) as receiver:
        place = channel(tmp_path, receiver)
        tell(place, channel.__name__)
        [error] = deliver(place).errors
        assert SECRET not in error
        assert receiver.url not in error
    [row] = outbox(place)
    assert row.status == ("dead" if kind is RefusedError else "pending")
    assert row.last_error == error


def test_a_receiver_that_is_away_is_tried_again(tmp_path):
    place = install(tmp_path, alert_webhook_url="http://127.0.0.1:1/", alert_webhook_secret=SECRET)
    tell(place, "webhook")
    assert "could not be reached" in deliver(place).errors[0]
    assert outbox(place)[0].status == "pending"


@pytest.mark.parametrize(
    ("channel", "name"),
    [("webhook", "METERHOUSE_ALERT_WEBHOOK_SECRET"), ("pagerduty", "METERHOUSE_PAGERDUTY_ROUTING_KEY"),
     ("email", "METERHOUSE_SMTP_HOST")],
)  # fmt: skip
def test_a_channel_without_its_settings_names_them_and_its_messages_wait(tmp_path, channel, name):
    place = install(tmp_path)
    with pytest.raises(NotConfiguredError, match=name):
        open_channel(place, channel)
    tell(place, channel)
    assert name in deliver(place).errors[0]
    assert outbox(place)[0].status == "pending"


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs."""

    def handle(self):
        server, lines = self.server, []
        self._say(220, "hello")
        while command := self.rfile.readline().decode().strip():
            word = command.split(" ")[0].upper()
            if word == "DATA":
                self._say(354, "go on")
                while (line := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(line)
                server.letters.append("".join(lines))
                self._say(server.answers.get("DATA", 250), "done")
            elif word == "QUIT":
                self._say(221, "bye")
                return
            else:
                self._say(server.answers.get(word, 250), "fine")

    def _say(self, code, text):
        self.wfile.write(f"{code} {text}\r\n".encode())


@contextmanager
def mail(**answers):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        server.letters, server.answers = [], answers
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def by_mail(tmp_path, server):
    return install(
        tmp_path,
        smtp_host="127.0.0.1",
        smtp_port=server.server_address[1],
        smtp_security="none",
        email_from="alerts@example.com",
        email_to="finops@example.com, oncall@example.com",
    )


def test_a_letter_is_plain_text_that_no_users_text_can_add_a_header_to(tmp_path):
    with mail() as server:
        place = by_mail(tmp_path, server)
        tell(place, "email", agent="a\r\nBcc: everyone@example.com\r\n\r\n<b>hi</b>", customer="acme")
        assert deliver(place).sent_count == 1
    [text] = server.letters
    letter = message_from_string(text, policy=policy.default)
    assert letter["Subject"] == "critical alert fired: average-cost-per-transaction"
    assert letter["To"] == "finops@example.com, oncall@example.com"
    assert letter["Bcc"] is None
    assert letter.get_content_type() == "text/plain"
    [incident] = incidents(place)
    assert letter["Message-ID"] == f"<{incident.id}-fired@example.com>"
    assert "Group: agent: a Bcc: everyone@example.com <b>hi</b>, customer: acme" in letter.get_content()
    assert f"Alert {incident.id}" in letter.get_content()


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [({"MAIL": 451}, "pending", "later (451)"), ({"RCPT": 450}, "pending", "later (450)"),
     ({"DATA": 452}, "pending", "later (452)"), ({"MAIL": 550}, "dead", "refused the message (550)"),
     ({"RCPT": 550}, "dead", "refused every recipient (550)")],
)  # fmt: skip
def test_what_a_mail_server_answers_decides_whether_to_try_again(tmp_path, answers, status, words):
    with mail(**answers) as server:
        place = by_mail(tmp_path, server)
        tell(place, "email")
        assert words in deliver(place).errors[0]
    assert outbox(place)[0].status == status
