"""`meterhouse prompts`: the prompts and answers this installation keeps."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress
from meterhouse.events.retention import purge_prompts
from meterhouse.settings import Settings
from meterhouse.warehouse.publish import publish

prompts_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The prompts and answers this installation keeps."
)


@prompts_app.callback()
def _prompts() -> None:
    """Prompts and answers are kept apart from events, and only where METERHOUSE_PROMPTS=on. See docs/prompts.md."""


@prompts_app.command("purge")
@errors_in_words()
def purge(
    days: Annotated[
        int | None,
        typer.Option("--older-than-days", min=0, help="Default: METERHOUSE_PROMPTS_RETENTION_DAYS."),
    ] = None,
    is_yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    is_json: JsonFlag = False,
) -> None:
    """Delete old prompts for good: from the landing zone, the warehouse and the published marts. Builds do it too.

    Example: meterhouse prompts purge --older-than-days 0
    """
    settings = Settings()
    kept_days = settings.prompts_retention_days if days is None else days
    if not is_yes:
        typer.confirm(f"Delete all prompts older than {kept_days} days?", abort=True, err=True)
    with progress("Deleting old prompts ..."):
        done = purge_prompts(settings, datetime.now(UTC), kept_days)
        if done.mart_row_count:
            publish(settings)
    answer = {"files": done.file_count, "rows": done.row_count, "published": done.mart_row_count}
    if is_json:
        print_json(answer)
    else:
        print_table(tuple(answer), [tuple(answer.values())])
