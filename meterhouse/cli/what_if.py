"""`meterhouse prices what-if`: what stored calls would have cost otherwise."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, say
from meterhouse.cli.price_words import plain_numbers, usd
from meterhouse.errors import UsageError
from meterhouse.pricing.overrides_file import TIERS
from meterhouse.pricing.versions import current_book
from meterhouse.pricing.what_if import DIMENSIONS, Change
from meterhouse.pricing.what_if import what_if as compare
from meterhouse.settings import Settings

_DAY = ["%Y-%m-%d"]
_TOTALS = ("stored_usd", "before_usd", "after_usd")


@errors_in_words()
def what_if(
    model: Annotated[str | None, typer.Option(help="Another model, by any of its names.")] = None,
    provider: Annotated[str | None, typer.Option(help="Another provider; default each call's own.")] = None,
    tier: Annotated[str | None, typer.Option(help=f"Another tier: {', '.join(TIERS)}.")] = None,
    is_batch: Annotated[bool, typer.Option("--batch", help="The same as --tier batch.")] = False,
    cached_percent: Annotated[
        int | None,
        typer.Option(
            "--cached", min=0, max=100, help="At least this percentage of the input is read from a cache."
        ),
    ] = None,
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First UTC day; default 30 days ago.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, help="Last UTC day; default today.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help=f"Only these calls; of a name said twice either value. Names: {', '.join(DIMENSIONS)}.",
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="What the answer is told apart by; the same names.")] = "model",
    is_json: JsonFlag = False,
) -> None:
    """What the calls of a period would have cost on another model, in another tier, or with more caching.

    Both are priced by the book in force, so the difference is the change's alone; the token counts stay as they were.
    Calls whose cost is not known both ways are counted, and in neither sum.

    Example: meterhouse prices what-if --model gpt-4o-mini --where model=gpt-4o --where customer=acme

    Example: meterhouse prices what-if --batch --where task_type=nightly-summary --by customer
    """
    settings, today = Settings(), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = first_day.replace(tzinfo=UTC) if first_day else today - timedelta(days=30)
    end = (last_day.replace(tzinfo=UTC) if last_day else today) + timedelta(days=1)
    if end <= start:
        raise UsageError("--from is after --to.", "Give --from a day no later than --to.")
    change = Change(provider, model, _tier(tier, is_batch), cached_percent)
    with progress("Pricing the stored calls ..."):
        found = compare(settings, current_book(settings), change, start, end, _conditions(where or []), by)
    rows = [
        row | {"difference_usd": row["after_usd"] - row["before_usd"]} for row in found.iter_rows(named=True)
    ]
    totals = {name: sum((row[name] for row in rows), Decimal(0)) for name in (*_TOTALS, "difference_usd")}
    if is_json:
        print_json(
            {
                "from": start.date(),
                "to": (end - timedelta(days=1)).date(),
                "rows": [plain_numbers(row) for row in rows],
                "event_count": sum(row["event_count"] for row in rows),
                "compared_count": sum(row["compared_count"] for row in rows),
                **plain_numbers(totals),
            }
        )
        return
    print_table(
        [by, "calls", "compared", "USD stored", "USD as they were", "USD what if", "difference"],
        [
            (
                *(row[by], row["event_count"], row["compared_count"]),
                *(usd(row[name]) for name in (*_TOTALS, "difference_usd")),
            )
            for row in rows
        ],
        empty="There are no such calls in these days.",
    )
    unknown = sum(row["event_count"] - row["compared_count"] for row in rows)
    sign = "+" if totals["difference_usd"] > 0 else ""
    say(
        f"{usd(totals['before_usd'])} USD would have been {usd(totals['after_usd'])} USD "
        f"({sign}{usd(totals['difference_usd'])}); the cost of {unknown} calls is not known both ways."
    )


def _tier(tier: str | None, is_batch: bool) -> str | None:
    if is_batch and tier not in (None, "batch"):
        raise UsageError("--batch and --tier say different tiers.", "Give one of the two.")
    if tier is not None and tier not in TIERS:
        raise UsageError(f"There is no tier {tier!r}.", f"Tiers are {', '.join(TIERS)}.")
    return "batch" if is_batch else tier


def _conditions(where: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in where:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"--where {one!r} has no '='.", "Write --where NAME=VALUE.")
        found.setdefault(name, []).append(value)
    return found
