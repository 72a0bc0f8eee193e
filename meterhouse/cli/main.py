"""The `meterhouse` program: which commands there are. Each command's own logic lives elsewhere."""

import logging
import sys

import typer

from meterhouse.cli.alerts import alerts_app
from meterhouse.cli.connections import connections_app, providers_command
from meterhouse.cli.demo import demo
from meterhouse.cli.events import events_app
from meterhouse.cli.pipeline import build, sync
from meterhouse.cli.report import report
from meterhouse.cli.up import up
from meterhouse.cli.vault import vault_app

app = typer.Typer(
    name="meterhouse",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Connect every AI provider, meter every AI call, and make the two agree to the cent. "
    "Start with: meterhouse demo",
)
app.command("demo")(demo)
app.command("up")(up)
app.command("providers")(providers_command)
app.add_typer(connections_app, name="connections")
app.command("sync")(sync)
app.add_typer(events_app, name="events")
app.command("build")(build)
app.command("report")(report)
app.add_typer(alerts_app, name="alerts")
app.add_typer(vault_app, name="vault")


def main() -> None:
    """Entry point of the program."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    app()
