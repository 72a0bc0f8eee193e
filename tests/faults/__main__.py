"""All faults at once, and one table of what became of them: `make faults`.

Run `python -m tests.faults [NUMBER ...]`; `--help` says its options. The simulator runs once per seed, the marts are
published under readers, and every test that the registry names is run. `--write` puts the table into
docs/reliability.md. The exit code is 1 when a promise did not hold.
"""

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from meterhouse.cli.output import print_table, say
from meterhouse.settings import Settings
from tests.faults.planting import PLANTERS
from tests.faults.publishing import Readings, publish_under_readers
from tests.faults.registry import FAULTS, Fault
from tests.faults.simulator import BUILD_KILLS, LOAD_KILLS, Found, Run, simulate

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MARK = "<!-- What follows is written by `make faults ARGS=--write`. -->"
COLUMNS = [
    "no",
    "fault",
    "injections",
    "events",
    "lost",
    "doubled",
    "USD wrong",
    "rejects",
    "alerts",
    "verdict",
]
PUBLISHED = 7
"""The fault that publishing under readers belongs to."""


@dataclass
class Outcome:
    """What became of one fault: of its events in the simulator, and of the tests that inject it, by how each ended."""

    fault: Fault
    found: list[Found] = field(default_factory=list)
    tests: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    publishes: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong and every test ran; one may be skipped where the machine lacks something."""
        return not (self.missing or self.tests["failed"]) and all(found.holds for found in self.found)

    def row(self) -> list[str]:
        """The cells of `COLUMNS`; a dot where tests assert it and nothing counts it."""

        def total(*names: str) -> str:
            if not any(found.sent for found in self.found):
                return "·"
            return str(sum(getattr(found, name) for found in self.found for name in names))

        injections = sum(found.injections for found in self.found) + self.publishes
        money = sum((abs(found.money_error_usd) for found in self.found), Decimal(0))
        verdict = "holds" if self.holds else "FAILS"
        if not (self.found or self.publishes or self.tests):
            verdict = "not run"
        skipped = f" ({self.tests['skipped']} skipped)" if self.tests["skipped"] else ""
        return [
            str(self.fault.number),
            self.fault.injected,
            str(injections + self.tests["passed"] + self.tests["failed"]),
            total("sent"),
            total("lost"),
            total("doubled"),
            "·" if total("sent") == "·" else f"{money.normalize():f}",
            total("rejects_missing", "rejects_unexpected"),
            total("alerts_lost", "alerts_repeated"),
            verdict + skipped,
        ]


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        prog="make faults", description="Inject every fault; say what became of it."
    )
    parser.add_argument("numbers", nargs="*", type=int, help="only these faults; default all")
    parser.add_argument("--seeds", type=int, default=2, help="how often the simulator runs (default 2)")
    parser.add_argument(
        "--publishes", type=int, default=1_000, help="publishes under 4 readers (default 1,000)"
    )
    parser.add_argument(
        "--without-tests", action="store_true", help="leave out the named tests, which `make test` runs too"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    began = time.monotonic()
    outcomes = {
        fault.number: Outcome(fault) for fault in FAULTS if not asked.numbers or fault.number in asked.numbers
    }
    runs = [_simulated(seed, outcomes) for seed in range(1, asked.seeds + 1)]
    readings = _published(asked.publishes, outcomes)
    if not asked.without_tests:
        _run_tests(outcomes)
    wrong = [f"seed {run.seed}: {sentence}" for run in runs for sentence in run.wrong]
    wrong += list(readings.errors)
    print_table(COLUMNS, [outcome.row() for outcome in outcomes.values()])
    summary = _summary(outcomes.values(), runs, readings, time.monotonic() - began)
    for line in (*summary, *wrong):
        say(line)
    if asked.write:
        _write(outcomes.values(), summary)
    return 0 if not wrong and all(outcome.holds for outcome in outcomes.values()) else 1


def _simulated(seed: int, outcomes: dict[int, Outcome]) -> Run:
    """One run of the simulator, its findings put with their faults."""
    kills = [kill for kill, number in BUILD_KILLS.items() if number in outcomes]
    faults = [number for number in PLANTERS if number in outcomes]
    load_kills = len(LOAD_KILLS) if set(LOAD_KILLS.values()) & outcomes.keys() else 0
    say(f"Simulator, seed {seed}: {len(faults)} faults in files, {load_kills + len(kills)} kills ...")
    with TemporaryDirectory(prefix="meterhouse-faults-") as folder:
        settings = Settings(home=Path(folder) / "home", _env_file=None)
        run = simulate(settings, seed, faults=faults, load_kills=load_kills, build_kills=kills)
    say("  every promise held" if run.holds else f"  FAILS: {'; '.join(run.wrong) or run.by_fault}")
    for number, found in run.by_fault.items():
        if number in outcomes:
            outcomes[number].found.append(found)
    return run


def _published(publishes: int, outcomes: dict[int, Outcome]) -> Readings:
    if PUBLISHED not in outcomes:
        return Readings(0, 0, ())
    say(f"Publishing {publishes} times under 4 readers ...")
    with TemporaryDirectory(prefix="meterhouse-faults-") as folder:
        readings = publish_under_readers(Settings(home=Path(folder) / "home", _env_file=None), publishes)
    say(f"  {readings.reads:,} reads, {len(readings.errors)} locked or torn")
    outcomes[PUBLISHED].publishes = publishes
    return readings


def _run_tests(outcomes: dict[int, Outcome]) -> None:
    """Run every test that is named, once, and count how its cases ended."""
    named = sorted({name for outcome in outcomes.values() for name in outcome.fault.tests})
    say(f"Tests: {len(named)} ...")
    with TemporaryDirectory(prefix="meterhouse-faults-") as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal"),
                *("--hypothesis-profile=faults", f"--junitxml={report}", *named),
            ],
            cwd=ROOT,
            stdout=sys.stderr,
            check=False,
        )
        cases = list(ElementTree.parse(report).iter("testcase"))
    ended: dict[str, Counter[str]] = {}
    for case in cases:
        path = case.attrib["classname"].replace(".", "/") + ".py"
        name = f"{path}::{case.attrib['name'].partition('[')[0]}"
        tags = {child.tag for child in case}
        how = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        ended.setdefault(name, Counter())[how] += 1
    for outcome in outcomes.values():
        for name in outcome.fault.tests:
            outcome.tests += ended.get(name, Counter())
            outcome.missing += name not in ended


def _summary(outcomes: Iterable[Outcome], runs: list[Run], readings: Readings, seconds: float) -> list[str]:
    found = [one for run in runs for one in run.by_fault.values()]
    cases = sum((outcome.tests for outcome in outcomes), Counter[str]())
    sent, landed, lost, doubled = (
        sum(getattr(one, name) for one in found) for name in ("sent", "landed", "lost", "doubled")
    )
    money = sum((abs(one.money_error_usd) for one in found), Decimal(0))
    simulator = (
        f"Simulator: {len(runs)} seeds, {sent:,} events sent, {landed:,} landed, {lost} lost, {doubled} doubled, "
        f"{money.normalize():f} USD wrong, in the first whole run after the last kill."
    )
    publishing = (
        f"Publishing: {readings.publishes:,} times, {readings.reads:,} reads by 4 readers, "
        f"{len(readings.errors)} of them locked or torn."
    )
    tests = (
        f"Tests: {cases['passed']:,} cases passed, {cases['failed']} failed, {cases['skipped']} skipped "
        "(a case counts for each fault that names it)."
    )
    machine = (
        f"Took {seconds / 60:.0f} minutes on {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )
    return [simulator, publishing, tests, machine]


def _write(outcomes: Iterable[Outcome], summary: list[str]) -> None:
    """Put the table and the summary behind the mark of the page."""
    rows = [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS))]
    rows += [f"| {' | '.join(outcome.row())} |" for outcome in outcomes]
    left_out = [
        f"- {outcome.fault.number}: {outcome.fault.left_out}"
        for outcome in outcomes
        if outcome.fault.left_out
    ]
    text = PAGE.read_text().partition(MARK)[0]
    parts = [text + MARK, "\n".join(f"- {line}" for line in summary), "\n".join(rows)]
    parts += ["What is left out of a fault, and why:", "\n".join(left_out)]
    PAGE.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    sys.exit(main())
