"""One run of the real pipeline through files with faults, killed again and again, held against what is true.

What belongs here: landing, killing, building, and the comparison of marts, rejects and alerts with the truth, fault by
fault. What does not: which faults there are (`registry.py`), and what stands in the files (`planting.py`).
"""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
from pydantic import SecretStr
from sqlalchemy import select

from meterhouse.alerts.judge import judge_new_files
from meterhouse.control.database import reading
from meterhouse.control.tables import IncidentRow, LandingFileRow, OutboxRow
from meterhouse.events.landing import open_landing_zone
from meterhouse.events.load import partitions_with_new_files
from meterhouse.refresh import build
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment
from tests.alerts.world import slack
from tests.faults.planting import PLANTERS, Plan, Planted, plan
from tests.killing import killed_at

RULES = """\
- {name: dear-call, metric: total_cost, window: 1h, group_by: [agent], when: "> 5", notify: [slack]}
"""
COPY = "dlt.destinations.impl.duckdb.duck:DuckDbCopyJob.run"
LOAD_KILLS = {
    ("dlt:Pipeline.extract", "after"): 1,
    ("dlt:Pipeline.normalize", "after"): 2,
    (COPY, "before"): 3,
    ("dlt:Pipeline.load", "after"): 4,
    (COPY, "after"): 5,
    ("meterhouse.events.load:spool_file", "after"): 1,
    ("dlt:Pipeline.load", "before"): 2,
    ("meterhouse.events.ledger:record", "before"): 4,
    ("meterhouse.events.ledger:record", "after"): 4,
}
"""The fault of each step at which a load is killed."""
BUILD_KILLS = {
    ("dbt.adapters.sql.connections:SQLConnectionManager.add_query", "before", 60): 6,
    ("meterhouse.warehouse.publish:os.replace", "before", 1): 7,
    ("meterhouse.warehouse.publish:os.replace", "after", 1): 7,
}
"""Likewise of each step at which a build is killed: also at its how many-th call."""


@dataclass
class Found:
    """What one run did to one fault's events; every count but `injections`, `sent` and `landed` should be nothing."""

    injections: int = 0
    sent: int = 0
    landed: int = 0
    lost: int = 0
    doubled: int = 0
    money_error_usd: Decimal = Decimal(0)
    wrong_costs: int = 0
    changed: int = 0
    rejects_missing: int = 0
    rejects_unexpected: int = 0
    alerts_lost: int = 0
    alerts_repeated: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled, changed or told wrongly."""
        return not any(
            (
                self.lost, self.doubled, self.money_error_usd, self.wrong_costs, self.changed, self.rejects_missing,
                self.rejects_unexpected, self.alerts_lost, self.alerts_repeated,
            )
        )  # fmt: skip


@dataclass
class Run:
    """What one run showed: per fault, and in sentences what is wrong with the whole."""

    seed: int
    again: Callable[[], "Run"]
    """Compares anew what is published now."""
    by_fault: dict[int, Found] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every promise held."""
        return not self.wrong and all(found.holds for found in self.by_fault.values())


