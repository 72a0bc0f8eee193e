"""Filling credential forms on the command line: `--set`, the environment, and prompts for the rest.

What belongs here: where answers come from. What does not: what makes them right
(`meterhouse/connections/form.py`).
"""

import sys
from contextlib import redirect_stdout
from typing import Any

import typer

from dlt_sources.contract import Provider
from meterhouse.cli.output import say
from meterhouse.connections import form
from meterhouse.errors import UsageError
from meterhouse.settings import credentials_from_environment


def answers(
    provider: Provider, assignments: list[str] | None, from_env: bool, kept: dict[str, Any] | None = None
) -> dict[str, str]:
    """Credential values by field: the environment's, over them those of `--set`, and the user's for the rest.

    Args:
        provider: Whose form it is.
        assignments: `FIELD=VALUE` each, as given to `--set`.
        from_env: Whether to read the environment.
        kept: Fields that have a value already and need not be asked for.

    Raises:
        UsageError: A field is unknown, missing with nobody there to ask, or a secret in an assignment; no value is ever
            shown.
    """
    fields = form.fields_of(provider)
    secrets = {field.name: field.label for field in fields if field.is_secret}
    values = credentials_from_environment(provider.name, [f.name for f in fields]) if from_env else {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError("A --set has no '='.", "Write --set FIELD=VALUE.")
        form.refuse_unknown(provider, [name])
        if name in secrets:
            raise UsageError(
                f"{secrets[name]} is a secret, and others on this machine can see what a command was given.",
                "Give it with --from-env or on standard input.",
            )
        values[name] = value
    for field in fields:
        if field.is_required and field.name not in {*values, *(kept or {})}:
            if field.help:
                say(field.help)
            otherwise = (
                "--from-env or standard input"
                if field.is_secret
                else f"--set {field.name}=VALUE or --from-env"
            )
            values[field.name] = ask(field.label, otherwise, field.is_secret)
    return values


def ask(label: str, otherwise: str, is_secret: bool = False, default: str | None = None) -> str:
    """One line from the user, not shown while typed when secret.

    Raises:
        UsageError: Nobody is there to ask; `otherwise` says how else to give it.
    """
    if is_secret and not sys.stdin.isatty():
        say(f"{label} is read from standard input.")
        if given := sys.stdin.readline().strip():
            return given
        raise UsageError(f"{label} was not given, and nobody is there to ask.", f"Give it with {otherwise}.")
    try:
        with redirect_stdout(sys.stderr):
            return str(typer.prompt(label, default=default, hide_input=is_secret, err=True))
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise UsageError(
            f"{label} was not given, and nobody is there to ask.", f"Give it with {otherwise}."
        ) from None
