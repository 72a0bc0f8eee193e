"""The words of a message, the same for every channel.

What belongs here: the facts a message carries, stored with it in the outbox, and how they read. What does not: how one
channel lays them out or escapes them (`delivery/`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.budgets import BudgetStep, progress
from meterhouse.alerts.contributors import Contributor
from meterhouse.alerts.delivery.contract import Message
from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.rules import Rule
from meterhouse.control.tables import IncidentRow

NAMED_GROUPS = 5

_LOOK_AT_BUDGET = (
    "See in fct_budgets how the other groups and periods went, and in `meterhouse report --by` who uses it; then use "
    "less, or change the budget in the rules file."
)

Facts = dict[str, Any]
"""Facts of one message, as JSON: numbers are decimal text, times RFC 3339 UTC."""


def facts_of_rule(
    rule: Rule, row: IncidentRow, interval: Mapping[str, Any], seasonal: Decimal | None = None
) -> Facts:
    """What a message needs to know of the rule as it was when it fired.

    Args:
        rule: The rule.
        row: The incident.
        interval: What fired, of `evaluate.INTERVAL_SCHEMA`, and an anomaly's `contributors` where they are known; empty
            for bills, which have no samples.
        seasonal: The projected end of a budget by days of the week, where it is known.
    """
    metric = METRICS[rule.metric]
    budget = {"budget": _facts_of_budget(rule, row, seasonal)} if isinstance(rule, BudgetStep) else {}
    title = f"change of {metric.title}" if rule.change else metric.title
    return (
        budget
        | _facts_of_comparison(rule, row, interval)
        | {
            "metric": "projected end of period" if rule.is_paced else title,
            "unit": "%" if rule.change == "percent" else metric.unit,
            "comparison": next(limit.comparison for limit in rule.when if limit.severity == row.severity),
            "next_step": _LOOK_AT_BUDGET if budget else metric.next_step,
            "window": rule.window_text + (f", crossed for {rule.persistence}" if rule.persistence else ""),
            "sample_count": interval.get("sample_count"),
        }
    )


def _facts_of_comparison(rule: Rule, row: IncidentRow, interval: Mapping[str, Any]) -> Facts:
    """What a window was compared with; what is estimated has some six digits."""
    unit = f" {METRICS[rule.metric].unit}" if METRICS[rule.metric].unit else ""
    if rule.change:
        now, before = (plain_number(interval[name]) for name in ("current", "usual"))
        return {"compared": {"Before": f"{before}{unit} in the {rule.window_text} before, {now}{unit} now"}}
    if not isinstance(rule, AnomalySide):
        return {}
    usual, limit = interval["usual"], Decimal(row.limit)
    ends = sorted((limit, 2 * usual - limit))
    hour = f"at this hour of the past {rule.weeks} weeks"
    compared = {
        "Expected": f"{_about(ends[0])} to {_about(ends[1])}{unit}; {_about(usual)}{unit} is usual {hour}"
    }
    found: Sequence[Contributor] = interval.get("contributors", ())
    if found:
        compared["Most of it"] = "; ".join(
            f"{one.field} {one.name or '(none)'}: {_about(one.now)}{unit}, else {_about(one.usual)}{unit}"
            for one in found
        )
    return {"compared": compared}


def _about(value: Decimal) -> str:
    """A number for reading."""
    with localcontext(prec=6):
        return plain_number(+value)


def _facts_of_budget(step: BudgetStep, row: IncidentRow, seasonal: Decimal | None) -> Facts:
    """How far along the budget was when the step fired; what is estimated is rounded to the cent."""
    found = progress(step, Decimal(row.value), row.fired_at)
    return {
        "percent": step.percent,
        "amount": plain_number(found.amount),
        "used": plain_number(found.used),
        "percent_used": _rounded(found.percent_used, 1),
        "percent_gone": _rounded(found.percent_gone, 1),
        "expected": _rounded(found.expected, 2),
        "projected": None if found.projected is None else _rounded(found.projected, 2),
        "projected_seasonal": None if seasonal is None else _rounded(seasonal, 2),
        "resets_at": f"{found.end.astimezone(ZoneInfo(step.timezone)):%Y-%m-%d %H:%M} ({step.timezone})",
    }


def facts_of_health(check: str, reason: str, next_step: str) -> Facts:
    """What a message needs to know of something in the pipeline that is not well."""
    return {"metric": check, "reason": reason, "next_step": next_step}


def facts(row: IncidentRow, resolved_value: Decimal | None = None, note: str | None = None) -> Facts:
    """What a message needs to know of the incident as it is now; `resolved_value` is null for too few samples."""
    return {
        "incident_id": row.id,
        "rule": row.rule,
        "severity": row.severity,
        "group": json.loads(row.group_key),
        "limit": row.limit,
        "value": row.value,
        "fired_at": row.fired_at.isoformat(),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        "resolved_value": None if resolved_value is None else plain_number(resolved_value),
        "first_event_id": row.first_event_id,
        "trace_id": row.trace_id,
        "note": note,
    }


def _rounded(value: Decimal, places: int) -> str:
    return format(round(value, places), "f")


def plain_number(value: Decimal) -> str:
    """A decimal without trailing zeros and exponent."""
    return format(value.normalize(), "f")


def compose(event: str, facts: Facts) -> Message:
    """The message about one state change of an incident."""
    if "reason" in facts:
        return _health_message(event, facts)
    unit = f" {facts['unit']}" if facts["unit"] else ""
    fired_at = datetime.fromisoformat(facts["fired_at"])
    samples = "" if facts["sample_count"] is None else f", samples: {facts['sample_count']}"
    value = f"{facts['metric']} {facts['value']}{unit}, limit {facts['comparison']} {facts['limit']}{unit}"
    lines = [
        ("Group", group_text(facts["group"])),
        *(_budget_lines(facts["budget"]) if "budget" in facts else [("Value", value)]),
        *facts.get("compared", {}).items(),
        ("Window", f"{facts['window']} up to {_time_text(fired_at)}{samples}"),
    ]
    if event == "resolved":
        resolved_at = datetime.fromisoformat(facts["resolved_at"])
        value = facts["resolved_value"]
        nothing = "a new period began" if "budget" in facts else "too few samples left in the window"
        now_text = f"{value}{unit}" if value is not None else nothing
        lines += [
            ("Now", facts["note"] or f"{now_text}, since {_time_text(resolved_at)}"),
            ("Lasted", duration_text(resolved_at - fired_at)),
        ]
    if event == "reminder":
        lines.append(("Lasts", duration_text(datetime.fromisoformat(facts["now"]) - fired_at)))
    if facts["sample_count"] is not None:
        lines += [
            ("First event", facts["first_event_id"] or "unknown"),
            ("Trace", facts["trace_id"] or "none"),
        ]
    if facts["note"] and event != "resolved":
        lines.append(("Note", facts["note"]))
    told = "still firing" if event == "reminder" else event
    title = f"{facts['severity']} alert {told}: {facts['rule']}{_budget_title(facts)}"
    next_step = None if event in ("resolved", "retracted") else facts["next_step"]
    return Message(facts["incident_id"], event, title, tuple(lines), next_step, facts)


def _budget_title(facts: Facts) -> str:
    """Which step of a budget a message tells of; nothing for other rules."""
    if "budget" not in facts:
        return ""
    percent = facts["budget"]["percent"]
    return f", {percent} % of the budget is used" if percent else ", the budget will not last at this pace"


def _budget_lines(budget: Facts) -> list[tuple[str, str]]:
    gone = f"the {budget['percent_gone']} % of the period that has gone"
    projected = f"{budget['projected']} USD, if it goes on as in {gone}"
    seasonal = f"{budget.get('projected_seasonal')} USD, as the days of the week cost in the 28 days before the period"
    return [
        ("Used", f"{budget['used']} USD of {budget['amount']} USD, {budget['percent_used']} %"),
        ("Expected by now", f"{budget['expected']} USD, if the amount were used evenly"),
        ("Projected end", projected if budget["projected"] else "not known at the period's first moment"),
        *([("By weekdays", seasonal)] if budget.get("projected_seasonal") else []),
        ("Resets", budget["resets_at"]),
    ]


def compose_folded(event: str, all_facts: Sequence[Facts]) -> Message:
    """One message about the same state change of many incidents of a rule; it names the furthest beyond the limit."""
    if len(all_facts) == 1:
        return compose(event, all_facts[0])
    first = all_facts[0]
    ranked = sorted(all_facts, key=_distance)
    unit = f" {first['unit']}" if first.get("unit") else ""
    limit = "" if "reason" in first else f", limit {first['comparison']} {first['limit']}{unit}"
    lines = [("Groups", f"{len(all_facts)} at once{limit}")]
    lines += [
        (f"{number}.", f"{group_text(one['group'])}: {one.get('reason', one['value'] + unit)}")
        for number, one in enumerate(ranked[:NAMED_GROUPS], 1)
    ]
    lines.append(("All", "`meterhouse alerts list` and the console name every group"))
    single = compose(event, first)
    title = f"{single.title} ({len(all_facts)} groups)"
    about = {"rule": first["rule"], "severity": first["severity"], "incidents": list(ranked)}
    return Message(single.alert_id, event, title, tuple(lines), single.next_step, about)


def _distance(facts: Facts) -> Decimal:
    """Sorts what is furthest beyond its limit first; what has no number keeps its place."""
    if "reason" in facts:
        return Decimal(0)
    value = Decimal(facts["value"])
    return value if facts["comparison"] in ("<", "<=") else -value


def _health_message(event: str, facts: Facts) -> Message:
    """The message about something in the pipeline that is not well, or is again."""
    fired_at = datetime.fromisoformat(facts["fired_at"])
    lines = [
        ("What", group_text(facts["group"]) if facts["group"] else "the pipeline"),
        ("State", f"{facts['value']}: {facts['reason']}"),
        ("Since", _time_text(fired_at)),
    ]
    if event == "resolved":
        resolved_at = datetime.fromisoformat(facts["resolved_at"])
        lines += [("Now", facts["note"]), ("Lasted", duration_text(resolved_at - fired_at))]
    title = f"{facts['severity']} alert {event}: {facts['rule']}"
    next_step = None if event == "resolved" else facts["next_step"]
    return Message(facts["incident_id"], event, title, tuple(lines), next_step, facts)


def trial_message(channel: str) -> Message:
    """The message of `meterhouse alerts send-test`."""
    lines = (("Channel", channel), ("Meaning", "Alerts sent to this channel arrive. Nothing is wrong."))
    return Message("test", "test", "Meterhouse test message", lines, None, {})


def group_text(group: dict[str, str | None]) -> str:
    """A group in words."""
    named = (f"{name}: {value if value is not None else '(none)'}" for name, value in group.items())
    return ", ".join(named) or "all events"


def duration_text(duration: timedelta) -> str:
    """A duration in words, to the second."""
    return str(timedelta(seconds=round(duration.total_seconds())))


def _time_text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
