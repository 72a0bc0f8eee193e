"""From landing zone to message: finds the event files that were not judged yet, judges each, delivers the outbox.

Reads files and the control database only, never the warehouse. What belongs here: that walk, and the watch loop of
the sensor. What does not: what a judgement does (`judgement.py`) and how files are read and priced (`events/`,
`pricing/`).
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import polars as pl
import pyarrow.fs as pafs
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.health import judge_health
from meterhouse.alerts.incidents import Change
from meterhouse.alerts.judgement import judge, judge_silence
from meterhouse.alerts.outbox import deliver
from meterhouse.alerts.rules_file import RulesError, load_health_rules, load_rules
from meterhouse.alerts.running import RunningSums
from meterhouse.control.database import reading, session
from meterhouse.errors import MeterhouseError
from meterhouse.events.landing import (
    LandingFile,
    LandingZone,
    LandingZoneError,
    list_files,
    open_landing_zone,
)
from meterhouse.events.reader import read_landing_file
from meterhouse.pricing.book import PriceBook
from meterhouse.pricing.overrides_file import OverridesError
from meterhouse.pricing.price import price_events
from meterhouse.pricing.versions import current_book, versions_folder
from meterhouse.settings import Settings

SILENCE_SECONDS = 5.0
"""How often groups without new events are judged."""
RETRY_SECONDS = 2.0
"""How soon a file that could not be read, or may still be arriving, is looked at again."""
REMOTE_POLL_SECONDS = 1.0
"""An object store is listed no more often than this."""

logger = logging.getLogger(__name__)


@dataclass
class Judgement:
    """What was judged and what came of it; `problems` holds one sentence per thing that stood in the way."""

    file_count: int = 0
    event_count: int = 0
    changes: list[Change] = field(default_factory=list)
    sent_count: int = 0
    problems: dict[str, None] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line: what was judged, what fired."""
        events = Counter(change.event for change in self.changes)
        fired = dict.fromkeys(change.rule for change in self.changes if change.event == "fired")
        counts = [f"{count} {event}" for event, count in sorted(events.items())] or ["nothing fired"]
        names = f" ({', '.join(fired)})" if fired else ""
        parts = [
            f"judged {self.file_count} files, {self.event_count} events",
            f"{', '.join(counts)}{names}",
            f"{self.sent_count} messages sent",
            *self.problems,
        ]
        return "; ".join(parts)


@dataclass(frozen=True)
class _Bench:
    """What judging needs, opened once per watch; `not_before` says when a file is worth another look."""

    settings: Settings
    running: RunningSums
    book: PriceBook
    zone: LandingZone
    rules_stamp: list[int | None]
    done: set[str] = field(default_factory=set)
    not_before: dict[str, float] = field(default_factory=dict)


def judge_new_files(settings: Settings) -> Judgement:
    """Judge every event file that was not judged yet, then what time has changed, then deliver.

    Raises:
        RulesError: The rules file is wrong.
        OverridesError: The price overrides are wrong.
        LandingZoneError: The landing zone cannot be used.
        ControlDatabaseError: The control database cannot be used.
    """
    outcome = Judgement()
    if settings.rules_file.exists():
        bench = _open(settings)
        for file in _unjudged(bench, list_files(bench.zone)):
            _judge_file(bench, file, outcome)
        _judge_silence(bench, outcome)
        _judge_health(bench, outcome)
    else:
        _note(outcome, f"there is no rules file {settings.rules_file}")
    _deliver(settings, outcome)
    return outcome


def watch(settings: Settings, seconds: float, poll_seconds: float = 0.1) -> Judgement:
    """For some seconds, judge each event file as it lands and deliver its messages; any number may watch at once.

    Files of the current and the last hour come first, older ones that were never judged in between. Nothing that goes
    wrong with one file, the landing zone or a channel ends the watch; a change of the rules or of prices does.

    Args:
        settings: Where the installation lives.
        seconds: How long to watch.
        poll_seconds: Pause between two looks at a landing zone on a folder.

    Returns:
        What was judged, what changed, what stood in the way; as text, one line.
    """
    outcome = Judgement()
    try:
        bench = _open(settings) if settings.rules_file.exists() else None
    except (RulesError, OverridesError, LandingZoneError) as error:
        _note(outcome, str(error))
        _deliver(settings, outcome)
        return outcome
    if bench is None:
        _note(outcome, f"there is no rules file {settings.rules_file}")
        _deliver(settings, outcome)
        return outcome
    _watch(bench, outcome, time.monotonic() + seconds, poll_seconds)
    return outcome


