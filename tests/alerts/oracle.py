"""A slow evaluator in plain Python and Decimal, written from the design's words alone: the judge of the fast one."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from math import isqrt
from statistics import median
from zoneinfo import ZoneInfo

from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.budgets import BudgetStep
from meterhouse.alerts.comparisons import LEAST_SPREAD, NOISE

COMPARE = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}
AVERAGES = (
    "cost_per_transaction", "error_rate", "tokens_per_request", "duration", "time_to_first_token", "quality_score",
    "cost_per_trace",
)  # fmt: skip
TOKENS = [
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens", "video_input_tokens",
]  # fmt: skip


def first_copies(events):
    """One event per id: the one received first."""
    kept = {}
    for event in events:
        known = kept.get(event["event_id"])
        if known is None or event["received_at"] < known["received_at"]:
            kept[event["event_id"]] = event
    return list(kept.values())


def meets(event, where):
    for field, condition in where.items():
        value = event.get(field)
        for operator, operand in (condition if isinstance(condition, dict) else {"is": condition}).items():
            if not holds(operator, value, operand):
                return False
    return True


def holds(operator, value, operand):
    if operator == "is_not":
        return value != operand
    if value is None:
        return False
    return {
        "is": lambda: value == operand,
        "in": lambda: value in operand,
        "contains": lambda: operand in value,
        "starts_with": lambda: value.startswith(operand),
        "ends_with": lambda: value.endswith(operand),
    }[operator]()


def sample(metric, event):
    """The event's amount as a Decimal, or None when it is no sample of the metric."""
    if metric in ("cost_per_transaction", "total_cost"):
        return event.get("cost_usd")
    if metric == "cost_per_trace":
        return None if event.get("trace_id") is None else event.get("cost_usd")
    if metric[-4:-2] == "_p":
        return sample(metric[:-4], event)
    if metric == "request_count":
        return None if event.get("outcome") in ("blocked", "would_block") else Decimal(1)
    if metric == "error_count":
        return Decimal(1) if event.get("outcome") == "error" else None
    if metric == "error_rate":
        is_left_out = event.get("outcome") in (None, "blocked", "would_block")
        return None if is_left_out else Decimal(event["outcome"] == "error")
    if metric == "unpriced_events":
        return Decimal(1) if event.get("cost_status") == "unpriced" else None
    if metric == "requests_per_minute":
        return sample("request_count", event)
    single = {
        "image_count": "images",
        "audio_seconds": "audio_seconds",
        "duration": "duration_ms",
        "time_to_first_token": "time_to_first_token_ms",
        "quality_score": "quality_score",
    }
    if metric in single:
        value = event.get(single[metric])
        return None if value is None else Decimal(value)
    fields = {
        "input_tokens": ["input_tokens"],
        "output_tokens": ["output_tokens"],
        "cached_tokens": ["cache_read_tokens"],
    }.get(metric, TOKENS)
    counts = [event[field] for field in fields if event.get(field) is not None]
    return Decimal(sum(counts)) if counts else None


def intervals(rule, where, events, until):
    """Set of (group, severity, fired_at, resolved_at, value) of a rule; `where` as written in the rules file."""
    groups = {}
    for event in first_copies(events):
        amount = sample(rule.metric, event)
        if amount is not None and meets(event, where):
            group = json.dumps(
                {name: event.get(name) for name in sorted(rule.group_by)},
                separators=(",", ":"),
                ensure_ascii=False,
            )
            groups.setdefault(group, []).append((event["started_at"], amount, event.get("trace_id")))
    found = set()
    for group, samples in groups.items():
        for limit in rule.when:
            for crossed_at, resolved_at, value in runs(rule, limit, samples, until):
                fired_at = crossed_at + rule.persistence
                if fired_at > until or (resolved_at is not None and resolved_at <= fired_at):
                    continue
                found.add((group, limit.severity, fired_at, resolved_at, value))
    return found


