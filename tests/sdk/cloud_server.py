"""Gemini and Bedrock on loopback: the paths, bodies, streams and errors that the SDK meters.

The model asked for decides what happens: `denied` answers with an error, `mute` says no usage, others answer well.
"""

import base64
import json
import re
import struct
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GEMINI_USAGE = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 400,
    "candidatesTokenCount": 50,
    "thoughtsTokenCount": 20,
    "toolUsePromptTokenCount": 5,
    "totalTokenCount": 1075,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 700},
        {"modality": "IMAGE", "tokenCount": 258},
        {"modality": "AUDIO", "tokenCount": 42},
    ],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 400}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
}
CONVERSE_USAGE = {
    "inputTokens": 200,
    "outputTokens": 12,
    "totalTokens": 267,
    "cacheReadInputTokens": 30,
    "cacheWriteInputTokens": 25,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 5}],
}
INVOCATION_HEADERS = {
    "X-Amzn-Bedrock-Input-Token-Count": "70",
    "X-Amzn-Bedrock-Output-Token-Count": "9",
    "X-Amzn-Bedrock-Cache-Read-Input-Token-Count": "6",
}
METRICS = {"inputTokenCount": 70, "outputTokenCount": 9, "cacheWriteInputTokenCount": 4}


class CloudServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        path = self.path.partition("?")[0]
        gemini = re.fullmatch(r"/v1(?:beta)?/models/([^:]+):(\w+)", path)
        bedrock = re.fullmatch(r"/model/([^/]+)/([\w-]+)", path)
        model, action = (gemini or bedrock).groups()
        if "denied" in model:
            self._denied(bool(gemini))
        else:
            self._send(200, *(_GEMINI if gemini else _BEDROCK)[action](model))

    def _denied(self, is_gemini):
        if is_gemini:
            error = {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}
            headers = {}
        else:
            error, headers = {"message": "no"}, {"x-amzn-ErrorType": "AccessDeniedException"}
        self._send(403, json.dumps(error).encode(), "application/json", headers)

    def _send(self, status, content, kind, headers):
        self.send_response(status)
        for name, value in {"x-amzn-RequestId": "req-1", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _content(model, text="hi", reason="STOP", usage=True):
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
    if reason:
        candidate["finishReason"] = reason
    answer = {"candidates": [candidate], "modelVersion": f"{model}-001", "responseId": "resp-1"}
    return answer | ({"usageMetadata": GEMINI_USAGE} if usage and model != "mute" else {})


def _json(body, headers=None):
    return json.dumps(body).encode(), "application/json", headers or {}


def _gemini_stream(model):
    chunks = [_content(model, "h", None, False), _content(model, "i")]
    body = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks)
    return body.encode(), "text/event-stream", {}


def _frame(kind, body):
    """One message of an AWS event stream."""
    headers = b""
    for name, value in (
        (":message-type", "event"),
        (":event-type", kind),
        (":content-type", "application/json"),
    ):
        headers += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _converse_stream(_model):
    frames = [
        _frame("messageStart", {"role": "assistant"}),
        _frame("contentBlockDelta", {"delta": {"text": "hi"}, "contentBlockIndex": 0}),
        _frame("messageStop", {"stopReason": "end_turn"}),
        _frame("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 5}}),
    ]
    return b"".join(frames), "application/vnd.amazon.eventstream", {}


def _invoke_stream(_model):
    parts = [{"text": "hi"}, {"text": "", "amazon-bedrock-invocationMetrics": METRICS}]
    frames = [
        _frame("chunk", {"bytes": base64.b64encode(json.dumps(part).encode()).decode()}) for part in parts
    ]
    return b"".join(frames), "application/vnd.amazon.eventstream", {}


def _converse(_model):
    message = {"role": "assistant", "content": [{"text": "hi"}]}
    return _json(
        {
            "output": {"message": message},
            "stopReason": "end_turn",
            "usage": CONVERSE_USAGE,
            "metrics": {"latencyMs": 5},
        }
    )


_GEMINI = {
    "generateContent": lambda model: _json(_content(model)),
    "streamGenerateContent": _gemini_stream,
    "batchEmbedContents": lambda _: _json({"embeddings": [{"values": [0.5]}]}),
}
_BEDROCK = {
    "converse": _converse,
    "converse-stream": _converse_stream,
    "invoke": lambda model: _json({"text": "hi"}, {} if "mute" in model else INVOCATION_HEADERS),
    "invoke-with-response-stream": _invoke_stream,
}
