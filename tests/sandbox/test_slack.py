"""Slack on loopback, through Slack's own client."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from sandbox.slack import Reply


def test_a_webhook_message_is_recorded(sandbox):
    answer = WebhookClient(sandbox.slack_webhook_url).send(text="over the limit")
    assert (answer.status_code, answer.body) == (200, "ok")
    assert sandbox.slack.messages == [{"text": "over the limit"}]


def test_an_empty_webhook_message_is_refused(sandbox):
    answer = WebhookClient(sandbox.slack_webhook_url).send(text="")
    assert (answer.status_code, answer.body) == (400, "no_text")
    assert sandbox.slack.messages == []


@pytest.mark.parametrize(
    ("reply", "status", "posted"),
    [(Reply.RATE_LIMITED, 429, 0), (Reply.ERROR, 500, 0), (Reply.ERROR_AFTER_ACCEPT, 500, 1)],
)
def test_a_message_can_be_refused_or_accepted_with_a_false_error(sandbox, reply, status, posted):
    sandbox.slack.next_replies.append(reply)
    client = WebhookClient(sandbox.slack_webhook_url, retry_handlers=[])
    answer = client.send(text="one")
    assert answer.status_code == status
    assert (reply is Reply.RATE_LIMITED) == ("retry-after" in {name.lower() for name in answer.headers})
    assert len(sandbox.slack.messages) == posted
    assert client.send(text="two").status_code == 200
    assert sandbox.slack.attempts == 2


def test_a_bot_posts_to_a_channel_and_can_look_at_it_again(sandbox):
    client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "over the limit"}}]
    posted = client.chat_postMessage(channel="C1", text="over the limit", blocks=blocks)
    assert posted["ok"]
    assert posted["ts"]
    assert sandbox.slack.messages[0]["blocks"] == blocks
    assert [message["ts"] for message in client.conversations_history(channel="C1")["messages"]] == [
        posted["ts"]
    ]
    assert client.conversations_history(channel="C2")["messages"] == []


def test_a_wrong_bot_token_is_refused(sandbox):
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient("xoxb-other", base_url=sandbox.slack_api_url).chat_postMessage(channel="C1", text="one")
    assert sandbox.slack.messages == []
