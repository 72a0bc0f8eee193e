"""`meterhouse export`: the numbers as files for other tools."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, say
from meterhouse.focus import FOCUS_VERSION, export_focus
from meterhouse.settings import Settings

export_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The numbers as files for other tools."
)


@export_app.callback()
def _export() -> None:
    """The numbers as files for other tools."""


@export_app.command("focus")
@errors_in_words()
def focus(
    out: Annotated[Path, typer.Option(help="File to write: .csv or .parquet.", show_default=False)],
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day.")
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """Write what was billed as a FOCUS 1.2 file, the FinOps standard.

    Example: meterhouse export focus --out november.parquet --from 2026-11-01 --to 2026-11-30
    """
    done = export_focus(Settings(), out, first_day and first_day.date(), last_day and last_day.date())
    if is_json:
        print_json(
            {
                "file": str(done.file),
                "focus_version": FOCUS_VERSION,
                "rows": done.row_count,
                "billed_usd": done.billed_cost_usd,
                "from": done.first_day,
                "to": done.last_day,
                "left_out": {"provisional": done.provisional_count, "unknown_usd": done.unknown_usd_count},
            }
        )
        return
    days = f", {done.first_day} to {done.last_day}" if done.row_count else ""
    say(f"Wrote {done.row_count:,} rows, {done.billed_cost_usd:f} USD billed{days}, to {done.file}.")
    if done.provisional_count:
        say(f"Left out: {done.provisional_count:,} lines of days that are not billed finally yet.")
    if done.unknown_usd_count:
        say(f"Left out: {done.unknown_usd_count:,} lines whose amount in USD is unknown.")
