"""OpenAI's call endpoints on loopback, for clients that meter their calls: chat, responses, embeddings.

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

CREATED_AT = 1790812800
Event = tuple[str | None, Any]


def call_routes(project_key: str) -> list[Route]:
    """Routes of the call endpoints, open to the project key alone."""

    async def call(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {project_key}":
            error = {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": None}
            return ExactJSONResponse({"error": error | {"code": "invalid_api_key"}}, 401)
        body = await request.json()
        return _ANSWERS[request.url.path.rpartition("/v1/")[2]](body)

    return [Route(f"/v1/{path}", call, methods=["POST"]) for path in _ANSWERS]


def _chat(body: dict[str, Any]) -> Response:
    answer = answer_to(body["messages"])
    usage = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return event_stream(_chat_stream(body["model"], answer, usage if with_usage else None))
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return ExactJSONResponse(
        _chat_head(body["model"], "chat.completion") | {"choices": [choice], "usage": usage}
    )


def _chat_head(model: str, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-sandbox",
        "object": kind,
        "created": CREATED_AT,
        "model": model,
        "service_tier": "default",
    }


def _chat_stream(model: str, answer: Answer, usage: dict[str, Any] | None) -> Iterator[Event]:
    head = _chat_head(model, "chat.completion.chunk") | ({"usage": None} if usage else {})
    for piece in answer.pieces:
        delta = {"role": "assistant", "content": piece}
        yield None, head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield None, head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if usage:
        yield None, head | {"choices": [], "usage": usage}
    yield None, "[DONE]"


def _responses(body: dict[str, Any]) -> Response:
    answer = answer_to(body["input"])
    part = {"type": "output_text", "text": answer.text, "annotations": []}
    item = {
        "id": "msg_sandbox",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    response = {
        "id": "resp_sandbox",
        "object": "response",
        "created_at": CREATED_AT,
        "status": "completed",
        "model": body["model"],
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }
    return (
        event_stream(_responses_stream(response, answer))
        if body.get("stream")
        else ExactJSONResponse(response)
    )


def _responses_stream(response: dict[str, Any], answer: Answer) -> Iterator[Event]:
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    item = response["output"][0]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": item | {"content": [], "status": "in_progress"}},
        ),
        ("response.content_part.added", place | {"part": item["content"][0] | {"text": ""}}),
        *(
            ("response.output_text.delta", place | {"delta": piece, "logprobs": []})
            for piece in answer.pieces
        ),
        ("response.output_text.done", place | {"text": answer.text, "logprobs": []}),
        ("response.content_part.done", place | {"part": item["content"][0]}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": response}),
    ]
    for number, (name, data) in enumerate(events):
        yield name, {"type": name, "sequence_number": number} | data


def _embeddings(body: dict[str, Any]) -> Response:
    answer = answer_to(body["input"])
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return ExactJSONResponse(
        {
            "object": "list",
            "model": body["model"],
            "data": [
                {"object": "embedding", "index": index, "embedding": "AACAPwAAAAA="}
                if body.get("encoding_format") == "base64"
                else {"object": "embedding", "index": index, "embedding": [1, 0]}
                for index in range(len(inputs))
            ],
            "usage": {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens},
        }
    )


_ANSWERS = {"chat/completions": _chat, "responses": _responses, "embeddings": _embeddings}
