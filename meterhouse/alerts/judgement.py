"""Judging: what new events, and the passing of time, do to the incidents.

Events of a group change nothing before the first of them. So a judgement starts there, from the windows just before
(`running.py`) and the state on record, and follows the group exactly from then on, through the events that entered or
left since; everything it finds (events, incidents, messages) commits in the caller's one transaction. What belongs
here: which groups to judge from when, and which events that needs. What does not: files (`judge.py`), the evaluation
(`evaluate.py`), the comparison with incidents (`incidents.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import polars as pl
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.batches import Span
from meterhouse.alerts.evaluate import fired, persistence, verdicts
from meterhouse.alerts.incidents import Change, reconcile, remind, withdraw
from meterhouse.alerts.metrics import EVENT_COLUMNS
from meterhouse.alerts.record import on_record, open_groups, standing
from meterhouse.alerts.rule_parts import MAX_REACH
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.running import RunningSums, with_period_ends
from meterhouse.alerts.samples import TIME, deduplicate, period_start, samples
from meterhouse.alerts.traces import counting_traces
from meterhouse.alerts.windows import BEGINNING, moves, steps
from meterhouse.control.database import take_turns

_INSTANT = timedelta(microseconds=1)
"""Resolution of event times."""
_FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST_LOOK_BACK = timedelta(minutes=5)
_CROSSING = ["rule", "group", "crossed_at"]


def judge(
    session: Session, running: RunningSums, file_url: str, events: pl.DataFrame, now: datetime
) -> list[Change]:
    """Judge the events of one file, once: a file that was judged before changes nothing.

    Args:
        session: Control database; the caller commits.
        running: The windows of all rules in force.
        file_url: The file, relative to the landing zone.
        events: Its priced events, with at least `metrics.EVENT_COLUMNS`.
        now: Time of the judgement (UTC); events dated later are judged when their time has come.
    """
    take_turns(session, "alerts")
    if batches.judged(session, [file_url]):
        return []
    running.catch_up(session, now)
    if batches.silence_judged_until(session) == BEGINNING:
        batches.remember_silence(session, now)
    batches.note_judged(session, file_url, len(events), now)
    changes = withdraw(session, running.rules, now)
    for part in running.parts(deduplicate(events.select(EVENT_COLUMNS)).sort("started_at")):
        added, removed = _settled(session, running, part)
        since = running.exchange(session, added, removed, now)
        changes += _judge_groups(session, running, since, now)
    batches.forget(session, running.reach, now)
    return changes


def judge_silence(session: Session, running: RunningSums, now: datetime) -> list[Change]:
    """Judge what the passing of time changed in every group: expired events, and events dated ahead of their file.

    Args:
        session: Control database; the caller commits.
        running: The windows of all rules in force.
        now: Time of the judgement (UTC).
    """
    take_turns(session, "alerts")
    running.catch_up(session, now)
    changes = withdraw(session, running.rules, now)
    for rule in batches.newly_judged(session, running.rules):
        changes += _judge_from_memory(session, rule, now)
    start = batches.silence_judged_until(session)
    if start == BEGINNING:
        batches.remember_silence(session, now)
    elif start < now:
        moved = _moves(
            session,
            running.rules,
            _span(running, _earlier(start, _longest_persistence(running.rules)), now),
        )
        waiting = pl.lit(start, dtype=TIME) - pl.col("persistence")
        stirred = (
            moved.join(persistence(running.rules), on="rule")
            .filter(pl.col("at") > waiting, pl.col("at") <= now)
            .select("rule", "group")
        )
        since = pl.concat([stirred, _at_period_end(session, running.rules, start, now)]).unique()
        since = since.with_columns(pl.lit(start + _INSTANT, dtype=TIME).alias("since"))
        changes += _judge_groups(session, running, since, now, moved)
        running.advance(moved, now)
        batches.remember_silence(session, now)
    remind(session, running.rules, now)
    return changes


def _judge_from_memory(session: Session, rule: Rule, now: datetime) -> list[Change]:
    """Judge a rule that is new, or was changed, on what is remembered: one window back, or its current period."""
    running = RunningSums([rule])
    running.catch_up(session, now)
    at = pl.lit(now, dtype=TIME)
    start = period_start(rule, at) if rule.window is None else at - pl.lit(rule.window)
    since = running.groups().with_columns(start.alias("since"))
    return _judge_groups(session, running, since, now)


def _judge_groups(
    session: Session,
    running: RunningSums,
    since: pl.DataFrame,
    now: datetime,
    moved: pl.DataFrame | None = None,
) -> list[Change]:
    """Judge groups, each from its own `since` on, none from before the time from which all events are known."""
    rules = running.rules
    since = since.filter(pl.col("since") <= now)
    since = _within_memory(rules, _earlier_by_persistence(rules, since), batches.forgotten_until(session))
    since = since.filter(pl.col("since") <= now)
    if since.is_empty():
        return []
    if moved is None:
        moved = _moves(session, rules, _span(running, cast(datetime, since["since"].min()), now))
    moved = moved.join(since, on=["rule", "group"], how="semi")
    openings = running.openings(since, moved)
    stepped = steps(counting_traces(rules, moved, running.calls_of_traces()), openings, now)
    rows = on_record(session, rules, since)
    before, load = standing(rules, rows, since), partial(batches.load, session)
    found = _named(session, rules, fired(rules, verdicts(rules, stepped), before, now, load))
    return reconcile(session, rules, found, since, rows, now)


def _settled(
    session: Session, running: RunningSums, events: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those of a file's events that count, and those that counted until now and do not any more."""
    times = running.times_of_copies(events)
    if not times:
        return events, events.clear()
    known = batches.load(session, [(time, time) for time in times])
    known = known.filter(pl.col("event_id").is_in(events["event_id"].implode()))
    copies = pl.concat(
        [frame.with_columns(is_new=pl.lit(is_new)) for frame, is_new in ((known, False), (events, True))]
    )
    winners = deduplicate(copies)
    lost = known.join(winners.filter("is_new"), on="event_id", how="semi")
    return winners.filter("is_new").drop("is_new"), lost


