"""Judging: what new events, and the passing of time, do to the incidents.

Events of a group change nothing before the first of them. So a judgement starts there, from the state on record, and
evaluates the group's windows exactly from then on; everything it finds (batch, incidents, messages) commits in the
caller's one transaction. What belongs here: which groups to judge from when. What does not: files (`judge.py`), the
evaluation (`evaluate.py`), the comparison with incidents (`incidents.py`).
"""

from datetime import datetime, timedelta
from typing import cast

import polars as pl
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.evaluate import evaluate, group_key, matches
from meterhouse.alerts.incidents import Change, reconcile, standing, withdraw
from meterhouse.alerts.rules import Rule
from meterhouse.control.database import take_turns

_INSTANT = timedelta(microseconds=1)
"""Resolution of event times."""


def judge(
    session: Session, rules: list[Rule], file_url: str, events: pl.DataFrame, now: datetime
) -> list[Change]:
    """Judge the events of one file, once: a file that was judged before changes nothing.

    Args:
        session: Control database; the caller commits.
        rules: All rules in force.
        file_url: The file, relative to the landing zone.
        events: Its priced events, with at least `metrics.EVENT_COLUMNS`.
        now: Time of the judgement (UTC); events dated later are judged when their time has come.
    """
    take_turns(session, "alerts")
    if batches.judged(session, [file_url]):
        return []
    batches.store(session, file_url, events, now)
    changes = withdraw(session, rules, now)
    if rules and len(events):
        new_ids = events["event_id"].unique()
        known = _with_context(session, events, new_ids, _longest_window(rules))
        copies = known.filter(pl.col("event_id").is_in(new_ids.implode()))
        floor = batches.forgotten_until(session)
        for rule in rules:
            since = _grouped(rule, copies).group_by("group").agg(since=pl.col("started_at").min())
            changes += _judge_rule(session, rule, known, since, floor, now)
    batches.forget(session, _longest_window(rules), now)
    return changes


def judge_silence(session: Session, rules: list[Rule], now: datetime) -> list[Change]:
    """Judge what the passing of time changed in every group: expired events, and events dated ahead of their file.

    Args:
        session: Control database; the caller commits.
        rules: All rules in force.
        now: Time of the judgement (UTC).
    """
    take_turns(session, "alerts")
    changes = withdraw(session, rules, now)
    start = batches.silence_judged_until(session)
    if rules and start < now:
        known = batches.load(session, _earlier(start, _longest_window(rules)))
        floor = batches.forgotten_until(session)
        for rule in rules if len(known) else []:
            groups = _grouped(rule, known).select("group").unique()
            since = groups.with_columns(pl.lit(start + _INSTANT).alias("since"))
            changes += _judge_rule(session, rule, known, since, floor, now)
    batches.remember_silence(session, now)
    return changes


def _judge_rule(
    session: Session, rule: Rule, known: pl.DataFrame, since: pl.DataFrame, floor: datetime, now: datetime
) -> list[Change]:
    """Judge some groups of one rule, none from before the time from which all events are known."""
    if since.is_empty():
        return []
    if floor > batches.BEGINNING:
        since = since.with_columns(pl.max_horizontal("since", pl.lit(floor + rule.window + _INSTANT)))
    before = standing(session, rule, since)
    return reconcile(session, rule, evaluate(rule, known, now, before), before, now)


def _grouped(rule: Rule, events: pl.DataFrame) -> pl.DataFrame:
    """`group` and `started_at` of the events that the rule looks at."""
    return events.filter(matches(rule)).select(group_key(rule).alias("group"), "started_at")


def _with_context(
    session: Session, events: pl.DataFrame, new_ids: pl.Series, reach: timedelta
) -> pl.DataFrame:
    """All events that a window touched by the new ones can hold.

    A new copy of a known event may replace it (the first received stands), so windows around that one are touched too.
    Copies that start further apart than the longest window are not recognised as copies here, only in the warehouse.
    """
    start = _earliest(events)
    while True:
        known = batches.load(session, _earlier(start, reach))
        earliest = _earliest(known.filter(pl.col("event_id").is_in(new_ids.implode())))
        if earliest >= start:
            return known
        start = earliest


def _earliest(events: pl.DataFrame) -> datetime:
    return cast(datetime, events["started_at"].min())


def _longest_window(rules: list[Rule]) -> timedelta:
    return max((rule.window for rule in rules), default=timedelta())


def _earlier(time: datetime, by: timedelta) -> datetime:
    return time - by if time - batches.BEGINNING > by else batches.BEGINNING
