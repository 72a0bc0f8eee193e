"""PiAPI's tables and their documented fields.

Source: contract PiAPI §4. The account is cut down to what is listed here, because the API echoes the key in it;
of a task only its state and usage are kept, never what went in or came out. What does not belong here: how they
are fetched (`reports.py`).
"""

from typing import Any

from dlt_sources.contract import Row
from dlt_sources.rows import Kind, RowShape

_T, _D, _F = Kind.TEXT, Kind.DECIMAL, Kind.FLAG

TASK_HISTORY = RowShape(
    "task_history",
    {
        "id": _T,
        "account_id": _T,
        "api_key_id": _T,
        "task_id": _T,
        "task_model": _T,
        "action": _T,
        "service_mode": _T,
        "status": _T,
        "usage": _D,
        "usage_type": _T,
        "fixed": _F,
        "detail.task_id": _T,
        "detail.model": _T,
        "detail.workflow_type": _T,
        "created_at": _T,
        "updated_at": _T,
        "task.status": _T,
        "task.meta.usage.type": _T,
        "task.meta.usage.frozen": _D,
        "task.meta.usage.consume": _D,
        "task.meta.started_at": _T,
        "task.meta.ended_at": _T,
        "task.error.code": _T,
    },
)
"""`task` is what the task itself says, asked only where the history does not settle what it cost."""

ACCOUNT = RowShape(
    "account",
    {
        "id": _T,
        "plan": _T,
        "platform": _T,
        "type": _T,
        "account_group": _T,
        "equivalent_in_usd": _D,
        "credit_pack_info.total_credits": _D,
        "credit_pack_info.used_credits": _D,
        "credit_pack_info.available_credits": _D,
        "created_at": _T,
        "updated_at": _T,
    },
)


def kept(shape: RowShape, item: dict[str, Any], under: str = "") -> dict[str, Any]:
    """The documented fields of an object and nothing else; `under` is its path in the shape's rows."""
    found: dict[str, Any] = {}
    for path in shape.fields:
        if path.startswith(under):
            _put(found, item, path.removeprefix(under).split("."))
    return found


def account_row(item: dict[str, Any]) -> Row:
    """The row of an account: no key, no name.

    Raises:
        ProviderError: a documented field is of another type than documented.
    """
    return ACCOUNT.row(kept(ACCOUNT, item))


def _put(found: dict[str, Any], item: Any, steps: list[str]) -> None:
    name, rest = steps[0], steps[1:]
    if not isinstance(item, dict) or item.get(name) is None:
        return
    if rest and isinstance(item[name], dict):
        _put(found.setdefault(name, {}), item[name], rest)
    else:
        found[name] = item[name]
