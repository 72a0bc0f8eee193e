"""`meterhouse prices update|reprice|versions|diff`: another price book, what it changes in money, and applying it.

What belongs here: asking and answering. What does not: what any of it means (`meterhouse/pricing/`).
"""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import polars as pl
import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, rfc3339, say
from meterhouse.cli.price_words import days, per_unit, plain_numbers, usd
from meterhouse.errors import UsageError
from meterhouse.pricing.import_litellm_prices import disagreements, opinion_rows, read_table
from meterhouse.pricing.merge import differences
from meterhouse.pricing.reprice import Preview, preview
from meterhouse.pricing.reprice import reprice as load_again
from meterhouse.pricing.sources import PUBLISHED
from meterhouse.pricing.update import Plan, apply, plan_update
from meterhouse.pricing.versions import current_book, listed_in, version_of, versions
from meterhouse.settings import Settings

_SHOWN_CHANGES = 50
_DAY = ["%Y-%m-%d"]
_Days = Annotated[int, typer.Option(min=1, help="How many days of stored events the preview is of.")]
_IsSure = Annotated[
    bool, typer.Option("--apply", help="Do it; without this, only what would change is shown.")
]


@errors_in_words()
def update(
    places: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE|URL",
            help=f"A newer book, or {' or '.join(PUBLISHED)} for what that project publishes now; may be repeated. "
            "Default the book shipped with this release.",
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            formats=_DAY,
            help="UTC day since when changes hold whose day the source does not tell; default today.",
        ),
    ] = None,
    period: Annotated[
        int, typer.Option("--days", min=1, help="Days of stored events that are previewed.")
    ] = 30,
    is_sure: _IsSure = False,
    is_json: JsonFlag = False,
) -> None:
    """Bring newer prices in: shows what changes in money by model first, and changes nothing without --apply.

    Versions of the book are kept for good (`meterhouse prices versions`). Stored events whose price changes are loaded
    again; `meterhouse build` then brings them into the marts.

    Example: meterhouse prices update --from genai-prices --from litellm
    """
    settings, now = Settings(), datetime.now(UTC)
    holds_from = (since or now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    with progress("Reading the newer prices ..."):
        plan = plan_update(settings, places or [None], holds_from, now)
        found = _previewed(settings, plan, now - timedelta(days=period), now)
    if not is_json:
        _print_changes(plan)
        _print_preview(found, period)
    is_sure = is_sure or _is_wanted(is_json, bool(plan.steps or found.partitions))
    recorded = apply(settings, plan, now) if is_sure else []
    event_count = _loaded(settings, found) if is_sure else None
    if is_json:
        print_json(
            {
                "is_applied": is_sure,
                "versions": [one.number for one in recorded],
                "price_changes": [plain_numbers(row) for row in plan.price_changes],
                "alias_changes": plan.alias_count,
                **_preview_json(found),
            }
        )
        return
    for one in recorded:
        say(f"Version {one.number} of the price book is in force: {one.source} {one.source_version}.")
    if plan.steps or found.partitions:
        _say_outcome(found, event_count)


@errors_in_words()
def reprice(
    period: _Days = 30,
    is_sure: _IsSure = False,
    is_json: JsonFlag = False,
) -> None:
    """Price stored events by the book and overrides now in force: shows what changes in money by model first.

    Their files are loaded again; `meterhouse build` then brings them into the marts. For after a change of overrides.
    """
    settings, now = Settings(), datetime.now(UTC)
    book = current_book(settings)
    with progress("Pricing the stored events ..."):
        found = preview(settings, book, book, now - timedelta(days=period), now, now)
    if not is_json:
        _print_preview(found, period)
    is_sure = is_sure or _is_wanted(is_json, bool(found.partitions))
    event_count = _loaded(settings, found) if is_sure else None
    if is_json:
        print_json({"is_applied": is_sure, **_preview_json(found)})
        return
    if found.partitions:
        _say_outcome(found, event_count)


@errors_in_words()
def list_versions(is_json: JsonFlag = False) -> None:
    """The versions of the price book, oldest first; the last one is in force. 0 is shipped with the release."""
    rows = [
        {
            "version": one.number,
            "recorded_at": one.recorded_at,
            "source": one.source,
            "source_version": one.source_version,
            "place": one.place,
            "holds_from": one.holds_from,
            "prices": listed_in(one).prices.height,
        }
        for one in versions(Settings())
    ]
    if is_json:
        print_json(rows)
    else:
        print_table(tuple(rows[0]), (tuple(row.values()) for row in rows))


@errors_in_words()
def diff(
    before: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="The earlier version.")] = None,
    after: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="The later one.")] = None,
    books: Annotated[
        Path | None,
        typer.Option("--books", help="LiteLLM's wheel, or its price table, to hold against the price book."),
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """What changed between two versions of the price book, or where two books disagree today.

    Examples: `meterhouse prices diff 0 1` · `meterhouse prices diff --books litellm.whl`
    """
    if books is not None and before is None:
        _diff_books(books, is_json)
        return
    if before is None or after is None or books is not None:
        raise UsageError(
            "There are no two things to compare.",
            "Give two versions (`meterhouse prices versions` lists them), or --books FILE.",
        )
    settings = Settings()
    old, new = (listed_in(version_of(settings, number)).regional_prices for number in (before, after))
    rows = differences(old, new)
    if is_json:
        print_json([plain_numbers(row) for row in rows])
        return
    _print_prices(rows, [f"version {before}", f"version {after}"])
    say(f"{len(rows)} prices differ.")


def _diff_books(books: Path, is_json: bool) -> None:
    now = datetime.now(UTC)
    try:
        table, version = read_table(books)
    except (OSError, ValueError, KeyError, BadZipFile):
        raise UsageError(f"{books} is neither LiteLLM's wheel nor its price table.") from None
    listing = listed_in(versions(Settings())[-1])
    in_force = listing.prices.filter((pl.col("valid_from") <= now) & (pl.col("valid_to") > now))
    agreeing, found = disagreements(
        in_force, list(opinion_rows(table, listing.aliases, version, rfc3339(now)))
    )
    rows = [
        plain_numbers(row)
        | {
            "region": row["region"] or None,
            "hours": row["hours"] or None,
            "above_input_tokens": max(row["above_input_tokens"], 0),
        }
        for row in found.iter_rows(named=True)
    ]
    if is_json:
        print_json({"agreeing": agreeing, "disagreeing": rows})
        return
    both = {"unit_price_usd": "before_usd", "litellm_unit_price_usd": "after_usd"}
    undated = {"valid_from": None, "valid_to": None}
    _print_prices(
        [{both.get(name, name): value for name, value in row.items()} | undated for row in rows],
        ["price book", "LiteLLM"],
    )
    say(f"The books agree on {agreeing} prices and disagree on {len(rows)}.")


def _print_prices(rows: list[dict[str, Any]], names: list[str], empty: str | None = None) -> None:
    print_table(
        ["model", "tier", "region", "above", "token type", "days", *names],
        [
            (
                f"{row['provider']} {row['model']}",
                row["tier"],
                row["region"] or None,
                row["above_input_tokens"] or None,
                row["token_type"],
                days(row),
                per_unit(row["token_type"], row["before_usd"]),
                per_unit(row["token_type"], row["after_usd"]),
            )
            for row in rows
        ],
        empty=empty,
    )


def _previewed(settings: Settings, plan: Plan, start: datetime, now: datetime) -> Preview:
    """The preview of a plan; an empty one where nothing is published that could be previewed."""
    if not settings.published_path.exists():
        say("Nothing is published yet, so there are no stored events to preview.")
        return Preview()
    return preview(settings, current_book(settings), plan.book, start, now, now)


def _print_changes(plan: Plan) -> None:
    if len(plan.price_changes) <= _SHOWN_CHANGES:
        _print_prices(
            plan.price_changes, ["price now", "new price"], empty="No price differs from the book in force."
        )
    else:
        models = {(row["provider"], row["model"]) for row in plan.price_changes}
        say(f"{len(plan.price_changes)} prices of {len(models)} models differ; --json lists them all.")
    if plan.alias_count:
        say(f"{plan.alias_count} names of models are new, or stand for another model.")


def _print_preview(found: Preview, period: int) -> None:
    print_table(
        [
            *("model", f"events of {period} days", "USD at prices now", "USD at new prices"),
            *("events repriced", "USD stored", "USD repriced", "get a price", "lose it"),
        ],
        [
            (
                f"{row['provider']} {row['model']}",
                *(row["event_count"], usd(row["now_usd"]), usd(row["new_usd"]), row["repriced_count"]),
                *(usd(row["before_usd"]), usd(row["after_usd"])),
                *(row["newly_priced_count"], row["newly_unpriced_count"]),
            )
            for row in found.by_model.iter_rows(named=True)
        ],
        empty=f"No event of the last {period} days would cost anything else.",
    )
    if found.gone_count:
        say(
            f"{found.gone_count} event files with other prices are in the landing zone no more: their events keep "
            "the price they have."
        )


def _preview_json(found: Preview) -> dict[str, Any]:
    before, after = _totals(found)
    return {
        "models": [plain_numbers(row) for row in found.by_model.iter_rows(named=True)],
        "files": len(found.partitions),
        "files_gone": found.gone_count,
        "repriced_events": found.by_model["repriced_count"].sum(),
        **plain_numbers({"before_usd": before, "after_usd": after, "difference_usd": after - before}),
    }


def _totals(found: Preview) -> tuple[Decimal, Decimal]:
    rows = found.by_model.select("before_usd", "after_usd").rows()
    return sum((before for before, _ in rows), Decimal(0)), sum((after for _, after in rows), Decimal(0))


def _is_wanted(is_json: bool, has_something: bool) -> bool:
    """Whether the user says yes; nobody is asked where nobody is there, or there is nothing to do."""
    return has_something and not is_json and sys.stdin.isatty() and typer.confirm("Apply this?", err=True)


def _loaded(settings: Settings, found: Preview) -> int:
    with progress(f"Loading event files again ({len(found.partitions)}) ..."):
        return load_again(settings, found)


def _say_outcome(found: Preview, event_count: int | None) -> None:
    before, after = _totals(found)
    sign = "+" if after > before else ""
    change = f"{usd(before)} USD to {usd(after)} USD ({sign}{usd(after - before)})"
    if event_count is None:
        say(f"Nothing is applied. With --apply, stored events change from {change}.")
    else:
        say(f"{event_count} events of {len(found.partitions)} files were loaded again: {change}.")
        say("`meterhouse build` brings them into the marts.")
