"""OpenAI's usage reports as rows (contract openai §1.2, §1.5, §1.6).

What belongs here: which fields and groupings each report has. What does not: paths and pages (`api`),
money (`costs`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.books import Charge
from sandbox.buckets import grouped

Row = dict[str, Any]
Quantities = Callable[[list[Charge]], Row]


@dataclass(frozen=True)
class UsageReport:
    """One usage report: its object name, dimensions, what it counts, and the kind of calls it shows."""

    object_name: str
    dimensions: tuple[str, ...]
    quantities: Quantities
    operation: str | None = None
    """Operation of the models whose calls it shows; None for what this world has none of."""


def _units(charges: Iterable[Charge], token_type: str) -> int:
    return sum(charge.quantity or 0 for charge in charges if charge.token_type == token_type)


def _requests(charges: Iterable[Charge]) -> int:
    return len({charge.call_id for charge in charges})


def _completions(charges: list[Charge]) -> Row:
    """Cached tokens are inside `input_tokens`; all of this world is text."""
    uncached, cached, output = (_units(charges, name) for name in ("input", "cache_read", "output"))
    return {
        "input_tokens": uncached + cached,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": 0,
        "input_uncached_tokens": uncached,
        "output_tokens": output,
        "input_text_tokens": uncached,
        "output_text_tokens": output,
        "input_cached_text_tokens": cached,
        "input_audio_tokens": 0,
        "input_cached_audio_tokens": 0,
        "output_audio_tokens": 0,
        "input_image_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_image_tokens": 0,
        "num_model_requests": _requests(charges),
    }


def _embeddings(charges: list[Charge]) -> Row:
    return {"input_tokens": _units(charges, "input"), "num_model_requests": _requests(charges)}


def _nothing(charges: list[Charge]) -> Row:
    raise ValueError(f"the sandbox books nothing for this report, got {len(charges)} charges")


_CALLER = ("project_id", "user_id", "api_key_id", "model")

USAGE_REPORTS = {
    "completions": UsageReport(
        "completions", (*_CALLER, "batch", "service_tier", "api_source"), _completions, "chat"
    ),
    "embeddings": UsageReport("embeddings", _CALLER, _embeddings, "embed"),
    "moderations": UsageReport("moderations", _CALLER, _nothing),
    "images": UsageReport("images", (*_CALLER, "size", "source"), _nothing),
    "audio_speeches": UsageReport("audio_speeches", _CALLER, _nothing),
    "audio_transcriptions": UsageReport("audio_transcriptions", _CALLER, _nothing),
    "vector_stores": UsageReport("vector_stores", ("project_id",), _nothing),
    "code_interpreter_sessions": UsageReport("code_interpreter_sessions", ("project_id",), _nothing),
    "file_search_calls": UsageReport(
        "file_searches", ("project_id", "user_id", "api_key_id", "vector_store_id"), _nothing
    ),
    "web_search_calls": UsageReport("web_searches", (*_CALLER, "context_level", "api_source"), _nothing),
}


def usage_rows(report: UsageReport, charges: list[Charge], group_by: list[str]) -> list[Row]:
    """Sum one bucket's charges; a dimension is null unless it is grouped by."""

    def dimensions(charge: Charge) -> tuple[Any, ...]:
        known = {
            "project_id": charge.project,
            "api_key_id": charge.key,
            "model": charge.model.served if charge.model else None,
            "batch": charge.tier == "batch",
            "service_tier": "default",
        }
        return tuple(known.get(name) if name in group_by else None for name in report.dimensions)

    return [
        {"object": f"organization.usage.{report.object_name}.result"}
        | report.quantities(part)
        | dict(zip(report.dimensions, values, strict=True))
        for values, part in grouped(charges, dimensions)
    ]
