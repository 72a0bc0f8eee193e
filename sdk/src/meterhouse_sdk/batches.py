"""Batch jobs: their results, metered as they are read.

What belongs here: results of Anthropic's message batches and of OpenAI's batches. What does not: reading one
answer (`*_answers.py`). A result says nothing of its own time, so it counts when its batch was made; its event
id is made from the answer's own, so that reading results again counts nothing twice.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any, Optional, TypeVar

from meterhouse_sdk import anthropic_answers, context, metering, openai_answers, trouble
from meterhouse_sdk.calls import Answer, Endpoint, usage_fields
from meterhouse_sdk.looking import look

Result = TypeVar("Result")


def meter_batch_results(
    batch: Any, results: Iterable[Result], *, provider: Optional[str] = None
) -> Iterator[Result]:
    """The results of a batch job, each metered as it is read; nothing is metered that is not read.

    Args:
        batch: The batch as retrieved: an Anthropic `MessageBatch`, or an OpenAI `Batch`.
        results: For Anthropic `client.messages.batches.results(id)`; for OpenAI the lines of the output file,
            `client.files.content(id).text.splitlines()`. Requests that failed are not billed, nor metered.
        provider: Who served it, as named by its connection; default anthropic or openai.
    """
    read = _read_openai if look(batch, "endpoint") else _read_anthropic
    served_by = provider or ("openai" if look(batch, "endpoint") else "anthropic")
    attribution = context.current()
    for result in results:
        with trouble.kept_from_caller("reading a batch result"):
            found = read(batch, result)
            if found is not None:
                _meter(batch, served_by, *found, attribution)
        yield result


def _read_anthropic(_batch: Any, result: Any) -> Optional[tuple[Endpoint, Any, Any]]:
    message = look(result, "result", "message")
    if message is None:
        return None
    return anthropic_answers.ENDPOINTS["/messages"], message, look(result, "custom_id")


def _read_openai(batch: Any, line: Any) -> Optional[tuple[Endpoint, Any, Any]]:
    result = json.loads(line) if isinstance(line, (str, bytes)) else line
    response = look(result, "response")
    endpoint = openai_answers.ENDPOINTS.get(str(batch.endpoint).removeprefix("/v1"))
    if endpoint is None or look(response, "status_code") != 200:
        return None
    return endpoint, look(response, "body"), look(result, "custom_id")


def _meter(
    batch: Any, provider: str, endpoint: Endpoint, body: Any, custom_id: Any, attribution: Any
) -> None:
    answer: Answer = endpoint.read_answer(body)
    answer_id = look(body, "id") or f"{look(batch, 'id')}-{custom_id}"
    fields = {
        "event_id": f"{provider}-batch-{answer_id}",
        "provider": provider,
        "model": look(body, "model"),
        "operation": endpoint.operation,
        "started_at": _time(look(batch, "created_at")),
        "ended_at": _time(look(batch, "ended_at") or look(batch, "completed_at")),
        "outcome": "ok",
        **answer.fields,
        "is_batch": True,
        "service_tier": "batch",
        **usage_fields(endpoint, provider, answer),
    }
    metering.record(fields, attribution)


def _time(at: Any) -> Optional[datetime]:
    return datetime.fromtimestamp(at, timezone.utc) if isinstance(at, (int, float)) else at
