"""A provider on loopback: the paths, bodies, streams and errors of OpenAI and Anthropic that the SDK meters.

The model asked for decides what happens: `denied` and `limited` answer with errors, `cut` breaks a stream in its
middle, `torn` sends an error within a stream, `odd` has usage that does not add up; others answer well.
"""

import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAT_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 100, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}
RESPONSE_USAGE = {
    "input_tokens": 300,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 330,
}
MESSAGE_USAGE = {
    "input_tokens": 200,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 25,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 5},
    "output_tokens": 12,
    "service_tier": "priority",
    "inference_geo": "us",
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
}
IMAGE_USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 272,
    "total_tokens": 322,
}
TRANSCRIPT_USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 10, "audio_tokens": 4},
    "output_tokens": 101,
    "total_tokens": 115,
}
ERRORS = {"denied": (401, "invalid_api_key"), "limited": (429, "rate_limit_exceeded")}


class ProviderServer(ThreadingHTTPServer):
    """Listens on a free port; `bodies` are the requests as received."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self._body(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        path = self.path.partition("?")[0]
        if body["model"] in ERRORS:
            return self._error(path, *ERRORS[body["model"]])
        if body.get("stream"):
            return self._stream(path, body)
        return self._json(200, ANSWERS[path](body))

    def _body(self, content):
        """JSON, or the fields of an uploaded form."""
        if not self.headers["content-type"].startswith("multipart/"):
            return json.loads(content)
        fields = re.findall(rb'name="(\w+)"\r\n\r\n([^\r]*)\r\n', content)
        return {name.decode(): value.decode() for name, value in fields}

    def _json(self, status, answer):
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.send_header("x-request-id", "req_1")
        self.end_headers()
        self.wfile.write(content)

    def _error(self, path, status, code):
        message = f"No: sk-proj-abc123def456 {code}"
        if path == "/v1/messages":
            return self._json(status, {"type": "error", "error": {"type": code, "message": message}})
        return self._json(status, {"error": {"message": message, "type": "some_type", "code": code}})

    def _stream(self, path, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        if body["model"] == "cut":
            self.send_header("content-length", "1000000")
        self.end_headers()
        for name, data in STREAMS[path](body):
            if name == "cut":
                break
            if name:
                self.wfile.write(f"event: {name}\n".encode())
            self.wfile.write(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.005)
        self.close_connection = True


def _completion(body):
    usage = {**CHAT_USAGE, "total_tokens": 7} if body["model"] == "odd" else CHAT_USAGE
    message = {"role": "assistant", "content": '{"word": "hi"}', "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-2025-08-07",
        "service_tier": "default",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
        "usage": usage,
    }


def _response(body, status="completed"):
    text = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}

    def search(number, action):
        return {"type": "web_search_call", "id": f"ws_{number}", "status": "completed", "action": action}

    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-2025-08-07",
        "status": status,
        "service_tier": "flex",
        "error": {"code": "server_error", "message": "it broke"} if status == "failed" else None,
        "output": [
            {"id": "i", "type": "message", "role": "assistant", "status": "completed", "content": [text]},
            search(1, {"type": "search", "query": "x"}),
            search(2, {"type": "open_page", "url": "x"}),
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSE_USAGE if status == "completed" else None,
    }


def _embeddings(body):
    return {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


def _message(body):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGE_USAGE,
    }


def _images(body):
    made = {"created": 1, "data": [{"b64_json": "aGk="}, {"b64_json": "aGk="}]}
    return made if body["model"].startswith("dall") else {**made, "usage": IMAGE_USAGE}


def _transcript(body):
    usage = {"type": "duration", "seconds": 90} if body["model"] == "whisper-1" else TRANSCRIPT_USAGE
    return {"text": "hi", "usage": usage}


def _image_stream(body):
    picture = {"b64_json": "aGk=", "created_at": 1, "size": "auto", "quality": "low", "background": "auto"}
    picture["output_format"] = "png"
    part = {"type": "image_generation.partial_image", "partial_image_index": 0, **picture}
    yield "image_generation.partial_image", part
    done = {"type": "image_generation.completed", "usage": IMAGE_USAGE, **picture}
    yield "image_generation.completed", done


def _completion_stream(body):
    def chunk(choices, **more):
        common = {
            "id": "chatcmpl-2",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-5-2025-08-07",
        }
        return None, {**common, "service_tier": "default", "choices": choices, **more}

    def delta(content, finish_reason=None):
        return [{"index": 0, "delta": content, "finish_reason": finish_reason}]

    yield chunk(delta({"role": "assistant", "content": ""}))
    yield chunk(delta({"content": "h"}))
    if body["model"] == "cut":
        yield "cut", ""
    if body["model"] == "torn":
        yield None, {"error": {"message": "it broke", "type": "server_error", "code": "server_error"}}
    yield chunk(delta({"content": "i"}))
    yield chunk(delta({}, "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield chunk([], usage=CHAT_USAGE)
    yield None, "[DONE]"


def _response_stream(body):
    def event(kind, number, **more):
        return kind, {"type": kind, "sequence_number": number, **more}

    started = {**_response(body, "in_progress"), "output": []}
    item = {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    yield event("response.created", 0, response=started)
    yield event("response.output_item.added", 1, output_index=0, item=item)
    yield event("response.content_part.added", 2, part=part, **place)
    yield event("response.output_text.delta", 3, delta="hi", logprobs=[], **place)
    status = "failed" if body["model"] == "torn" else "completed"
    yield event(f"response.{status}", 4, response=_response(body, status))


def _message_stream(body):
    started = {
        **_message(body),
        "content": [],
        "stop_reason": None,
        "usage": {**MESSAGE_USAGE, "output_tokens": 1},
    }
    yield "message_start", {"type": "message_start", "message": started}
    block = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    delta = {"type": "text_delta", "text": "hi"}
    yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    if body["model"] == "cut":
        yield "cut", ""
    if body["model"] == "torn":
        yield "error", {"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": 12}}
    yield "message_stop", {"type": "message_stop"}


ANSWERS = {
    "/v1/chat/completions": _completion,
    "/v1/responses": _response,
    "/v1/embeddings": _embeddings,
    "/v1/messages": _message,
    "/v1/images/generations": _images,
    "/v1/images/edits": _images,
    "/v1/audio/transcriptions": _transcript,
    "/v1/audio/speech": lambda body: {"audio": "hi"},
}
STREAMS = {
    "/v1/chat/completions": _completion_stream,
    "/v1/responses": _response_stream,
    "/v1/messages": _message_stream,
    "/v1/images/generations": _image_stream,
}
