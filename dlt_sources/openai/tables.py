"""OpenAI's tables: where each is read, how it is grouped, and its documented fields.

Source: contract OpenAI §1.2 to §1.6, and the official schema of project API keys. What does not belong here:
how they are fetched (`reports.py`).
"""

from dataclasses import dataclass

from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG


@dataclass(frozen=True)
class BucketTable:
    """One report in day buckets."""

    path: str
    description: str
    groupings: tuple[tuple[str, ...], ...]
    """Dimensions to ask for; the next is tried when OpenAI refuses the one before (HTTP 400)."""
    buckets_per_page: int
    shape: RowShape


_REQUESTER = {"project_id": _T, "user_id": _T, "api_key_id": _T, "model": _T}

COSTS = BucketTable(
    path="/organization/costs",
    description="What OpenAI bills per day, project, line item and API key, currency beside the amount.",
    groupings=(("project_id", "line_item", "api_key_id"), ("project_id", "line_item")),
    buckets_per_page=180,
    shape=RowShape(
        "costs",
        {
            "object": _T,
            "amount.value": _D,
            "amount.currency": _T,
            "line_item": _T,
            "project_id": _T,
            "api_key_id": _T,
            "user_id": _T,
            "api_source": _T,
            "quantity": _D,
            "quantity_unit": _T,
            "grouped_by": _T,
        },
    ),
)

USAGE_COMPLETIONS = BucketTable(
    path="/organization/usage/completions",
    description="Tokens and requests per day, project, API key, model, batch and service tier.",
    groupings=(("project_id", "api_key_id", "model", "batch", "service_tier"),),
    buckets_per_page=31,
    shape=RowShape(
        "usage_completions",
        {
            "object": _T,
            "input_tokens": _N,
            "input_uncached_tokens": _N,
            "input_cached_tokens": _N,
            "input_cache_write_tokens": _N,
            "input_cache_write_30m_tokens": _N,
            "input_cache_write_12h_tokens": _N,
            "output_tokens": _N,
            "input_text_tokens": _N,
            "output_text_tokens": _N,
            "input_cached_text_tokens": _N,
            "input_audio_tokens": _N,
            "input_cached_audio_tokens": _N,
            "output_audio_tokens": _N,
            "input_image_tokens": _N,
            "input_cached_image_tokens": _N,
            "output_image_tokens": _N,
            "num_model_requests": _N,
            **_REQUESTER,
            "batch": _F,
            "service_tier": _T,
            "api_source": _T,
            "grouped_by": _T,
        },
    ),
)

USAGE_EMBEDDINGS = BucketTable(
    path="/organization/usage/embeddings",
    description="Embedding tokens and requests per day, project, API key and model.",
    groupings=(("project_id", "api_key_id", "model"),),
    buckets_per_page=31,
    shape=RowShape(
        "usage_embeddings",
        {"object": _T, "input_tokens": _N, "num_model_requests": _N, **_REQUESTER, "grouped_by": _T},
    ),
)

USAGE_WEB_SEARCH_CALLS = BucketTable(
    path="/organization/usage/web_search_calls",
    description="Web search calls per day, project, API key, model and context level.",
    groupings=(("project_id", "api_key_id", "model", "context_level"),),
    buckets_per_page=31,
    shape=RowShape(
        "usage_web_search_calls",
        {
            "object": _T,
            "num_requests": _N,
            "num_model_requests": _N,
            **_REQUESTER,
            "context_level": _T,
            "api_source": _T,
            "grouped_by": _T,
        },
    ),
)

BUCKET_TABLES = (COSTS, USAGE_COMPLETIONS, USAGE_EMBEDDINGS, USAGE_WEB_SEARCH_CALLS)

PROJECTS = RowShape(
    "projects",
    {
        "id": _T,
        "object": _T,
        "name": _T,
        "created_at": _N,
        "archived_at": _N,
        "status": _T,
        "external_key_id": _T,
        "residency": _T,
    },
)

PROJECT_API_KEYS = RowShape(
    "project_api_keys",
    {
        "id": _T,
        "object": _T,
        "project_id": _T,
        "name": _T,
        "redacted_value": _T,
        "created_at": _N,
        "last_used_at": _N,
        "owner_project_access": _T,
        "owner.type": _T,
        "owner.user.id": _T,
        "owner.user.name": _T,
        "owner.user.email": _T,
        "owner.service_account.id": _T,
        "owner.service_account.name": _T,
    },
)
