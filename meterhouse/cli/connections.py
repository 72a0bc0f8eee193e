"""`meterhouse providers` and `meterhouse connections`: which accounts are read, and how they are.

What belongs here: asking, answering, confirming. What does not: what any of it means
(`meterhouse/connections/`).
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from dlt_sources.contract import Provider, ProviderError
from dlt_sources.registry import PROVIDERS
from meterhouse.cli.asking import answers, ask
from meterhouse.cli.output import (
    WRONG,
    JsonFlag,
    errors_in_words,
    print_json,
    print_table,
    progress,
    say,
    tell_error,
)
from meterhouse.connections import form, registry, sync_log
from meterhouse.connections.overview import Overview, overview
from meterhouse.settings import Settings

connections_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Accounts at providers: add, look at, check, pause, change and remove them.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A credential field that is no secret."),
]
FromEnv = Annotated[
    bool,
    typer.Option("--from-env", help="Take fields from METERHOUSE_<PROVIDER>_<FIELD>, or from a .env file."),
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Save without asking the provider what may be read.")
]


@errors_in_words()
def providers_command(as_json: JsonFlag = False) -> None:
    """Every provider: what is pulled from it, and what its connections ask for."""
    cards = [_card(provider) for _, provider in sorted(PROVIDERS.items())]
    if as_json:
        print_json(cards)
        return
    print_table(
        ["name", "title", "pulls", "asks for", "docs"],
        [
            (
                card["name"],
                card["title"],
                ", ".join(card["tables"]),
                ", ".join(
                    field["name"] + ("" if field["required"] else " (optional)") for field in card["fields"]
                ),
                card["docs"],
            )
            for card in cards
        ],
    )


@connections_app.command("add")
@errors_in_words()
def add(
    provider: Annotated[
        str, typer.Argument(help="Short name of the provider; `meterhouse providers` lists them.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the connection; asked for when missing.")
    ] = None,
    set_: SetOption = None,
    from_env: FromEnv = False,
    no_check: NoCheck = False,
    as_json: JsonFlag = False,
) -> None:
    """Connect an account: its credentials are checked with the provider, then sealed and saved.

    What is missing is asked for, secrets hidden. Several connections to one provider may live side by side.

    Example: meterhouse connections add openai --name production

    Example: METERHOUSE_OPENAI_ADMIN_KEY=... meterhouse connections add openai --name production --from-env

    A provider that is not listed comes in as files (CSV, Parquet, FOCUS): see docs/providers/file.md.

    Example: meterhouse connections add file --name groq-bill --set billed_provider=groq --set location=/srv/bills/groq
    """
    settings, known = Settings(), form.known_provider(provider)
    name = name or ask("Name of the connection", "--name NAME", default=known.name)
    values = answers(known, set_, from_env)
    with progress(
        f"Saving {name} ..." if no_check else f"Asking {known.title} what these credentials may read ..."
    ):
        registry.add(settings, known.name, name, values, is_checked=not no_check)
    say(f"Saved connection {name}. Pull its history with `meterhouse sync`, or let `meterhouse up` do it.")
    if settings.demo_mark_path.exists():
        settings.demo_mark_path.unlink()
        say(
            f"The demo made {settings.home_path}, and its small world stays in the reports beside {name}. It is yours "
            "now: no demo replaces it any more. For a clean start set METERHOUSE_HOME to another folder."
        )
    _print_details(settings, _overview_of(settings, name), as_json)


@connections_app.command("list")
@errors_in_words()
def list_command(as_json: JsonFlag = False) -> None:
    """Every connection: connected, pending or disconnected, why, and what to do about it."""
    found = overview(Settings(), datetime.now(UTC))
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        say("No connections yet. Add one with `meterhouse connections add PROVIDER --name NAME`.")
        return
    columns = ["name", "provider", "status", "reason", "last_data_at", "last_sync_at", "next_step"]
    print_table(columns, [list(one.as_json().values()) for one in found])


@connections_app.command("show")
@errors_in_words()
def show(name: Name, as_json: JsonFlag = False) -> None:
    """Everything about one connection, except its secrets: those are never shown again."""
    settings = Settings()
    _print_details(settings, _overview_of(settings, name), as_json)


@connections_app.command("test")
@errors_in_words()
def test(name: Name, as_json: JsonFlag = False) -> None:
    """Ask the provider now what the connection's credentials may read; exit code 1 when it refuses."""
    settings = Settings()
    try:
        with progress(f"Asking the provider of {name} ..."):
            rights = registry.check(settings, name)
    except ProviderError as error:
        if as_json:
            print_json(
                {
                    "name": name,
                    "ok": False,
                    "fault": error.fault.value,
                    "message": error.message,
                    "next_step": error.next_step,
                }
            )
        tell_error(error)
        raise typer.Exit(WRONG) from None
    answer = {
        "name": name,
        "ok": True,
        "account_id": rights.account_id,
        "account_name": rights.account_name,
        "readable_reports": list(rights.readable),
    }
    if as_json:
        print_json(answer)
        return
    account = rights.account_name or rights.account_id or "not named"
    say(f"{name} (account {account}) is good: it may read {', '.join(rights.readable)}.")