def leaves(rule, start):
    """When an event of this start counts no more."""
    if rule.window is not None:
        return start + rule.window
    zone = ZoneInfo(rule.timezone)
    day = start.astimezone(zone).date()
    if rule.period == "day":
        day += timedelta(days=1)
    elif rule.period == "week":
        day += timedelta(days=7 - day.weekday())
    else:
        months = 1 if rule.period == "month" else 3 - (day.month - 1) % 3
        number = day.year * 12 + day.month - 1 + months
        day = date(number // 12, number % 12 + 1, 1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def runs(rule, limit, samples, until):
    if isinstance(rule, BudgetStep):
        return budget_runs(rule, samples, until)
    samples = [(start, leaves(rule, start), amount, trace) for start, amount, trace in samples]
    lags = [timedelta(), *earlier_windows(rule)]
    instants = {moment + lag for start, end, *_ in samples for moment in (start, end) for lag in lags}
    found, opened = [], None
    for moment in sorted(instants):
        if moment > until:
            break
        with localcontext(prec=80):
            is_firing, value = verdict(rule, limit, samples, moment)
        if is_firing and opened is None:
            opened = (moment, value)
        elif not is_firing and opened is not None:
            found.append((opened[0], moment, opened[1]))
            opened = None
    if opened is not None:
        found.append((opened[0], None, opened[1]))
    return found


def earlier_windows(rule):
    """How long before its own window those lie that a rule compares it with."""
    if isinstance(rule, AnomalySide):
        return [
            timedelta(days=7 * week, hours=hour) for week in range(1, rule.weeks + 1) for hour in (-1, 0, 1)
        ]
    return [rule.window] if rule.change else []


def verdict(rule, limit, samples, moment):
    """Whether the limit is crossed at a moment, and the value that says so."""
    now, exact, count = value_at(rule, samples, moment)
    least = 1 if isinstance(rule, AnomalySide) else rule.min_samples
    others = [value_at(rule, samples, moment - lag) for lag in earlier_windows(rule)]
    usual = [Fraction(value) for value, _, size in others if size >= least]
    if isinstance(rule, AnomalySide):
        if count < rule.min_samples or 2 * len(usual) < len(others):
            return False, now
        middle = median(usual)
        calls = sum(size for _, _, size in others)
        chance = Fraction(isqrt(NOISE * 10**8 * len(usual) // calls), 10**4)
        spread = max(
            Fraction("1.4826") * median(abs(one - middle) for one in usual),
            abs(middle) * max(chance, Fraction(1, LEAST_SPREAD)),
        )
        allowed = max(Fraction(rule.sensitivity) * spread, Fraction(rule.at_least))
        off = (Fraction(now) - middle) * (1 if rule.direction == "up" else -1)
        return allowed > 0 and off > allowed, now
    if rule.change:
        if count < rule.min_samples or not usual or (rule.change == "percent" and usual[0] <= 0):
            return False, None
        change = Fraction(now) - usual[0]
        if rule.change == "percent":
            change = change * 100 / usual[0]
        places = 6 if rule.change == "percent" else 12
        floored = Decimal(change * 10**places // 1).scaleb(-places)
        return COMPARE[limit.comparison](change, Fraction(limit.value)), floored
    return count >= rule.min_samples and COMPARE[limit.comparison](exact, limit.value), now


def value_at(rule, samples, moment):
    """The value of the window at a moment, rounded down to 1e-12 and exact, and how many samples or traces it holds."""
    window = [(amount, trace) for start, end, amount, trace in samples if start <= moment < end]
    count = len({trace for _, trace in window} if rule.metric == "cost_per_trace" else window)
    total = sum((amount for amount, _ in window), Decimal(0))
    if rule.metric[-4:-2] == "_p":
        place = -(-count * int(rule.metric[-2:]) // 100)
        exact = sorted(amount for amount, _ in window)[place - 1] if window else Decimal(0)
        return exact, exact, count
    divisor = Fraction(1)
    if rule.metric in AVERAGES:
        divisor = Fraction(count or 1)
    elif rule.metric.endswith("_per_minute"):
        divisor = Fraction(int(rule.window.total_seconds()), 60)
    exact = Fraction(total) / divisor
    return Decimal(exact * 10**12 // 1).scaleb(-12), exact, count


def begins(rule, start):
    """When the calendar period of this start began."""
    zone = ZoneInfo(rule.timezone)
    day = start.astimezone(zone).date()
    if rule.period == "week":
        day -= timedelta(days=day.weekday())
    elif rule.period == "month":
        day = day.replace(day=1)
    elif rule.period == "quarter":
        day = date(day.year, day.month - (day.month - 1) % 3, 1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def budget_runs(step, samples, until):
    """A step fires with the first call that reaches it, or whose pace is too high, and until the period ends."""
    periods = {}
    for start, amount, _ in samples:
        periods.setdefault(leaves(step, start), []).append((start, amount))
    found = []
    for end, calls in sorted(periods.items()):
        for moment in sorted({start for start, _ in calls}):
            value = sum((amount for start, amount in calls if start <= moment), Decimal(0))
            if step.percent is not None:
                has_fired = value * 100 >= step.budget * step.percent
            else:
                began = begins(step, moment)
                gone, whole = ((t - began) // timedelta(microseconds=1) for t in (moment, end))
                with localcontext(prec=80):
                    has_fired = gone * 10 >= whole and value * whole > step.budget * gone
                    value = (value * whole / gone).quantize(Decimal("1e-12"), ROUND_FLOOR) if gone else None
            if has_fired and moment <= until:
                found.append((moment, end if end <= until else None, value))
                break
    return found
