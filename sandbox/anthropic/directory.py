"""Anthropic's organization, and its lists of workspaces and API keys (contract anthropic §2.1, §2.9).

What belongs here: the listed objects and how lists are paged. What does not: rights (`errors`).
"""

from typing import Any

from starlette.datastructures import QueryParams

from sandbox.anthropic.parameters import page_limit
from sandbox.buckets import BadRequestError
from sandbox.services import SPACES, Space

LIST_LIMIT = 1000
CREATED_AT = "2025-01-01T00:00:00Z"
ORGANIZATION = {
    "id": "8f1c3f0a-5b52-4a7c-9a52-0f6e0c1d2e3f",
    "type": "organization",
    "name": "Sandbox Company",
}
Item = dict[str, Any]


def workspaces() -> list[Item]:
    """List the workspaces; the default one is none."""
    return [_workspace(space) for space in _spaces() if space.project]


def api_keys() -> list[Item]:
    """List the API keys."""
    return [_key(space) for space in _spaces()]


def list_body(query: QueryParams, items: list[Item]) -> Item:
    """Cut one page out of a list, after the item the cursor `after_id` names.

    Raises:
        BadRequestError: If `limit` or `after_id` is wrong.
    """
    limit = page_limit(query, 20, LIST_LIMIT)
    ids = [item["id"] for item in items]
    after = query.get("after_id")
    if after is not None and after not in ids:
        raise BadRequestError("after_id", "after_id: Invalid cursor")
    begin = ids.index(after) + 1 if after else 0
    page = items[begin : begin + limit]
    return {
        "data": page,
        "has_more": begin + limit < len(items),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _spaces() -> list[Space]:
    return [space for space in SPACES if space.provider == "anthropic"]


def _workspace(space: Space) -> dict[str, Any]:
    return {
        "id": space.project,
        "type": "workspace",
        "name": space.name,
        "created_at": CREATED_AT,
        "archived_at": None,
        "display_color": "#6C5BB9",
        "compartment_id": "cmpt_01",
        "data_residency": {
            "workspace_geo": "us",
            "allowed_inference_geos": "unrestricted",
            "default_inference_geo": "global",
        },
        "external_key_id": None,
        "tags": {},
        "user_profile_id": None,
    }


def _key(space: Space) -> dict[str, Any]:
    return {
        "id": space.key,
        "type": "api_key",
        "name": space.key_name,
        "workspace_id": space.project,
        "created_at": CREATED_AT,
        "created_by": {"id": "user_01OPS", "type": "user"},
        "partial_key_hint": f"sk-ant-api03-...{space.key_name[-4:]}",
        "status": "active",
        "expires_at": None,
    }
