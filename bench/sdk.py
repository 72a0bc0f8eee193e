"""The SDK: microseconds that metering and the look at cost controls add to a call, against the same program without.

Run `python -m bench.sdk [CALLS] [ROUNDS]`. Events go to a landing folder: `caller` is processor time of the thread that
makes the calls, `process` that of all threads, sending included. The client of `openai` gets an answer that is parsed
already, so that little but the metering is left to measure. `guard()` looks while nothing is held back, and while three
rules hold back 3,000 groups, none of them the caller's. Of each the best of the rounds.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import openai
from meterhouse_sdk import attribute, configure, flush, guard, meter, stats, wrap
from openai.types.chat import ChatCompletion

USAGE = {"prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280}
USAGE |= {
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 32},
}
MESSAGE = {"role": "assistant", "content": "Hello."}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2025-08-07",
    "service_tier": "default",
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
    "usage": USAGE,
}


def client() -> openai.OpenAI:
    """A client whose every call is answered at once."""
    made = openai.OpenAI(api_key="k")
    completion = ChatCompletion.model_validate(COMPLETION)
    made.post = lambda *_, **__: completion
    return made


def ask(of: openai.OpenAI) -> Callable[[], object]:
    return lambda: of.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Hi"}])


def one_event() -> None:
    meter(
        provider="openai",
        model="gpt-5",
        provider_request_id="chatcmpl-1",
        operation="chat",
        input_tokens=176,
        cache_read_tokens=1024,
        output_tokens=80,
        reasoning_tokens=32,
        duration_ms=812,
    )


class Holding(BaseHTTPRequestHandler):
    """An endpoint that tells of controls as `GET /v1/controls` does; `groups` of each of three rules."""

    groups = 0

    def do_GET(self) -> None:
        rules = ("customer", "agent", "workflow") if self.groups else ()
        body = json.dumps({"controls": [self.control(by) for by in rules]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def control(self, by: str) -> dict[str, object]:
        about = {"rule": by, "enforce": "block", "metric": "total cost", "unit": "USD", "window": "1h"}
        held = {"action": "block", "value": "2", "comparison": ">", "limit": "1", "resets_at": None}
        groups = [
            {**held, "incident_id": f"{by} {number}", "group": {by: f"other {number}"}}
            for number in range(self.groups)
        ]
        return {**about, "group_by": [by], "where": {"provider": {"is": "openai"}}, "groups": groups}

    def log_message(self, *_: object) -> None:
        pass


def look_microseconds(groups: int, count: int, rounds: int) -> float:
    """Processor time in the calling thread of one look at controls that hold back so many groups of three rules."""
    handler = type("Handler", (Holding,), {"groups": groups})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configure(
            url=f"http://127.0.0.1:{server.server_port}",
            api_key="mh_bench",
            controls="closed",
            controls_refresh_seconds=3_600,
            environment="production",
            spool_folder="off",
        )
        look = lambda: guard(provider="openai", model="gpt-5", operation="chat")  # noqa: E731
        with attribute(customer="acme", agent="writer", workflow="mail", metadata={"team": "core"}):
            best = min(microseconds(look, count)[0] for _ in range(rounds))
            nothing = min(microseconds(lambda: None, count)[0] for _ in range(rounds))
        server.shutdown()
    return best - nothing


def microseconds(call: Callable[[], object], count: int) -> tuple[float, float]:
    """Processor time of one call, in this thread and in the process, until all it metered is on disk."""
    process, caller = time.process_time(), time.thread_time()
    for _ in range(count):
        call()
    caller = time.thread_time() - caller
    assert flush(60)
    return caller / count * 1e6, (time.process_time() - process) / count * 1e6


def main(count: int = 5_000, rounds: int = 5) -> None:
    plain, wrapped = ask(client()), ask(wrap(client()))
    programs = {"nothing": lambda: None, "meter": one_event, "client": plain, "wrapped client": wrapped}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    with TemporaryDirectory() as folder:
        configure(landing_url=folder, environment="production", product="shop", spool_folder="off")
        with attribute(customer="acme", agent="writer", workflow="mail", metadata={"team": "core"}):
            for _ in range(rounds):
                for name, call in programs.items():
                    took[name].append(microseconds(call, count))
        assert stats()["sent"] == 2 * count * rounds
        assert sum(1 for _ in Path(folder).rglob("*.gz"))
    best = {name: [min(values) for values in zip(*found, strict=True)] for name, found in took.items()}
    figures = {
        "meter()": [one - none for one, none in zip(best["meter"], best["nothing"], strict=True)],
        "wrapped client": [
            one - none for one, none in zip(best["wrapped client"], best["client"], strict=True)
        ],
        "the client itself": best["client"],
    }
    named = {
        name: dict(zip(("caller", "process"), map(round, found), strict=True))
        for name, found in figures.items()
    }
    looks = {
        f"guard(), {3 * groups} groups held back": {
            "caller": round(look_microseconds(groups, count, rounds), 1)
        }
        for groups in (0, 1_000)
    }
    print(json.dumps({"calls": count * rounds, "microseconds_per_call": {**named, **looks}}, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
