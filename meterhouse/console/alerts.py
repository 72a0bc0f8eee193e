"""The page of alerts: incidents, the rules in force, what was delivered, a backtest, a message to try a channel.

What does not belong here: when a rule fires (`meterhouse/alerts/`). Rules are changed in their file, not here.
"""

import json
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from meterhouse.alerts import overview
from meterhouse.alerts.anomalies import AnomalyRule
from meterhouse.alerts.backtest import backtest
from meterhouse.alerts.budgets import BudgetRule
from meterhouse.alerts.controls import in_force
from meterhouse.alerts.delivery.channels import CHANNELS, open_channel
from meterhouse.alerts.delivery.contract import DeliveryError
from meterhouse.alerts.rules import HEALTH_CHECKS, HealthRule, Rule
from meterhouse.alerts.rules_file import AnyRule, RulesError, load_all_rules, load_rules
from meterhouse.alerts.wording import group_text, plain_number, trial_message
from meterhouse.console.periods import period_of
from meterhouse.console.web import Done, Visit, action, page
from meterhouse.errors import MeterhouseError, UsageError

_HERE = "/alerts"
_INCIDENTS = 200
_MESSAGES = 100
_BACKTEST_DAYS = 7


def routes() -> list[Route]:
    """The pages and the action."""
    return [
        page(_HERE, _alerts),
        page(f"{_HERE}/backtest", _backtest),
        action(
            f"{_HERE}/send-test", "sent a test message", _send_test, lambda visit: visit.fields.get("channel")
        ),
    ]


def _alerts(visit: Visit) -> Response:
    incidents = [
        incident | {"group": group_text(incident["group"])}
        for incident in overview.newest_incidents(visit.settings, _INCIDENTS)
    ]
    rules, faults = _rules(visit)
    return visit.page(
        "alerts.html",
        firing=[incident for incident in incidents if incident["status"] == "firing"],
        ended=[incident for incident in incidents if incident["status"] != "firing"],
        rules=[rule for rule in rules if isinstance(rule, Rule | AnomalyRule)],
        budgets=[rule for rule in rules if isinstance(rule, BudgetRule)],
        health_rules=[(rule, HEALTH_CHECKS[rule.health]) for rule in rules if isinstance(rule, HealthRule)],
        holds=_holds(visit),
        faults=faults,
        rules_file=visit.settings.rules_file,
        judged_at=overview.last_judged_at(visit.settings),
        messages=overview.newest_messages(visit.settings, _MESSAGES),
        channels=tuple(CHANNELS),
    )


def _rules(visit: Visit) -> tuple[list[AnyRule], list[str]]:
    """The rules in force, or what is wrong with their file."""
    try:
        return load_all_rules(visit.settings.rules_file), []
    except RulesError as error:
        return [], error.faults


def _holds(visit: Visit) -> list[dict[str, Any]]:
    """The groups that cost controls hold back now; none where the rules are wrong, which is said elsewhere."""
    try:
        controls = in_force(visit.settings, datetime.now(UTC))
    except RulesError:
        return []
    return [
        vars(hold) | {"rule": control.rule.name, "group": group_text(hold.group)}
        for control in controls
        for hold in control.holds
    ]


def _backtest(visit: Visit) -> Response:
    name, period = visit.asked("rule"), period_of(visit, _BACKTEST_DAYS)
    rule = next((one for one in load_rules(visit.settings.rules_file) if one.name == name), None)
    if rule is None:
        raise UsageError(f"There is no rule {name!r}.", "The page of alerts lists those in force.")
    run = backtest(visit.settings, rule, period.first, period.last)
    return visit.page(
        "backtest.html",
        rule=rule,
        period=period,
        today=datetime.now(UTC).date(),
        event_count=run.event_count,
        intervals=[_interval(row) for row in run.intervals.iter_rows(named=True)],
    )


def _interval(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"group": group_text(json.loads(row["group"])), "value": plain_number(row["value"])}


def _send_test(visit: Visit) -> Done:
    channel = visit.required("channel")
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}.", f"Choose from {', '.join(CHANNELS)}.")
    try:
        open_channel(visit.settings, channel)(trial_message(channel))
    except DeliveryError as error:
        raise MeterhouseError(str(error)) from None
    return Done(f"The channel {channel} took the message.", _HERE)
