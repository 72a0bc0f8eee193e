"""`meterhouse keys`: the API keys with which programs send their calls to the metering endpoint."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, say
from meterhouse.gateway import keys
from meterhouse.gateway.keys import ApiKey, Scope
from meterhouse.settings import Settings

keys_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="API keys of the metering endpoint (`meterhouse gateway`).",
)

_Name = Annotated[str, typer.Argument(help="Name of the key: the program that uses it.")]


@keys_app.command("create")
@errors_in_words()
def create(
    name: _Name,
    scopes: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it may do; default write events.")
    ] = None,
    expires_in_days: Annotated[float | None, typer.Option(min=0, help="When it ends; default never.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="How often it may be used, per gateway process; default any.")
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """Make a key and show it. Example: `meterhouse keys create checkout-service`."""
    ends = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    _print(keys.create(Settings(), name, scopes or [Scope.WRITE], requests_per_minute, ends), is_json)


@keys_app.command("list")
@errors_in_words()
def list_keys(is_json: JsonFlag = False) -> None:
    """All keys, masked."""
    found = keys.overview(Settings())
    if is_json:
        print_json([key.as_answer() for key in found])
        return
    print_table(
        ("name", "key", "scopes", "created", "last used", "state"),
        ((k.name, k.masked, list(k.scopes), k.created_at, k.last_used_at, _state(k)) for k in found),
        empty="There is no key. Make one: `meterhouse keys create NAME`.",
    )


@keys_app.command("copy")
@errors_in_words()
def copy(name: _Name, is_json: JsonFlag = False) -> None:
    """Show a key again, in full."""
    _print(keys.copy(Settings(), name), is_json)


@keys_app.command("regenerate")
@errors_in_words()
def regenerate(
    name: _Name,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    is_json: JsonFlag = False,
) -> None:
    """Give a name a new key; the old one is refused from the very next request on."""
    _make_sure(is_sure, f"Programs that use the old key of {name!r} are refused at once. Go on?")
    _print(keys.regenerate(Settings(), name), is_json)


@keys_app.command("revoke")
@errors_in_words()
def revoke(
    name: _Name,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    is_json: JsonFlag = False,
) -> None:
    """End a key for good, from the very next request on."""
    _make_sure(is_sure, f"Programs that use {name!r} are refused at once. Go on?")
    revoked = keys.revoke(Settings(), name)
    if is_json:
        print_json(revoked.as_answer())
    else:
        say(f"The key {name!r} is revoked.")


def _make_sure(is_sure: bool, question: str) -> None:
    if not is_sure and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _print(key: ApiKey, is_json: bool) -> None:
    if is_json:
        print_json(key.as_answer())
        return
    typer.echo(key.key)
    say(f"{key.name}: {', '.join(key.scopes)}. `meterhouse keys copy {key.name}` shows it again.")


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= datetime.now(UTC) else "in use"
