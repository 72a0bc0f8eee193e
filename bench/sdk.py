"""The SDK: microseconds that metering adds to a call, against the same program without it.

Run `python -m bench.sdk [CALLS] [ROUNDS]`. Events go to a landing folder: `caller` is processor time of the thread that
makes the calls, `process` that of all threads, sending included. The client of `openai` gets an answer that is parsed
already, so that little but the metering is left to measure. Of each the best of the rounds.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import openai
from meterhouse_sdk import attribute, configure, flush, meter, stats, wrap
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
    print(json.dumps({"calls": count * rounds, "microseconds_per_call": named}, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
