"""OpenAI's lists of projects and their API keys (contract openai §1.2).

What belongs here: the listed objects and how lists are paged. What does not: rights (`errors`).
"""

from typing import Any

from starlette.datastructures import QueryParams

from sandbox.buckets import BadRequestError
from sandbox.openai.parameters import integer
from sandbox.services import SPACES, Space

LIST_LIMIT = 100
CREATED_AT = 1735689600
Item = dict[str, Any]


def projects(account: str, with_archived: bool) -> list[Item]:
    """List the projects."""
    return [_project(space) for space in _spaces(account) if with_archived or not space.is_archived]


def project_keys(account: str, project: str) -> list[Item] | None:
    """List the API keys of a project; None when there is no such project."""
    return [_key(space) for space in _spaces(account) if space.project == project] or None


def list_body(query: QueryParams, items: list[Item]) -> Item:
    """Cut one page out of a list, after the item the cursor `after` names.

    Raises:
        BadRequestError: If `limit` or `after` is wrong.
    """
    limit = integer(query, "limit", 20)
    if not 1 <= limit <= LIST_LIMIT:
        raise BadRequestError("limit", f"Invalid value for 'limit': expected 1 to {LIST_LIMIT}, got {limit}.")
    ids = [item["id"] for item in items]
    after = query.get("after")
    if after is not None and after not in ids:
        raise BadRequestError("after", f"Invalid value for 'after': {after}.")
    begin = ids.index(after) + 1 if after else 0
    page = items[begin : begin + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": begin + limit < len(items),
    }


def _spaces(account: str) -> list[Space]:
    return [space for space in SPACES if space.account == account]


def _project(space: Space) -> dict[str, Any]:
    return {
        "id": space.project,
        "object": "organization.project",
        "name": space.name,
        "created_at": CREATED_AT,
        "archived_at": CREATED_AT if space.is_archived else None,
        "status": "archived" if space.is_archived else "active",
        "external_key_id": None,
        "residency": None,
    }


def _key(space: Space) -> dict[str, Any]:
    owner = {
        "id": "user_ops",
        "created_at": CREATED_AT,
        "name": "Ops",
        "email": "ops@example.com",
        "role": "owner",
    }
    return {
        "object": "organization.project.api_key",
        "redacted_value": f"sk-proj-****{space.key_name[-4:]}",
        "name": space.key_name,
        "created_at": CREATED_AT,
        "last_used_at": None,
        "id": space.key,
        "owner": {"type": "user", "user": owner},
    }
