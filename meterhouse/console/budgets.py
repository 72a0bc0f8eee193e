"""The page of budgets: what is used of each, and whether it will last.

Its numbers are rows of `fct_budgets` as published. What does not belong here: when a step is told of
(`meterhouse/alerts/`), and changing a budget, which stands in the rules file.
"""

import json
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from meterhouse.alerts.budgets import WHOLE, BudgetRule
from meterhouse.alerts.rules_file import RulesError, load_all_rules
from meterhouse.alerts.wording import group_text
from meterhouse.console import marts
from meterhouse.console.downloads import csv_response
from meterhouse.console.web import Visit, page

_ROWS_SHOWN = 200
_TENTH = Decimal("0.1")
_COLUMNS = (
    *("budget_name", "source", "period", "timezone", "group_key", "period_started_at", "period_ends_at"),
    *("amount_usd", "used_usd", "used_percent", "expected_usd", "projected_simple_usd"),
    *("projected_seasonal_usd", "known_until", "unpriced_count", "status"),
)
_NOW = f"""
    select {", ".join(_COLUMNS)}, count(*) over () as total
    from marts.fct_budgets
    where period_ends_at > $now and budget_name = coalesce($budget, budget_name)
    order by used_percent desc, budget_name, group_key
    limit $rows_shown
"""  # noqa: S608 (our own names)
_OVER = f"""
    select {", ".join(_COLUMNS)}, count(*) over () as total
    from marts.fct_budgets
    where period_ends_at <= $now and budget_name = coalesce($budget, budget_name)
    order by period_ends_at desc, used_percent desc, budget_name, group_key
    limit $rows_shown
"""  # noqa: S608
_ALL = f"""
    select {", ".join(_COLUMNS)} from marts.fct_budgets
    where budget_name = coalesce($budget, budget_name)
    order by period_started_at desc, budget_name, group_key
"""  # noqa: S608


def routes() -> list[Route]:
    """The page, and its rows as CSV."""
    return [page("/budgets", _budgets), page("/budgets.csv", _download)]


def _budgets(visit: Visit) -> Response:
    asked = {"now": datetime.now(UTC), "budget": visit.asked("budget"), "rows_shown": _ROWS_SHOWN}
    rules, faults = _rules(visit)
    now, over = (
        [_told(row, rules.get(row["budget_name"])) for row in marts.rows(visit.settings, query, asked)]
        for query in (_NOW, _OVER)
    )
    seen = {row["budget_name"] for row in now}
    return visit.page(
        "budgets.html",
        now=now,
        over=over,
        unused=[] if asked["budget"] else [rule for name, rule in rules.items() if name not in seen],
        budget=asked["budget"],
        faults=faults,
        rules_file=visit.settings.rules_file,
        published_at=marts.published_at(visit.settings),
    )


def _rules(visit: Visit) -> tuple[dict[str, BudgetRule], list[str]]:
    """The budgets in force by name, or what is wrong with their file."""
    try:
        found = load_all_rules(visit.settings.rules_file) if visit.settings.rules_file.exists() else []
    except RulesError as error:
        return {}, error.faults
    return {rule.name: rule for rule in found if isinstance(rule, BudgetRule)}, []


def _told(row: marts.Row, rule: BudgetRule | None) -> dict[str, Any]:
    """A row with its group in words, and which steps of the rule in force were reached."""
    steps = [step for step in rule.steps if step <= row["used_percent"]] if rule else []
    return row | {
        "percent": row["used_percent"].quantize(_TENTH, ROUND_DOWN),
        "group": group_text(json.loads(row["group_key"])),
        "steps": steps,
        "next_step": next((step for step in rule.steps if step > row["used_percent"]), None)
        if rule
        else None,
        "used_share": min(max(row["used_percent"], Decimal(0)), Decimal(WHOLE)),
        "expected_share": min(row["expected_usd"] * WHOLE / row["amount_usd"], Decimal(WHOLE)),
    }


def _download(visit: Visit) -> Response:
    rows = marts.streamed(visit.settings, _ALL, {"budget": visit.asked("budget")})
    return csv_response("budgets", _COLUMNS, rows)