def simulate(
    settings: Settings,
    seed: int,
    *,
    faults: Iterable[int] = tuple(PLANTERS),
    load_kills: int = len(LOAD_KILLS),
    build_kills: Iterable[tuple[str, str, int]] = tuple(BUILD_KILLS),
    last_run: Callable[[Settings], object] = build,
) -> Run:
    """Land, kill, land more, kill again, and run once: that first whole run must end in the truth.

    Args:
        settings: An installation; what it holds already is left out of the comparison.
        seed: Decides what stands in the files and when what is killed.
        faults: Which of `PLANTERS` to inject.
        load_kills: How many loads are killed.
        build_kills: Which builds are killed.
        last_run: Loads, builds and publishes.
    """
    folder = settings.home_path.parent
    outside, rules = folder / "outside.jsonl", folder / "rules.yaml"
    outside.write_text('{"event_id": "from outside"}\n')
    rules.write_text(RULES)
    planted = plan(seed, datetime.now(UTC), outside, faults)
    before = _Before(settings)
    chance = random.Random(seed)
    steps = chance.sample(sorted(LOAD_KILLS), load_kills)
    half = (len(steps) + 1) // 2
    with slack() as receiver:
        installed = settings.model_copy(
            update={"rules_file": rules, "slack_webhook_url": SecretStr(receiver.url)}
        )
        for files, kills in ((planted.first, steps[:half]), (planted.later, steps[half:])):
            chance.shuffle(files)
            _land(installed, files, kills)
        for kill in build_kills:
            killed_at(kill[0], ["build"], installed, *kill[1:])
        last_run(installed)
        judge_new_files(installed)
        killed = [*(LOAD_KILLS[step] for step in steps), *(BUILD_KILLS[kill] for kill in build_kills)]
        return _compare(installed, planted, Counter(killed), before, receiver.texts())


class _Before:
    """What the marts held before the run: it is none of its business."""

    def __init__(self, settings: Settings) -> None:
        self.event_ids: set[str] = set()
        self.rejects: set[tuple[str, int]] = set()
        if settings.published_path.exists():
            with duckdb.connect(str(settings.published_path), read_only=True) as marts:
                self.event_ids.update(
                    marts.sql("select event_id from marts.fct_transactions").pl()["event_id"]
                )
                self.rejects.update(
                    marts.sql("select file_url, file_line from marts.rejected_events").fetchall()
                )


def _land(settings: Settings, files: list[Planted], kills: list[tuple[str, str]]) -> None:
    """Land files in as many parts as loads are killed; the rules judge each part before its load dies."""
    parts = max(1, len(kills))
    for number in range(parts):
        for file in files[number::parts]:
            _write(settings, file)
        judge_new_files(settings)
        for step in kills[number : number + 1]:
            _kill_load(settings, *step)


def _write(settings: Settings, file: Planted) -> None:
    """Write a file as a careless producer does: in its place, without a rename."""
    target = Path(open_landing_zone(settings).root, file.url)
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.link_to is not None:
        target.symlink_to(file.link_to)
        return
    target.write_bytes(file.content)
    then = (datetime.now(UTC) - timedelta(seconds=file.age_seconds)).timestamp()
    os.utime(target, (then, then))


def _kill_load(settings: Settings, step: str, when: str) -> None:
    """Load one hour that has new files in a process that is killed (SIGKILL) at a step."""
    hour = max(partitions_with_new_files(settings))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.events.dying", step, when, hour],
        cwd=PROJECT_ROOT,
        env=child_environment(settings),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, f"{step} was not reached: {ended.stderr.decode()[-2000:]}"


def _compare(
    settings: Settings, planted: Plan, kills: Counter[int], before: _Before, posts: list[str]
) -> Run:
    injections = Counter(planted.injections) + kills
    faults = sorted({truth.fault for truth in planted.truths.values()} | injections.keys())
    run = Run(planted.seed, partial(_compare, settings, planted, kills, before, posts))
    run.by_fault = {fault: Found(injections[fault]) for fault in faults}
    with duckdb.connect(str(settings.published_path), read_only=True) as marts:
        marts.execute("set timezone = 'UTC'")
        _compare_events(run, planted, before, marts)
        _compare_rejects(run, planted, before, marts)
    _compare_alerts(run, settings, {truth.fault for truth in planted.truths.values()}, posts)
    _check_accounts(run, settings, planted)
    return run


