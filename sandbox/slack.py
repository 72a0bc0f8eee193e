"""Slack on loopback: an incoming webhook and the Web API methods a notifier needs.

What belongs here: receiving, recording, and answering as Slack does, faults included. What does not: what a
message should say.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

WEBHOOK_PATH = "/services/T00000000/B00000000/sandbox"
BOT_TOKEN = "xoxb-sandbox"
JSON_FIELDS = ("blocks", "attachments", "metadata")
"""Fields of a form that hold JSON."""


class Reply(StrEnum):
    """How Slack answers one message."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    ERROR = "error"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    """The message is posted, but the answer says it is not."""


@dataclass
class SlackDesk:
    """What Slack has received, and how it is to answer next."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the messages posted, in order."""
    attempts: int = 0
    """Messages sent to it, posted or refused."""
    next_replies: list[Reply] = field(default_factory=list)
    """Answers to the next messages, one each; then every one is posted."""
    retry_after_seconds: int = 1


def slack_app(desk: SlackDesk) -> Starlette:
    """Build the receiver: the webhook, and `chat.postMessage` and `conversations.history` under `/api`."""

    async def webhook(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        if not (body.get("text") or body.get("blocks") or body.get("attachments")):
            return PlainTextResponse("no_text", 400)
        return _receive(desk, body) or PlainTextResponse("ok")

    async def post_message(request: Request) -> Response:
        if not _is_signed(request):
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        body = await _body(request)
        if not body.get("channel"):
            return JSONResponse({"ok": False, "error": "channel_not_found"})
        refusal = _receive(desk, body)
        return refusal or JSONResponse(
            {
                "ok": True,
                "channel": body["channel"],
                "ts": _timestamp(len(desk.messages) - 1),
                "message": body,
            }
        )

    async def history(request: Request) -> Response:
        if not _is_signed(request):
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        channel = request.query_params.get("channel") or (await _body(request)).get("channel")
        posted = [
            {"type": "message", "ts": _timestamp(number)} | message
            for number, message in enumerate(desk.messages)
            if message.get("channel") == channel
        ]
        return JSONResponse({"ok": True, "messages": posted[::-1], "has_more": False})

    return Starlette(
        routes=[
            Route(WEBHOOK_PATH, webhook, methods=["POST"]),
            Route("/api/chat.postMessage", post_message, methods=["POST"]),
            Route("/api/conversations.history", history, methods=["GET", "POST"]),
        ]
    )


def _receive(desk: SlackDesk, body: dict[str, Any]) -> Response | None:
    """Take one message in as the desk says; None when it was posted and is to be confirmed."""
    desk.attempts += 1
    reply = desk.next_replies.pop(0) if desk.next_replies else Reply.OK
    if reply is Reply.RATE_LIMITED:
        headers = {"retry-after": str(desk.retry_after_seconds)}
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers=headers)
    if reply is not Reply.ERROR:
        desk.messages.append(body)
    return None if reply is Reply.OK else JSONResponse({"ok": False, "error": "internal_error"}, 500)


def _is_signed(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {BOT_TOKEN}"


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").startswith("application/json"):
        body: dict[str, Any] = await request.json()
        return body
    form: dict[str, Any] = dict(parse_qsl((await request.body()).decode()))
    return {name: json.loads(text) if name in JSON_FIELDS else text for name, text in form.items()}


def _timestamp(number: int) -> str:
    return f"{1790812800 + number}.000000"