@connections_app.command("pause")
@errors_in_words()
def pause(name: Name, as_json: JsonFlag = False) -> None:
    """Stop syncing a connection and keep everything; it shows as disconnected, reason paused."""
    _set_paused(name, True, as_json)


@connections_app.command("resume")
@errors_in_words()
def resume(name: Name, as_json: JsonFlag = False) -> None:
    """Sync a paused connection again; the next sync closes the gap."""
    _set_paused(name, False, as_json)


@connections_app.command("remove")
@errors_in_words()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Forget a connection, its credentials and its sync log.

    Its costs leave the marts with the next build; to keep them, pause the connection instead.
    """
    settings = Settings()
    connection = registry.get(settings, name)
    question = (
        f"Remove connection {name} ({connection.provider}), its credentials and its costs in the marts?"
    )
    if not yes and not typer.confirm(question, err=True):
        say("Nothing was removed.")
        raise typer.Exit(WRONG)
    registry.remove(settings, name)
    say(f"Removed connection {name}.")
    if as_json:
        print_json({"name": name, "removed": True})


@connections_app.command("rotate")
@errors_in_words()
def rotate(
    name: Name,
    set_: SetOption = None,
    from_env: FromEnv = False,
    no_check: NoCheck = False,
    as_json: JsonFlag = False,
) -> None:
    """Replace a connection's credentials; the new ones are checked before the swap.

    Secrets are always asked for anew; other fields keep their value when not given.
    """
    settings = Settings()
    connection = registry.get(settings, name)
    known = form.known_provider(connection.provider)
    values = answers(known, set_, from_env, kept=connection.settings)
    with progress(
        f"Saving {name} ..." if no_check else f"Asking {known.title} what these credentials may read ..."
    ):
        registry.rotate(settings, name, values, is_checked=not no_check)
    say(f"Replaced the credentials of {name}.")
    _print_details(settings, _overview_of(settings, name), as_json)


def _set_paused(name: str, is_paused: bool, as_json: bool) -> None:
    settings = Settings()
    registry.set_paused(settings, name, is_paused)
    say(f"{'Paused' if is_paused else 'Resumed'} connection {name}.")
    if as_json:
        print_json(_overview_of(settings, name).as_json())


def _overview_of(settings: Settings, name: str) -> Overview:
    registry.get(settings, name)
    return next(one for one in overview(settings, datetime.now(UTC)) if one.connection.name == name)


def _print_details(settings: Settings, one: Overview, as_json: bool) -> None:
    connection, now = one.connection, datetime.now(UTC)
    last_requests, recent_requests = sync_log.requests_spent(
        settings, connection.id, now - timedelta(days=30)
    )
    provider = PROVIDERS.get(connection.provider)
    details = one.as_json() | {
        "id": connection.id,
        "account_id": connection.account_id,
        "account_name": connection.account_name,
        "settings": connection.settings,
        "readable_reports": connection.readable_reports,
        "is_paused": connection.is_paused,
        "created_at": connection.created_at,
        "checked_at": connection.checked_at,
        "requests_last_sync": last_requests,
        "requests_30_days": recent_requests,
        "next_routine_sync_at": provider and sync_log.due_at(settings, connection, provider, now),
    }
    if as_json:
        print_json(details)
    else:
        print_table(["field", "value"], list(details.items()))


def _card(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "title": provider.title,
        "tables": list(provider.tables),
        "fields": [
            {
                "name": field.name,
                "label": field.label,
                "help": field.help,
                "secret": field.is_secret,
                "required": field.is_required,
                "default": field.default,
            }
            for field in form.fields_of(provider)
        ],
        "docs": f"docs/providers/{provider.name}.md",
    }