def _compare_events(run: Run, planted: Plan, before: _Before, marts: duckdb.DuckDBPyConnection) -> None:
    rows = [
        row
        for row in marts.execute(
            "select event_id, cost_usd, cost_status, started_at, customer, event_date from marts.fct_transactions"
        ).fetchall()
        if row[0] not in before.event_ids
    ]
    counts = Counter(row[0] for row in rows)
    unknown = sorted(counts.keys() - planted.truths.keys())
    if unknown:
        run.wrong.append(f"events that nobody sent: {', '.join(unknown)[:300]}")
    for event_id, truth in planted.truths.items():
        found = run.by_fault[truth.fault]
        found.sent += 1
        found.landed += counts[event_id]
        found.lost += counts[event_id] == 0
        found.doubled += max(0, counts[event_id] - 1)
    for event_id, cost, status, started_at, customer, event_date in rows:
        truth = planted.truths.get(event_id)
        if truth is None:
            continue
        found = run.by_fault[truth.fault]
        found.wrong_costs += (cost, status) != (truth.cost_usd, truth.cost_status)
        day = truth.started_at.astimezone(UTC).date()
        found.changed += (started_at, customer, event_date) != (truth.started_at, truth.customer, day)
    for fault, found in run.by_fault.items():
        said = [truth.cost_usd or 0 for truth in planted.truths.values() if truth.fault == fault]
        landed = [
            row[1] or 0 for row in rows if row[0] in planted.truths and planted.truths[row[0]].fault == fault
        ]
        found.money_error_usd = Decimal(sum(landed)) - Decimal(sum(said))


def _compare_rejects(run: Run, planted: Plan, before: _Before, marts: duckdb.DuckDBPyConnection) -> None:
    rows = [
        row
        for row in marts.execute("select file_url, file_line, reason from marts.rejected_events").fetchall()
        if row[:2] not in before.rejects
    ]
    told = Counter((url, line) for url, line, _ in rows)
    for place, fault in planted.refused.items():
        run.by_fault[fault].rejects_missing += told[place] == 0
        run.by_fault[fault].rejects_unexpected += max(0, told[place] - 1)
    run.wrong += [
        f"{url}:{line} is refused: {reason}"
        for url, line, reason in rows
        if (url, line) not in planted.refused
    ]
    run.wrong += [f"{url}:{line} is refused without a reason" for url, line, reason in rows if not reason]


def _compare_alerts(run: Run, settings: Settings, faults: set[int], posts: list[str]) -> None:
    """Each fault has one call that crosses the limit: one incident, told once."""
    with reading(settings) as transaction:
        incidents = list(transaction.scalars(select(IncidentRow)))
        messages = list(transaction.scalars(select(OutboxRow)))
    for fault in faults:
        found = run.by_fault[fault]
        agent = f"fault-{fault:02}"
        fired = [incident for incident in incidents if agent in incident.group_key]
        found.alerts_lost += not fired
        found.alerts_repeated += max(0, len(fired) - 1)
        found.alerts_repeated += max(0, sum(agent in post for post in posts) - 1)
    waiting = [message for message in messages if message.status != "sent"]
    if waiting or not posts:
        run.wrong.append(f"{len(waiting)} of {len(messages)} alert messages were not sent")


def _check_accounts(run: Run, settings: Settings, planted: Plan) -> None:
    """Every file that was read is in the ledger with all its lines: good, refused and repeated."""
    landed = {file.url for file in (*planted.first, *planted.later)}
    with reading(settings) as transaction:
        files = list(transaction.scalars(select(LandingFileRow)))
    for file in files:
        parts = (file.good_count or 0) + (file.rejected_count or 0) + (file.duplicate_count or 0)
        if file.status == "loaded" and parts != file.line_count:
            run.wrong.append(f"{file.url} has {file.line_count} lines of which {parts} are accounted for")
    missing = [
        url
        for url in landed - {file.url for file in files}
        if ".tmp" not in url and "stolen" not in url and "nowhere" not in url
    ]
    if missing:
        run.wrong.append(f"files that no ledger knows: {', '.join(missing)[:300]}")
    waiting = [file.url for file in files if file.status == "waiting" and "link" not in file.url]
    if waiting:
        run.wrong.append(f"files that still wait: {', '.join(waiting)[:300]}")
