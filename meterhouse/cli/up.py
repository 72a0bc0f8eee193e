"""`meterhouse up`: the Dagster web UI and daemon, the metering endpoint and the console together, until Ctrl-C."""

import shutil
import signal
import subprocess
import sys
import time
from typing import Annotated

import typer

from meterhouse.cli.output import WRONG
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment

_POLL_SECONDS = 0.5


def up(
    ui_port: Annotated[int, typer.Option(help="Port of the Dagster web UI.")] = 3000,
    gateway_port: Annotated[int, typer.Option(help="Port of the metering endpoint.")] = 8787,
    console_port: Annotated[int, typer.Option(help="Port of the console.")] = 8788,
) -> None:
    """Start the Dagster web UI and daemon, the metering endpoint and the console, until Ctrl-C.

    Schedules pull providers, sensors load events and judge alert rules.
    """
    settings = Settings()
    dagster = [
        sys.executable, "-m", "dagster", "dev",
        "--workspace", str(PROJECT_ROOT / "workspace.yaml"),
        "--host", "127.0.0.1", "--port", str(ui_port),
    ]  # fmt: skip
    gateway, console = (
        [sys.executable, "-m", "meterhouse.cli.main", command, "--port", str(port)]
        for command, port in (("gateway", gateway_port), ("console", console_port))
    )
    typer.echo(f"Dagster: http://127.0.0.1:{ui_port} (Ctrl-C ends it)", err=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = dagster_environment(settings)
    started = [_start(command, environment) for command in (dagster, gateway, console)]
    is_asked_to_end = False
    try:
        while all(process.poll() is None for process in started):
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        is_asked_to_end = True
        typer.echo("Ending; requests and a tick that are in hand end first ...", err=True)
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    codes = [process.wait() for process in started]
    is_well = all(code in (0, 130, -signal.SIGINT) for code in codes)
    raise typer.Exit(0 if is_asked_to_end and is_well else WRONG)


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, start_new_session=True)  # noqa: S603


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The environment of a Dagster process of this installation; its Dagster home is made when missing."""
    dagster_home = settings.home_path / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    return child_environment(settings) | {"DAGSTER_HOME": str(dagster_home)}