def _span(running: RunningSums, start: datetime, now: datetime) -> Span:
    """From `start` to now, and on to the instant of the running sums on either side."""
    return min(start, running.at), max(now, running.at)


def _moves(session: Session, rules: Sequence[Rule], span: Span) -> pl.DataFrame:
    """All that enters or leaves a window in a span of time, and whatever is dated ahead of it."""
    start, end = span
    delays = {
        lag + extra
        for rule in rules
        for lag in rule.lags
        for extra in (timedelta(), rule.window or timedelta())
    }
    spans = [(_earlier(start, delay), _earlier(end, delay)) for delay in delays if delay]
    moved = moves(rules, samples(rules, batches.load(session, [(start, _FOREVER), *spans])))
    return moved.filter(pl.col("at") >= start, pl.col("period_end").is_not_null() | (pl.col("at") <= end))


def _at_period_end(session: Session, rules: Sequence[Rule], start: datetime, now: datetime) -> pl.DataFrame:
    """Groups with an open incident whose calendar period ended since `start`: `rule`, `group`."""
    ended = with_period_ends(
        rules,
        pl.DataFrame({"rule": range(len(rules)), "since": start}, schema={"rule": pl.UInt32, "since": TIME}),
    ).filter(pl.col("period_end") <= now)
    return open_groups(session, rules).join(ended, on="rule", how="semi")


def _earlier_by_persistence(rules: Sequence[Rule], since: pl.DataFrame) -> pl.DataFrame:
    """Begin earlier by as long as a limit must stay crossed: what crossed it then may fire only now."""
    return since.join(persistence(rules), on="rule").select(
        "rule", "group", (pl.col("since") - pl.col("persistence")).alias("since")
    )


def _within_memory(rules: Sequence[Rule], since: pl.DataFrame, floor: datetime) -> pl.DataFrame:
    """Judge no window that holds an event which was forgotten, or may: begin with the first that does not."""
    if floor == BEGINNING:
        return since
    known = pl.DataFrame(
        {"rule": range(len(rules)), "since": floor, "reach": [rule.reach for rule in rules]},
        schema={"rule": pl.UInt32, "since": TIME, "reach": pl.Duration("us")},
    )
    first = with_period_ends(rules, known).select(
        "rule", first=pl.coalesce("period_end", pl.col("since") + pl.col("reach") + _INSTANT)
    )
    return since.join(first, on="rule").select(
        "rule", "group", pl.max_horizontal("since", "first").alias("since")
    )


def _named(session: Session, rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """Give intervals that began as an event left their newest event: it entered before what was looked at."""
    is_nameless = pl.col("fired_at").is_not_null() & pl.col("first_event_id").is_null()
    crossed = found.join(persistence(rules), on="rule").with_columns(
        (pl.col("fired_at") - pl.col("persistence")).alias("crossed_at")
    )
    sought = crossed.filter(is_nameless).select(*_CROSSING).unique()
    if sought.is_empty():
        return found
    return (
        crossed.join(_newest(session, rules, sought), on=_CROSSING, how="left")
        .with_columns(
            pl.coalesce("first_event_id", "event_id").alias("first_event_id"),
            pl.when(is_nameless).then("newest_trace_id").otherwise("trace_id").alias("trace_id"),
        )
        .select(found.columns)
    )


def _newest(session: Session, rules: Sequence[Rule], sought: pl.DataFrame) -> pl.DataFrame:
    """The newest event of each rule and group before `crossed_at`, looking back further and further."""
    first, end = cast(Span, (sought["crossed_at"].min(), sought["crossed_at"].max()))
    look_back, found = _FIRST_LOOK_BACK, []
    while len(sought) and look_back < 2 * MAX_REACH:
        entered = samples(rules, batches.load(session, [(_earlier(first, look_back), end)]))
        hits = (
            sought.join(entered.rename({"trace_id": "newest_trace_id"}), on=["rule", "group"])
            .filter(pl.col("at") <= pl.col("crossed_at"))
            .sort("at", "event_id", descending=[True, False])
            .unique(_CROSSING, keep="first", maintain_order=True)
            .select(*_CROSSING, "event_id", "newest_trace_id")
        )
        found.append(hits)
        sought = sought.join(hits, on=_CROSSING, how="anti")
        look_back *= 2
    return pl.concat(found)


def _longest_persistence(rules: Sequence[Rule]) -> timedelta:
    return max((rule.persistence for rule in rules), default=timedelta())


def _earlier(time: datetime, by: timedelta) -> datetime:
    return time - by if time - BEGINNING > by else BEGINNING
