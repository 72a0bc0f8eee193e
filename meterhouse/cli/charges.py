"""`meterhouse charges`: what was believed about a bill, and what became of it."""

from datetime import datetime
from typing import Annotated, Any

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, say
from meterhouse.errors import UsageError
from meterhouse.restatements import charges_as_of, restatements
from meterhouse.settings import Settings

charges_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What was believed about a bill, and what became of it."
)
_DAY = ["%Y-%m-%d"]
FirstDay = Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First UTC day billed.")]
LastDay = Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last UTC day billed.")]


@charges_app.command("as-of")
@errors_in_words()
def as_of(
    day: Annotated[datetime, typer.Argument(formats=_DAY, help="UTC day at whose end to look.")],
    billed_day: Annotated[
        datetime | None, typer.Option("--day", formats=_DAY, help="One billed day, line by line.")
    ] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    is_json: JsonFlag = False,
) -> None:
    """What was believed at the end of a day about the bills, beside what is believed now.

    Example: meterhouse charges as-of 2026-11-20 --day 2026-11-18
    """
    if billed_day and (first_day or last_day):
        raise UsageError("--day says one day, --from and --to say many.", "Give one or the other.")
    first, last = billed_day or first_day, billed_day or last_day
    with progress("Building the bills from what was known then ..."):
        found = charges_as_of(Settings(), day.date(), first and first.date(), last and last.date())
    if is_json:
        print_json({"before": found.before, "days": found.days, "lines": found.lines})
    elif billed_day:
        print_table(
            ("connection", "line", "project", "then USD", "now USD", "change"),
            (
                (line["connection"], line["sku"], line["provider_project"], *_amounts(line))
                for line in found.lines
            ),
            empty=f"No line of {billed_day:%Y-%m-%d} was known then, nor is now.",
        )
    else:
        print_table(
            ("day", "connection", "then USD", "now USD", "change"),
            ((one["day"], one["connection"], *_amounts(one)) for one in found.days),
            empty="No bill of these days was known then, nor is now.",
        )
    if not is_json and any(line["then_provisional"] for line in found.lines):
        say("* the day was not over when it was last seen.")


@charges_app.command("restated")
@errors_in_words()
def restated(first_day: FirstDay = None, last_day: LastDay = None, is_json: JsonFlag = False) -> None:
    """Each time a provider changed the bill of a day that was over: what it was, what it became, and when."""
    rows = restatements(Settings(), first_day and first_day.date(), last_day and last_day.date())
    if is_json:
        print_json(rows)
        return
    print_table(
        ("day", "connection", "report", "was USD", "became USD", "change", "seen at"),
        (
            (
                row["day"], row["connection"], row["report"], _usd(row["was_usd"]), _usd(row["is_usd"]),
                _usd(row["change_usd"]), row["seen_at"],
            )
            for row in rows
        ),
        empty="No provider changed the bill of a day that was over.",
    )  # fmt: skip


def _amounts(row: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    then, now = row["then_usd"], row["now_usd"]
    mark = "*" if row["then_provisional"] and then is not None else ""
    change = None if then is None and now is None else (now or 0) - (then or 0)
    return f"{_usd(then)}{mark}", _usd(now), _usd(change)


def _usd(amount: Any) -> str | None:
    return "-" if amount is None else f"{amount.normalize() if amount else 0:f}"
