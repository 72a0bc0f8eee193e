"""`meterhouse alerts`: check the rules, try them on stored events, see the incidents, try a channel.

What belongs here: asking and answering. What does not: what any of it means (`meterhouse/alerts/`).
"""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.backtest import Backtest, backtest, limit_that_fires
from meterhouse.alerts.budgets import BudgetRule, BudgetStep
from meterhouse.alerts.delivery.channels import CHANNELS, open_channel
from meterhouse.alerts.delivery.contract import DeliveryError
from meterhouse.alerts.overview import newest_incidents
from meterhouse.alerts.rules import HEALTH_CHECKS, HealthRule, Rule
from meterhouse.alerts.rules_file import AnyRule, json_schema, load_all_rules, load_rules
from meterhouse.alerts.wording import group_text, plain_number, trial_message
from meterhouse.cli.output import (
    JsonFlag,
    errors_in_words,
    print_bars,
    print_json,
    print_table,
    progress,
    say,
)
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.settings import Settings

alerts_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Alert rules, the incidents they found, and whom they tell.",
)

RulesFile = Annotated[
    Path | None, typer.Option("--rules", help="The rules file, if not the one in METERHOUSE_RULES_FILE.")
]


@alerts_app.command("check")
@errors_in_words()
def check(
    rules: RulesFile = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the rules file's JSON Schema, for editors.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the rules file: one sentence with file and line per fault; exit code 1 if there is any."""
    if schema:
        print_json(json_schema())
        return
    found = load_all_rules(rules or Settings().rules_file)
    if as_json:
        print_json([rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in found])
        return
    print_table(
        ["rule", "metric", "window", "fires when", "by", "tells", "mode", "enforce"],
        [_in_force(rule) for rule in found],
        empty="The file is empty: nothing is watched. docs/alerts.md says how to write a rule.",
    )
    say(f"Rules in force: {len(found)}. No faults.")


def _in_force(rule: AnyRule) -> tuple[Any, ...]:
    """One line of `alerts check`."""
    watched: tuple[Any, ...]
    if isinstance(rule, HealthRule):
        watched = (rule.name, "health", None, f"{rule.severity}: {HEALTH_CHECKS[rule.health]}", None)
    elif isinstance(rule, BudgetRule):
        watched = (rule.name, "budget", rule.period_text, rule.steps_text, list(rule.group_by) or None)
    else:
        watched = (rule.name, rule.metric, rule.window_text, rule.fires_when, list(rule.group_by) or None)
    enforce = rule.enforce if isinstance(rule, Rule | BudgetRule) else None
    return (*watched, list(rule.notify) or None, rule.mode, enforce)


@alerts_app.command("list")
@errors_in_words()
def list_command(
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="How many incidents at most, newest first.")
    ] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Incidents, newest first, and what became of their messages."""
    found = newest_incidents(Settings(), limit)
    if as_json:
        print_json(found)
        return
    print_table(
        ["fired at", "until", "rule", "group", "severity", "value", "limit", "status", "messages"],
        [
            (
                incident["fired_at"],
                incident["resolved_at"],
                incident["rule"],
                group_text(incident["group"]),
                incident["severity"],
                incident["value"],
                incident["limit"],
                f"{incident['status']} (shadow)" if incident["is_shadow"] else incident["status"],
                [f"{sent['event']} {sent['channel']}: {sent['status']}" for sent in incident["messages"]]
                or None,
            )
            for incident in found
        ],
        empty="No incident so far. `meterhouse alerts check` says which rules are in force.",
    )
    problems = {
        sent["last_error"] for incident in found for sent in incident["messages"] if sent["last_error"]
    }
    for problem in sorted(problems):
        say(problem)


@alerts_app.command("send-test")
@errors_in_words()
def send_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help=f"One of: {', '.join(CHANNELS)}.")],
) -> None:
    """Send a test message to a channel, and say what the channel answered."""
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}.", f"Choose from {', '.join(CHANNELS)}.")
    try:
        with progress(f"Sending to {channel}"):
            open_channel(Settings(), channel)(trial_message(channel))
    except DeliveryError as error:
        raise MeterhouseError(str(error)) from None
    say(f"The channel {channel} took the message.")


@alerts_app.command("backtest")
@errors_in_words()
def backtest_command(
    name: Annotated[str, typer.Argument(metavar="RULE", help="Name of a rule in the rules file.")],
    first_day: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")],
    last_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day.")],
    rules: RulesFile = None,
    times: Annotated[
        int | None,
        typer.Option(
            "--fires-at-most", min=0, help="Also say which limit would have fired at most so often."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """When a rule would have fired, judged on the stored events; nothing is recorded and nobody is told.

    Example: `meterhouse alerts backtest average-cost-per-transaction --from 2026-11-01 --to 2026-11-30`
    """
    settings = Settings()
    found = [one for one in load_rules(rules or settings.rules_file) if one.name == name]
    if not found:
        raise UsageError(f"There is no rule {name!r}.", "`meterhouse alerts check` lists the rules in force.")
    if times is not None and isinstance(found[0], BudgetStep | AnomalySide):
        raise UsageError("--fires-at-most seeks a limit, and a rule of this kind has none.", "Leave it out.")
    days = (first_day.date(), last_day.date())
    runs = [backtest(settings, rule, *days) for rule in found]
    if as_json:
        print_json([_interval(run.rule, row) for run in runs for row in run.intervals.iter_rows(named=True)])
    else:
        for run in runs:
            _print_backtest(run)
    if times is not None:
        limit = limit_that_fires(settings, found[0], *days, times)
        which = f"A limit of {plain_number(limit)}" if limit is not None else "No limit that occurred"
        say(f"{which} would have fired at most {times} times.")


def _print_backtest(run: Backtest) -> None:
    print_table(
        ["fired at", "until", "group", "severity", "value", "limit", "first event"],
        [
            (
                row["fired_at"],
                row["resolved_at"],
                group_text(json.loads(row["group"])),
                row["severity"],
                plain_number(row["value"]),
                row["limit"],
                row["first_event_id"],
            )
            for row in run.intervals.iter_rows(named=True)
        ],
        empty=f"{run.rule.name} would not have fired.",
    )
    print_bars(
        ["day", "highest value", "fired"],
        [(str(day), highest, fired) for day, highest, fired in _by_day(run).iter_rows()],
    )
    say(f"Judged {run.event_count:,} events; {run.rule.name} would have fired {len(run.intervals)} times.")
    if not run.held.is_empty():
        cost = plain_number(Decimal(run.held["cost_usd"].sum()))
        say(f"As a control it would have held back at most {len(run.held):,} calls, which cost {cost} USD.")


def _by_day(run: Backtest) -> pl.DataFrame:
    """`day`, the highest value any group had on it, and how often the rule fired."""
    highest = run.values.group_by(pl.col("at").dt.date().alias("day")).agg(pl.col("value").max())
    fired = run.intervals.group_by(pl.col("fired_at").dt.date().alias("day")).agg(pl.len().alias("fired"))
    return highest.join(fired, on="day", how="left").with_columns(pl.col("fired").fill_null(0)).sort("day")


def _interval(rule: Rule, row: dict[str, Any]) -> dict[str, Any]:
    names = ("severity", "fired_at", "resolved_at", "value", "limit", "first_event_id")
    return {"rule": rule.name, "group": json.loads(row["group"])} | {name: row[name] for name in names}
