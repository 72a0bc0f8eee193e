"""Anthropic's Messages endpoint on loopback, for clients that meter their calls.

What belongs here: the shape of answers and streams, with usage. What does not: the world; these calls enter
no books.
"""

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.answers import Answer, answer_to
from sandbox.responses import ExactJSONResponse, event_stream

Event = tuple[str | None, Any]


def call_routes(application_key: str) -> list[Route]:
    """Routes of the call endpoint, open to the application's key alone, in either header clients send it in."""

    async def messages(request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if application_key not in (request.headers.get("x-api-key"), bearer):
            error = {"type": "authentication_error", "message": "invalid x-api-key"}
            return ExactJSONResponse({"type": "error", "error": error, "request_id": "req_sandbox"}, 401)
        body = await request.json()
        answer = answer_to(body["messages"])
        message = _message(body["model"], answer)
        return event_stream(_stream(message, answer)) if body.get("stream") else ExactJSONResponse(message)

    return [Route("/v1/messages", messages, methods=["POST"])]


def _message(model: str, answer: Answer) -> dict[str, Any]:
    """Cached tokens are outside `input_tokens`."""
    return {
        "id": "msg_sandbox",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens - answer.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "cache_read_input_tokens": answer.cached_tokens,
            "output_tokens": answer.output_tokens,
            "service_tier": "standard",
        },
    }


def _stream(message: dict[str, Any], answer: Answer) -> Iterator[Event]:
    begun = message | {"content": [], "stop_reason": None, "usage": message["usage"] | {"output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in answer.pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": answer.output_tokens},
        },
        {"type": "message_stop"},
    ]
    for event in events:
        yield event["type"], event
