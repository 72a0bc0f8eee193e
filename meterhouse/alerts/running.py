"""Running sums: the sum of every rule's window for every group, at one instant, in memory.

From them and the few events that enter or leave around a time, the window just before that time is known exactly, so a
judgement costs what the new events touch, not what the windows hold. The sums are no truth of their own: they follow
from the remembered events (`batches.py`), are made anew when a process starts, and catch up with what other processes
judged. What belongs here: those sums, which event ids are known, and when the calls of traces were, where rules count
traces. What does not: judging (`judgement.py`).
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import TIME, period_end, samples
from meterhouse.alerts.traces import TRACE_SCHEMA, calls_of_traces, series_key, trace_rules
from meterhouse.alerts.windows import BEGINNING, OPENING_SCHEMA, SERIES, lanes, moves

MEMORY = timedelta(days=32)
"""Events are remembered this long whatever the rules, so that a new rule knows its month."""
FRAMES_BETWEEN_MERGES = 64
SAMPLES_AT_ONCE = 250_000

_WINDOW = [*SERIES, "lane", "period_end"]
_SUMMED = ["amount", "samples"]
_SUM_SCHEMA = pl.Schema(
    {
        "key": pl.UInt64(),
        "rule": pl.UInt32(),
        "group": pl.String(),
        "lane": pl.UInt8(),
        "period_end": TIME,
        "amount": pl.Int128(),
        "samples": pl.Int64(),
    }
)
_ID_SCHEMA = pl.Schema({"id": pl.UInt64(), "at": TIME})


class RunningSums:
    """The windows of some rules; hold `lock` from before a transaction begins until after it ended.

    When a transaction that used it fails, call `forget`.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = list(rules)
        self.reach = max([MEMORY, *(rule.reach for rule in self.rules)])
        """How long an event can matter to a rule."""
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next `catch_up` reads all that is remembered."""
        self.at = BEGINNING
        """The instant of the sums of rolling windows; those of calendar periods hold all of their period."""
        self._last_chunk = 0
        self._rewritten = -1
        self._forgotten = BEGINNING
        self._sums = [pl.DataFrame(schema=_SUM_SCHEMA)]
        self._ids = [pl.DataFrame(schema=_ID_SCHEMA)]
        self._traces = [pl.DataFrame(schema=TRACE_SCHEMA)]

    def catch_up(self, session: Session, now: datetime) -> None:
        """Take in what was judged since, by whichever process."""
        rewritten = batches.rewritten(session)
        if rewritten != self._rewritten:
            self.forget()
            self.at, self._rewritten = now, rewritten
        self._forgotten = batches.forgotten_until(session)
        for last_chunk, events in batches.stored_after(session, self._last_chunk):
            for part in self.parts(events):
                self._count(part, samples(self.rules, part))
            self._last_chunk = last_chunk

    def parts(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Events in portions that all the rules can look at at once in little memory."""
        return events.iter_slices(max(1, SAMPLES_AT_ONCE // max(1, len(self.rules))))

    def exchange(
        self, session: Session, added: pl.DataFrame, removed: pl.DataFrame, now: datetime
    ) -> pl.DataFrame:
        """Remember new events, and take out those of which another copy counts now, here and in the chunks.

        Returns:
            `rule`, `group` and `since`: the groups that this touches, and from when on.
        """
        entered, left = samples(self.rules, added), samples(self.rules, removed)
        if len(removed):
            batches.remove(session, removed)
            self._rewritten = batches.rewritten(session)
            gone = removed.select(_id(), at=pl.col("started_at"))
            self._ids = [pl.concat(self._ids).join(gone, on=["id", "at"], how="anti")]
            self._traces = [self.calls_of_traces().join(gone, on=["id", "at"], how="anti")]
            taken = ((0 - pl.col(name)).alias(name) for name in _SUMMED)
            self._add(self._inside(left).with_columns(*taken))
        if len(added):
            self._last_chunk = batches.store(session, added, now)
            self._count(added, entered)
        return pl.concat([entered, left]).group_by("rule", "group").agg(since=pl.col("at").min())

    def times_of_copies(self, events: pl.DataFrame) -> list[datetime]:
        """When the known events started that may bear an id of these; no other event does."""
        new = events.select(_id())["id"].implode()
        return pl.concat(self._ids).filter(pl.col("id").is_in(new))["at"].to_list()

    def groups(self) -> pl.DataFrame:
        """`rule` and `group` of all windows that hold something, and of some that held something lately."""
        return pl.concat(self._sums).select(SERIES).unique()

    def calls_of_traces(self) -> pl.DataFrame:
        """All known calls of traces, `traces.TRACE_SCHEMA`."""
        return pl.concat(self._traces)

    def openings(self, since: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
        """The windows of some groups just before a time.

        Args:
            since: `rule`, `group` and `since`.
            moved: All moves of these groups between `since` and `at`, in either order, both included, and for calendar
                periods all entries from `since` on.

        Returns:
            `OPENING_SCHEMA`, one row per row of `since`.
        """
        starts = with_period_ends(self.rules, since).join(lanes(self.rules), on="rule")
        keys = starts.select(series_key())["key"].unique().implode()
        known = pl.concat(self._sums).filter(pl.col("key").is_in(keys)).select(*_WINDOW, *_SUMMED)
        is_rolling = pl.col("period_end").is_null()
        is_left_out = is_rolling & (pl.col("at") > self.at) & (pl.col("at") < pl.col("since"))
        is_too_much = (pl.col("at") >= pl.col("since")) & (~is_rolling | (pl.col("at") <= self.at))
        sign = pl.when(is_left_out).then(1).when(is_too_much).then(-1).otherwise(0)
        between = moved.join(since, on=SERIES).select(
            *_WINDOW, pl.col("amount") * sign.cast(pl.Int128), pl.col("samples") * sign.cast(pl.Int64)
        )
        sums = pl.concat([known, between]).group_by(_WINDOW).agg(pl.col(_SUMMED).sum())
        found = starts.join(sums, on=_WINDOW, how="left", nulls_equal=True).with_columns(
            pl.col(_SUMMED).fill_null(0)
        )
        return self._counting_traces(found).select(OPENING_SCHEMA.names()).cast(OPENING_SCHEMA)

    def _counting_traces(self, openings: pl.DataFrame) -> pl.DataFrame:
        """Openings whose `samples` are traces, where the rule counts traces."""
        is_counted = pl.col("rule").is_in(trace_rules(self.rules))
        mine = openings.filter(is_counted).with_columns(series_key())
        if mine.is_empty():
            return openings
        before = pl.col("since") - pl.col("lag")
        is_inside = (pl.col("at") < before) & (pl.col("at") >= before - pl.col("window")).fill_null(True)
        counts = (
            mine.select("key", "lane", "period_end", "since", "lag", "window")
            .join(self.calls_of_traces(), on=["key", "period_end"], nulls_equal=True)
            .filter(is_inside)
            .group_by("key", "lane")
            .agg(pl.col("trace").n_unique().cast(pl.Int64).alias("traces"))
        )
        counted = mine.join(counts, on=["key", "lane"], how="left").with_columns(
            samples=pl.col("traces").fill_null(0)
        )
        return pl.concat([openings.filter(~is_counted), counted.select(openings.columns)])

    def advance(self, moved: pl.DataFrame, to: datetime) -> None:
        """Bring the sums to a later instant; `moved` holds all moves of every group up to it."""
        rolling = pl.col("period_end").is_null() & (pl.col("at") > self.at) & (pl.col("at") <= to)
        if to > self.at:
            self._add(moved.filter(rolling))
            self.at = to

    def _count(self, events: pl.DataFrame, found: pl.DataFrame) -> None:
        self._ids.append(events.select(_id(), at=pl.col("started_at")))
        if trace_rules(self.rules):
            self._traces.append(calls_of_traces(self.rules, found))
        self._add(self._inside(found))

    def _inside(self, found: pl.DataFrame) -> pl.DataFrame:
        """The moves of samples that the sums hold."""
        is_counted = pl.col("period_end").is_not_null() | (pl.col("at") <= self.at)
        return moves(self.rules, found).filter(is_counted)

    def _add(self, moved: pl.DataFrame) -> None:
        self._sums.append(_summed(moved.select(series_key(), *_WINDOW, *_SUMMED)))
        unmerged = sum(len(sums) for sums in self._sums[1:])
        if len(self._sums) > FRAMES_BETWEEN_MERGES or unmerged > max(SAMPLES_AT_ONCE, len(self._sums[0])):
            self._merge()

    def _merge(self) -> None:
        """Make one frame of them, without windows that are empty and periods of which events were forgotten."""
        is_over = (pl.col("period_end") <= self._forgotten).fill_null(False)
        self._sums = [_summed(pl.concat(self._sums)).filter(pl.col("samples") != 0, ~is_over)]
        self._ids = [pl.concat(self._ids, rechunk=True).filter(pl.col("at") > self._forgotten)]
        self._traces = [self.calls_of_traces().rechunk().filter(pl.col("at") > self._forgotten)]


def with_period_ends(rules: Sequence[Rule], since: pl.DataFrame) -> pl.DataFrame:
    """Add the end of the calendar period that holds `since`, null for rolling windows."""
    ends = pl.lit(None, dtype=TIME)
    for numbers in _calendars(rules).values():
        is_one = pl.col("rule").is_in(numbers)
        ends = pl.when(is_one).then(period_end(rules[numbers[0]], pl.col("since"))).otherwise(ends)
    return since.with_columns(ends.alias("period_end"))


def _summed(sums: pl.DataFrame) -> pl.DataFrame:
    """One row per rule, group, lane and period."""
    return sums.group_by("key", *_WINDOW).agg(pl.col(_SUMMED).sum())


def _calendars(rules: Sequence[Rule]) -> dict[tuple[str, str], list[int]]:
    """Places of the rules of each calendar period and time zone."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, rule in enumerate(rules):
        if rule.period is not None:
            found.setdefault((rule.period, rule.timezone), []).append(number)
    return found


def _id() -> pl.Expr:
    """A hash of the event id, to look events up by: what it finds too much is told apart afterwards."""
    return pl.col("event_id").hash().alias("id")