def _watch(bench: _Bench, outcome: Judgement, deadline: float, poll_seconds: float) -> None:
    is_local = isinstance(bench.zone.filesystem, pafs.LocalFileSystem)
    pause = poll_seconds if is_local else max(poll_seconds, REMOTE_POLL_SECONDS)
    backlog = _look(bench, None, outcome)
    next_silence = 0.0
    _judge_health(bench, outcome)
    while True:
        for file in _look(bench, _recent_hours(), outcome):
            _judge_file(bench, file, outcome)
            _deliver(bench.settings, outcome)
        if time.monotonic() >= next_silence:
            _judge_silence(bench, outcome)
            next_silence = time.monotonic() + SILENCE_SECONDS
        _deliver(bench.settings, outcome)
        if time.monotonic() >= deadline or _rules_stamp(bench.settings) != bench.rules_stamp:
            return
        if backlog:
            _judge_file(bench, backlog.pop(0), outcome)
        else:
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))


def _open(settings: Settings) -> _Bench:
    stamp = _rules_stamp(settings)
    running = _running_sums(settings.control_database_url, settings.rules_file, stamp[0])
    book = current_book(settings)
    return _Bench(settings, running, book, open_landing_zone(settings), stamp)


@lru_cache(maxsize=2)
def _running_sums(control_url: str, rules_file: Path, changed_at: int | None) -> RunningSums:  # noqa: ARG001
    """The windows of the rules, kept from one watch to the next and shared by all that watch in this process."""
    return RunningSums(load_rules(rules_file))


@contextmanager
def _judging(bench: _Bench) -> Iterator[Session]:
    """One writing transaction, and the running sums to oneself; those are made anew when it fails."""
    with bench.running.lock:
        try:
            with session(bench.settings) as transaction:
                yield transaction
        except BaseException:
            bench.running.forget()
            raise


def _rules_stamp(settings: Settings) -> list[int | None]:
    """When the rules file, the price overrides and the price book were last changed; None for what is not there."""
    files = (settings.rules_file, settings.price_overrides_file, versions_folder(settings))
    return [file.stat().st_mtime_ns if file is not None and file.exists() else None for file in files]


def _recent_hours() -> list[str]:
    now = datetime.now(UTC)
    return [f"{hour:%Y-%m-%dT%H}" for hour in (now - timedelta(hours=1), now)]


def _look(bench: _Bench, partitions: list[str] | None, outcome: Judgement) -> list[LandingFile]:
    """Unjudged files of some hours, or of all."""
    try:
        if partitions is None:
            return _unjudged(bench, list_files(bench.zone))
        return _unjudged(bench, [file for hour in partitions for file in list_files(bench.zone, hour)])
    except LandingZoneError as error:
        _note(outcome, str(error))
        return []


def _unjudged(bench: _Bench, files: list[LandingFile]) -> list[LandingFile]:
    now = time.monotonic()
    fresh = [
        file for file in files if file.url not in bench.done and bench.not_before.get(file.url, 0.0) <= now
    ]
    if not fresh:
        return []
    with reading(bench.settings) as transaction:
        bench.done.update(batches.judged(transaction, (file.url for file in fresh)))
    return [file for file in fresh if file.url not in bench.done]


def _judge_file(bench: _Bench, file: LandingFile, outcome: Judgement) -> None:
    """Judge one file in one transaction; whatever is wrong with it is noted and holds up no other file."""
    if file.url in bench.done:
        return
    try:
        now = datetime.now(UTC)
        found = read_landing_file(bench.zone, file, bench.settings.settle_seconds, now)
        if found.waiting_for is not None:
            bench.not_before[file.url] = time.monotonic() + RETRY_SECONDS
            return
        events = price_events(pl.DataFrame(found.events), bench.book)
        with _judging(bench) as transaction:
            changes = judge(transaction, bench.running, file.url, events, now)
    except Exception as error:
        bench.not_before[file.url] = time.monotonic() + RETRY_SECONDS
        logger.debug("judging %s failed", file.url, exc_info=True)
        _note(outcome, f"{file.url} could not be judged and will be tried again: {_first_line(error)}")
        return
    bench.done.add(file.url)
    outcome.file_count += 1
    outcome.event_count += len(events)
    outcome.changes += changes


def _judge_silence(bench: _Bench, outcome: Judgement) -> None:
    with _judging(bench) as transaction:
        outcome.changes += judge_silence(transaction, bench.running, datetime.now(UTC))


def _judge_health(bench: _Bench, outcome: Judgement) -> None:
    """Look at the pipeline itself; what stands in the way of that holds up no event."""
    rules = load_health_rules(bench.settings.rules_file)
    try:
        outcome.changes += judge_health(bench.settings, rules, datetime.now(UTC))
    except MeterhouseError as error:
        _note(outcome, error.message)


def _deliver(settings: Settings, outcome: Judgement) -> None:
    delivery = deliver(settings)
    outcome.sent_count += delivery.sent_count
    for error in delivery.errors:
        _note(outcome, error)


def _note(outcome: Judgement, sentence: str) -> None:
    if sentence not in outcome.problems:
        logger.warning("alerts: %s", sentence)
        outcome.problems[sentence] = None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}"
