"""`meterhouse demo`: the whole product on a small world on this machine, against its ledger of truth.

It does what a user would do, in that order: connect providers, meter calls with the SDK, let the alert rules
judge, run the main Dagster job, read the report. The world's servers are the sandbox; everything else is the
product itself. What belongs here: these steps. What does not: comparing with the ledger (`truth.py`).
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import meterhouse_sdk
import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meterhouse.alerts.judge import watch
from meterhouse.cli.demo.truth import REQUESTS_AT_MOST, AccountTruth, accounts_of, disagreements
from meterhouse.cli.output import WRONG, JsonFlag, errors_in_words
from meterhouse.cli.report import STATUS_COLOURS, show
from meterhouse.cli.up import dagster_environment
from meterhouse.connections import registry
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.events.load import partitions_with_new_files
from meterhouse.report import usd
from meterhouse.settings import PROJECT_ROOT, Settings
from sandbox.books import TOLD_AFTER
from sandbox.server import Sandbox

TICK_SECONDS = 5.0
"""How long the alert rules watch at once, as a sensor's tick does."""
ALERT_SECONDS = 120.0
"""When the message to Slack counts as lost; it takes a second or two on a quiet machine."""
CLOSING = timedelta(minutes=4)
"""Time before books of a day close in which no demo starts: they would close under it."""
LEDGER_FILE = "demo-ledger.json"
"""File in the home with what is true of the demo's world, to hold against any mart."""

_ERR = Console(stderr=True, highlight=False)


@errors_in_words()
def demo(
    days: Annotated[int, typer.Option(min=2, max=30, help="Whole days of history in the world.")] = 7,
    seed: Annotated[int, typer.Option(help="Another seed makes another world.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the world's servers up after the report, until Ctrl-C.")
    ] = False,
    is_json: JsonFlag = False,
) -> None:
    """Run everything end to end on a small world on this machine, and print the report.

    Nothing leaves the machine. It uses METERHOUSE_HOME (`.meterhouse/` by default), and replaces what an
    earlier demo left there.
    """
    started = time.monotonic()
    with _fresh_home(Settings()) as home, Sandbox(days, seed, _after_closing()) as sandbox:
        settings = Settings(
            home=home,
            rules_file=PROJECT_ROOT / "alert_rules.yaml",
            slack_webhook_url=sandbox.slack_webhook_url,  # type: ignore[arg-type]
        )
        (home / LEDGER_FILE).write_text(json.dumps(sandbox.ledger, indent=1))
        _connect(settings, sandbox)
        _meter_history(settings, sandbox)
        alert_seconds = _meter_live(settings, sandbox)
        _run_main_job(settings)
        accounts = accounts_of(settings, sandbox.ledger)
        faults = disagreements(settings, sandbox.ledger, accounts)
        show(settings, is_json=is_json)
        _conclude(settings, accounts, alert_seconds, faults, time.monotonic() - started)
        if keep:
            _stay(sandbox)
    if faults:
        raise typer.Exit(WRONG)


@contextmanager
def _fresh_home(settings: Settings) -> Iterator[Path]:
    """The home, emptied of an earlier demo and kept from any other.

    Raises:
        UsageError: It holds an installation that no demo made, or another demo is running in it.
    """
    home, mark = settings.home_path, settings.demo_mark_path
    if (home / "control.db").exists() and not mark.exists():
        raise UsageError(
            f"{home} is a real installation, and the demo would mix its small world into it.",
            "Run `METERHOUSE_HOME=.meterhouse-demo meterhouse demo`.",
        )
    lock = FileLock(home / "demo.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"Another demo is running in {home}.",
            "Wait for it to end, or run `METERHOUSE_HOME=.meterhouse-demo meterhouse demo`.",
        ) from None
    try:
        if mark.exists():
            for left in [path for path in home.iterdir() if path.name not in (mark.name, "demo.lock")]:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        mark.write_text("Made by `meterhouse demo`, which replaces it on its next run.\n")
        yield home
    finally:
        lock.release()


def _after_closing() -> datetime:
    """Now, or the end of a wait for books that are about to close."""
    now = datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for closing in (today + timedelta(days=1), *(today + lag for lag in TOLD_AFTER.values())):
        if timedelta(0) < closing - now < CLOSING:
            _ERR.print(f"Waiting until {closing:%H:%M} UTC, when the providers' books of a day close ...")
            time.sleep((closing - now).total_seconds())
            return max(closing, datetime.now(UTC))
    return now


def _step(number: int, text: str) -> None:
    _ERR.print(f"[bold cyan]{number}/5[/bold cyan] {escape(text)}")


def _connect(settings: Settings, sandbox: Sandbox) -> None:
    names = [access.account for access in sandbox.accesses]
    _step(1, f"Connecting {len(names)} accounts (on loopback), proving what each key may read")
    for access in sandbox.accesses:
        registry.add(settings, access.provider, access.account, access.values)
    _ERR.print(f"      {escape(', '.join(names))}")


