"""`meterhouse sync` and `meterhouse build`: run the pipeline's steps now, without Dagster."""

from datetime import UTC, datetime
from traceback import print_exception
from typing import Annotated, Any

import typer

from meterhouse.cli.output import WRONG, JsonFlag, errors_in_words, print_json, print_table, progress, say
from meterhouse.connections import registry
from meterhouse.connections.sync import SyncResult
from meterhouse.connections.sync import sync as sync_connection
from meterhouse.refresh import build as build_all
from meterhouse.settings import Settings


@errors_in_words()
def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Connections; all when none is named.")
    ] = None,
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day to pull.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day to pull.")
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """Pull usage and cost of connections now.

    The first time that is their history, afterwards a look back over days that may have been restated. The schedule of
    `meterhouse up` waits for the provider's interval (`meterhouse connections show`); this never does.
    """
    settings = Settings()
    chosen = [registry.get(settings, name) for name in names] if names else registry.find(settings)
    results = []
    for connection in chosen:
        if connection.is_paused:
            say(
                f"{connection.name} is paused: `meterhouse connections resume {connection.name}` starts it again."
            )
            continue
        with progress(f"Pulling {connection.name} ..."):
            results.append(
                sync_connection(
                    settings, connection, first_day and first_day.date(), last_day and last_day.date()
                )
            )
    if is_json:
        print_json([_as_json(result) for result in results])
    else:
        columns = ("connection", "first day", "last day", "rows", "requests", "result", "next step")
        print_table(
            columns, (tuple(_as_json(result).values()) for result in results), empty=_nothing(settings)
        )
    for result in results:
        if result.defect:
            print_exception(result.defect)
    if any(result.error for result in results):
        raise typer.Exit(WRONG)


def _nothing(settings: Settings) -> str:
    if registry.find(settings):
        return "Nothing was pulled: every connection is paused."
    return "No connections yet. Add one with `meterhouse connections add PROVIDER --name NAME`."


def _as_json(result: SyncResult) -> dict[str, Any]:
    return {
        "name": result.connection,
        "from": result.window.start,
        "to": result.window.days[-1],
        "rows": result.row_count,
        "requests": result.request_count,
        "result": result.error or "synced",
        "next_step": result.next_step,
    }


@errors_in_words()
def build(
    is_full: Annotated[bool, typer.Option("--full", help="Rebuild incremental models from nothing.")] = False,
    is_json: JsonFlag = False,
) -> None:
    """Load new event files, build and test the marts, publish them. Safe to repeat, and to kill and repeat."""
    started = datetime.now(UTC)
    with progress("Loading events, building, testing and publishing the marts ...") as tell:
        summary = build_all(Settings(), is_full, tell)
    if is_json:
        print_json(
            {
                "events": sum(load.event_count for load in summary.loads),
                "rejected": sum(load.rejected_count for load in summary.loads),
                "published": summary.published_rows,
            }
        )
    else:
        print_table(("mart", "rows"), summary.published_rows.items())
        say(f"Built and published in {(datetime.now(UTC) - started).total_seconds():.0f} s.")
