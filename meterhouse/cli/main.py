"""The `meterhouse` program: which commands there are. Each command's own logic lives elsewhere.

A command's module is imported when the command is asked for, so that a small command does not wait for dbt.
"""

import logging
import pkgutil
import sys
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

COMMANDS = {
    "demo": "meterhouse.cli.demo:demo",
    "up": "meterhouse.cli.up:up",
    "providers": "meterhouse.cli.connections:providers_command",
    "connections": "meterhouse.cli.connections:connections_app",
    "sync": "meterhouse.cli.pipeline:sync",
    "events": "meterhouse.cli.events:events_app",
    "build": "meterhouse.cli.pipeline:build",
    "report": "meterhouse.cli.report:report",
    "charges": "meterhouse.cli.charges:charges_app",
    "export": "meterhouse.cli.export:export_app",
    "alerts": "meterhouse.cli.alerts:alerts_app",
    "prices": "meterhouse.cli.prices:prices_app",
    "tags": "meterhouse.cli.tags:tags_app",
    "doctor": "meterhouse.cli.doctor:doctor",
    "keys": "meterhouse.cli.keys:keys_app",
    "prompts": "meterhouse.cli.prompts:prompts_app",
    "gateway": "meterhouse.cli.gateway:gateway",
    "console": "meterhouse.cli.console:console_app",
    "vault": "meterhouse.cli.vault:vault_app",
}


class _Commands(TyperGroup):
    """The commands by name, each found when it is needed."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found = pkgutil.resolve_name(COMMANDS[cmd_name])
        if isinstance(found, typer.Typer):
            command = get_command(found)
        else:
            single = typer.Typer(add_completion=False)
            single.command(cmd_name)(found)
            command = get_command(single)
        command.name = cmd_name
        return command  # type: ignore[return-value]


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False
)


@app.callback()
def _meterhouse(
    is_verbose: Annotated[bool, typer.Option("--verbose", help="Say on stderr what goes on inside.")] = False,
) -> None:
    """Connect every AI provider, meter every AI call, and make the two agree to the cent.

    Start with `meterhouse demo`. Every command has --help, and most have --json.
    """
    level = logging.INFO if is_verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")


def main() -> None:
    """Entry point of the program."""
    app()


if __name__ == "__main__":
    main()