def _meter_history(settings: Settings, sandbox: Sandbox) -> None:
    events = sandbox.world.events
    _step(2, f"Metering {len(events):,} deliveries of AI calls through the SDK, some of them twice")
    (settings.home_path / "landing").mkdir(exist_ok=True)
    meterhouse_sdk.configure(
        landing_url=settings.landing_zone_url, producer="demo", max_pending=len(events) + 1
    )
    for event in events:
        meterhouse_sdk.meter(**event)
    meterhouse_sdk.flush()


def _meter_live(settings: Settings, sandbox: Sandbox) -> float:
    """Meter the runaway agent while the rules watch; seconds from its file to the message at Slack."""
    _step(3, "An agent goes over its limit while the alert rules watch the landing zone")
    before = len(sandbox.slack.messages)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(settings, over), daemon=True)
    watcher.start()
    time.sleep(1.0)
    for event in sandbox.world.runaway_events:
        meterhouse_sdk.meter(**event)
    meterhouse_sdk.flush()
    landed = time.monotonic()
    while len(sandbox.slack.messages) == before and time.monotonic() - landed < ALERT_SECONDS:
        time.sleep(0.01)
    seconds = time.monotonic() - landed
    over.set()
    watcher.join()
    return seconds


def _watch(settings: Settings, over: threading.Event) -> None:
    while not over.is_set():
        watch(settings, seconds=TICK_SECONDS)


def _run_main_job(settings: Settings) -> None:
    hours = list(partitions_with_new_files(settings))
    _step(4, "Running the Dagster job refresh_costs: pull, load, build and test the marts, publish")
    command = [sys.executable, "-m", "orchestration.refresh", *hours]
    log = settings.home_path / "demo-run.log"
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=PROJECT_ROOT,
        env=dagster_environment(settings),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        with log.open("w") as kept, _ERR.status("starting Dagster ...") as status:
            for line in process.stderr:
                kept.write(line)
                if line.rstrip().endswith(("started", "done", "FAILED")):
                    status.update(escape(line.strip()))
                    if line.rstrip().endswith("done"):
                        _ERR.print(f"      {escape(line.strip())}")
    except KeyboardInterrupt:
        _ERR.print("Stopping the Dagster job ...")
        process.terminate()
        process.wait()
        raise
    if process.wait() != 0:
        raise MeterhouseError("The main job failed.", f"Its log is {log}.")


def _conclude(
    settings: Settings,
    accounts: list[AccountTruth],
    alert_seconds: float,
    faults: list[str],
    seconds: float,
) -> None:
    _step(5, "Checking report and marts against the world's ledger of truth")
    _ERR.print(_table(accounts))
    _ERR.print(
        f"      Each first sync asks for 30 days of history, in at most {REQUESTS_AT_MOST} requests an account.",
        soft_wrap=True,
    )
    for fault in faults:
        _ERR.print(f"      [red]DISAGREES[/red] {escape(fault)}")
    if not faults:
        _ERR.print(
            "      [green]Marts and ledger agree to the last decimal[/green]: per account, and per provider, model and "
            "token type.",
            soft_wrap=True,
        )
    _ERR.print(
        f"      Alert: {alert_seconds:.2f} s from event file to Slack message. All of it took {seconds:.0f} s."
    )
    hint = "" if shutil.which("meterhouse") else " (`. .venv/bin/activate` first puts meterhouse on the path)"
    _ERR.print(
        f"""
Look next{hint}:
  meterhouse report --by customer    who caused it (also product, agent, model, ...)
  meterhouse connections list        each connection and its status
  meterhouse console                 all of it as web pages, on http://127.0.0.1:8788
  meterhouse up                      the Dagster UI on http://127.0.0.1:3000
  {settings.published_path}
                                     the marts, for any BI tool that reads DuckDB""",
        soft_wrap=True,
    )


def _table(accounts: list[AccountTruth]) -> Table:
    """The accounts, and whether their amounts are the ledger's; in cents for reading, compared in full."""
    table = Table(header_style="bold")
    for column in ("account", "status"):
        table.add_column(column, no_wrap=True)
    for column in ("requests", "billed USD", "metered USD", "the ledger's"):
        table.add_column(column, justify="right")
    for one in accounts:
        table.add_row(
            one.connection,
            f"[{STATUS_COLOURS[one.status]}]{one.status}[/]",
            str(one.request_count),
            usd(one.billed_usd),
            usd(one.metered_usd),
            "[green]equal[/green]" if one.is_true else "[red]differ[/red]",
        )
    table.add_section()
    table.add_row("all", "", str(sum(one.request_count for one in accounts)))
    return table


def _stay(sandbox: Sandbox) -> None:
    _ERR.print(f"\nThe world stays up on {sandbox.url}. Ctrl-C ends it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
