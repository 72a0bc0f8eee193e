"""`meterhouse up`: the Dagster web UI and daemon together, until Ctrl-C."""

import shutil
import signal
import subprocess
import sys
from typing import Annotated

import typer

from meterhouse.cli.output import WRONG
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment


def up(ui_port: Annotated[int, typer.Option(help="Port of the Dagster web UI.")] = 3000) -> None:
    """Start the Dagster web UI and daemon, until Ctrl-C.

    Schedules pull providers, sensors load events and judge alert rules.
    """
    settings = Settings()
    command = [
        sys.executable, "-m", "dagster", "dev",
        "--workspace", str(PROJECT_ROOT / "workspace.yaml"),
        "--host", "127.0.0.1", "--port", str(ui_port),
    ]  # fmt: skip
    typer.echo(f"Dagster: http://127.0.0.1:{ui_port} (Ctrl-C ends it)", err=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = dagster_environment(settings)
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, start_new_session=True) as process:  # noqa: S603
        try:
            code = process.wait()
        except KeyboardInterrupt:
            typer.echo("Ending Dagster; a tick that is running ends first ...", err=True)
            process.send_signal(signal.SIGINT)
            code = process.wait()
    raise typer.Exit(0 if code in (0, -signal.SIGINT) else WRONG)


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The environment of a Dagster process of this installation; its Dagster home is made when missing."""
    dagster_home = settings.home_path / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    return child_environment(settings) | {"DAGSTER_HOME": str(dagster_home)}
