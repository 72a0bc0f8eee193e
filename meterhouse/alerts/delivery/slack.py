"""Slack: one message by incoming webhook or bot token, laid out in blocks.

Whatever users supplied stands in `plain_text` objects only, escaped: it can neither mention anybody nor format
anything. What belongs here: Slack's layout, limits and errors. What does not: words (`wording.py`) and retries
(`outbox.py`).
"""

import logging
from functools import partial
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from meterhouse.alerts.delivery.contract import FailedError, Message, NotConfiguredError, RefusedError, Send
from meterhouse.alerts.delivery.posting import retry_after
from meterhouse.settings import Settings

TIMEOUT_SECONDS = 8
MAX_VALUE_LENGTH = 300
MAX_HEADER_LENGTH = 150

_SILENT = logging.getLogger("meterhouse.alerts.silent")
"""The SDK logs URLs, which hold the webhook's secret; what went wrong is in the errors."""
_SILENT.setLevel(logging.CRITICAL + 1)

_NEW_WEBHOOK = "make a new incoming webhook for the channel in Slack and set METERHOUSE_SLACK_WEBHOOK_URL"
_BOT_REFUSALS = {
    "not_in_channel": "invite the bot to the channel",
    "channel_not_found": "set METERHOUSE_SLACK_CHANNEL to the id of a channel the bot can see",
    "is_archived": "set METERHOUSE_SLACK_CHANNEL to a channel that is not archived",
    "missing_scope": "give the bot the scope chat:write and install it again",
    "invalid_auth": "set METERHOUSE_SLACK_BOT_TOKEN to a valid bot token",
    "not_authed": "set METERHOUSE_SLACK_BOT_TOKEN to a valid bot token",
    "account_inactive": "install the bot again and set METERHOUSE_SLACK_BOT_TOKEN",
    "token_revoked": "install the bot again and set METERHOUSE_SLACK_BOT_TOKEN",
    "token_expired": "install the bot again and set METERHOUSE_SLACK_BOT_TOKEN",
}
_BOT_FAILURES = {
    "ratelimited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}


def open_channel(settings: Settings) -> Send:
    """The channel `slack`: the webhook when one is set, else the bot.

    Raises:
        NotConfiguredError: Neither is set.
    """
    if settings.slack_webhook_url:
        return partial(post_to_webhook, settings.slack_webhook_url.get_secret_value(), settings.console_url)
    if settings.slack_bot_token and settings.slack_channel:
        token = settings.slack_bot_token.get_secret_value()
        return partial(post_as_bot, token, settings.slack_channel, settings.console_url)
    raise NotConfiguredError(
        "The channel slack is not set up: set METERHOUSE_SLACK_WEBHOOK_URL, "
        "or METERHOUSE_SLACK_BOT_TOKEN and METERHOUSE_SLACK_CHANNEL."
    )


def post_to_webhook(webhook_url: str, console_url: str, message: Message) -> None:
    """Post by incoming webhook; the URL is a secret and stands in no error.

    Raises:
        FailedError: Slack did not answer, was busy or broken.
        RefusedError: Slack will not take the message, or the webhook was revoked.
    """
    client = WebhookClient(webhook_url, timeout=TIMEOUT_SECONDS, logger=_SILENT, retry_handlers=[])
    try:
        response = client.send_dict(render(message, console_url))
    except Exception as error:
        raise FailedError(f"Slack could not be reached by webhook ({type(error).__name__}).") from None
    if response.status_code == 200:
        return
    _raise_status(response.status_code, dict(response.headers), _NEW_WEBHOOK)


def post_as_bot(
    token: str, channel: str, console_url: str, message: Message, base_url: str = WebClient.BASE_URL
) -> None:
    """Post with a bot token (`chat.postMessage`).

    Raises:
        FailedError: Slack did not answer, was busy or broken.
        RefusedError: Slack will not take the message, or the bot may not post.
    """
    client = WebClient(token, base_url=base_url, timeout=TIMEOUT_SECONDS, logger=_SILENT, retry_handlers=[])
    try:
        client.chat_postMessage(channel=channel, **render(message, console_url))
    except SlackApiError as error:
        _raise_bot_error(error)
    except Exception as error:
        raise FailedError(f"Slack could not be reached by bot ({type(error).__name__}).") from None


def render(message: Message, console_url: str) -> dict[str, Any]:
    """The body of the request: blocks, and the text that notifications show."""
    fields = [_plain(f"{label}: {text}") for label, text in message.lines]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title, MAX_HEADER_LENGTH)},
        {"type": "section", "fields": fields},
    ]
    if message.next_step:
        blocks.append({"type": "section", "text": _plain(f"Next: {message.next_step}")})
    link = {"type": "mrkdwn", "text": f"<{_escape(console_url)}|Open Meterhouse>"}
    blocks.append({"type": "context", "elements": [link, _plain(f"Alert {message.alert_id}")]})
    first_line = _shorten(message.lines[0][1], MAX_VALUE_LENGTH) if message.lines else ""
    summary = _escape(f"{message.title} ({first_line}) [{message.alert_id}]")
    return {"text": summary, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks}


def _plain(text: str, max_length: int = MAX_VALUE_LENGTH) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escape(_shorten(text, max_length)), "emoji": False}


def _shorten(text: str, max_length: int) -> str:
    """One line of printable text of at most this length."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: max_length * 2]).split())
    return line if len(line) <= max_length else f"{line[: max_length - 1]}…"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _raise_status(status: int, headers: dict[str, str], mend: str) -> None:
    if status == 429:
        raise FailedError("Slack asked to wait (429).", retry_after(headers))
    if status >= 500 or status == 408:
        raise FailedError(f"Slack answered {status}.")
    if status in (401, 403, 404, 410):
        raise RefusedError(
            f"Slack refused the webhook ({status}), it was revoked or its channel is gone: {mend}."
        )
    raise RefusedError(
        f"Slack refused the message ({status}): run `meterhouse alerts send-test slack` to see if any arrives."
    )


def _raise_bot_error(error: SlackApiError) -> None:
    code = str(error.response.get("error", "unknown"))
    status = int(error.response.status_code)
    if status == 429 or code == "ratelimited":
        raise FailedError("Slack asked to wait (429).", retry_after(dict(error.response.headers))) from None
    if status >= 500 or code in _BOT_FAILURES:
        raise FailedError(f"Slack answered {status} ({code}).") from None
    mend = _BOT_REFUSALS.get(code, "run `meterhouse alerts send-test slack` to see if any message arrives")
    raise RefusedError(f"Slack refused the bot's message ({code}): {mend}.") from None
