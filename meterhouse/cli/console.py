"""`meterhouse console`: the web pages alone, until Ctrl-C, and who may log in to them."""

import signal
from typing import Annotated

import typer
import uvicorn

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, say
from meterhouse.console import users
from meterhouse.console.app import LOOPBACK, build_app
from meterhouse.console.users import Role
from meterhouse.settings import Settings

GRACE_SECONDS = 10
FIRST_ADMIN = "admin"

console_app = typer.Typer(
    add_completion=False, help="The web pages: connections, costs, transactions, alerts, health."
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@console_app.callback(invoke_without_command=True)
@errors_in_words()
def console(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOOPBACK[0],
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8788,
    log_in: Annotated[
        bool, typer.Option("--log-in", help="Ask for a log-in on this machine too (behind a proxy, say).")
    ] = False,
    https: Annotated[
        bool,
        typer.Option("--https", help="It is reached over HTTPS only: a proxy with TLS stands before it."),
    ] = False,
) -> None:
    """Start the console, until Ctrl-C. On this machine alone it asks for no log-in; on any other address it does.

    The first start with a log-in makes the user `admin` and prints the password once. docs/console.md says more.
    """
    if context.invoked_subcommand is not None:
        return
    settings = Settings()
    asks_log_in = log_in or host not in LOOPBACK
    if asks_log_in and not users.overview(settings):
        password = users.add(settings, FIRST_ADMIN, Role.ADMIN)
        say(f"Made the user {FIRST_ADMIN} with the password {password} (shown this once).")
    if asks_log_in and not https:
        say(
            "Passwords travel as they are: put a proxy with TLS before the console, and start it with --https."
        )
    app = build_app(settings, asks_log_in, https)
    say(f"Console: http://{host}:{port} (Ctrl-C ends it)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@console_app.command("users")
@errors_in_words()
def list_users(is_json: JsonFlag = False) -> None:
    """Who may log in."""
    found = [
        {
            "name": one.name,
            "role": one.role.value,
            "created_at": one.created_at,
            "last_log_in_at": one.last_log_in_at,
        }
        for one in users.overview(Settings())
    ]
    if is_json:
        print_json(found)
    else:
        print_table(
            ("name", "role", "created at", "last log-in at"),
            (tuple(one.values()) for one in found),
            empty="Nobody yet: the first start with a log-in makes the user admin.",
        )


@console_app.command("add-user")
@errors_in_words()
def add_user(
    name: _Name,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    is_json: JsonFlag = False,
) -> None:
    """Make an account; its password is printed this once."""
    _print_password(name, users.add(Settings(), name, role), is_json)


@console_app.command("renew-password")
@errors_in_words()
def renew_password(name: _Name, is_json: JsonFlag = False) -> None:
    """Give a user a new password, printed this once; their sessions end."""
    _print_password(name, users.renew_password(Settings(), name), is_json)


@console_app.command("remove-user")
@errors_in_words()
def remove_user(name: _Name) -> None:
    """Remove an account; its sessions end."""
    users.remove(Settings(), name)
    say(f"Removed the user {name}.")


def _print_password(name: str, password: str, is_json: bool) -> None:
    if is_json:
        print_json({"name": name, "password": password})
    else:
        print_table(("name", "password"), [(name, password)])
