"""`meterhouse prices`: the price book, what is above it, and what calls cost by it.

What belongs here: asking and answering. What does not: what any of it means (`meterhouse/pricing/`).
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, plain, print_json, print_table, say
from meterhouse.cli.price_updates import diff, list_versions, reprice, update
from meterhouse.cli.price_words import days, per_unit
from meterhouse.cli.what_if import what_if
from meterhouse.pricing.book import trimmed
from meterhouse.pricing.lookup import sheets_of
from meterhouse.pricing.overrides_file import Overrides, load_overrides
from meterhouse.pricing.quote import quote_file
from meterhouse.pricing.unmatched import unmatched
from meterhouse.pricing.versions import current_book
from meterhouse.settings import Settings

prices_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The price book, negotiated prices above it, and what calls cost by it.",
)

OverridesFile = Annotated[
    Path | None,
    typer.Option(
        "--overrides", help="The price overrides, if not the file in METERHOUSE_PRICE_OVERRIDES_FILE."
    ),
]


@prices_app.command("check")
@errors_in_words()
def check(overrides: OverridesFile = None, as_json: JsonFlag = False) -> None:
    """Check the price overrides: one sentence with file and line per fault; exit code 1 if there is any."""
    path = overrides or Settings().price_overrides_file
    found = load_overrides(path)
    current_book(Settings(), path)
    if as_json:
        kept = {"prices", "discounts", "aliases"}
        print_json(found.model_dump(mode="json", by_alias=True, exclude_none=True, include=kept))
        return
    print_table(
        ["override", "provider", "models", "tiers", "region", "from", "to", "what"],
        _rows(found),
        empty="There are no overrides: every price is the listed one. docs/prices.md says how to write one.",
    )
    say(f"Overrides in force: {sum(map(len, (found.prices, found.discounts, found.aliases)))}. No faults.")


def _rows(found: Overrides) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (
            "price",
            one.provider,
            one.model,
            one.tier,
            one.region,
            one.first_day,
            one.last_day,
            [f"{name} {price:f} per million" for name, price in one.usd_per_million.items()]
            + [f"{name} {price:f}" for name, price in one.usd_per_unit.items()],
        )
        for one in found.prices
    ]
    rows += [
        (
            "discount",
            one.provider,
            list(one.models) or "all",
            list(one.tiers),
            None,
            one.first_day,
            one.last_day,
            f"{one.percent:f} % off",
        )
        for one in found.discounts
    ]
    rows += [
        ("alias", one.provider, one.model, None, None, None, None, f"also {one.alias}")
        for one in found.aliases
    ]
    return rows


@prices_app.command("show")
@errors_in_words()
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by any of its names.")],
    provider: Annotated[str | None, typer.Option(help="Only of this provider.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=["%Y-%m-%d"], help="In force on this UTC day; default now."),
    ] = None,
    has_history: Annotated[
        bool, typer.Option("--history", help="Every sheet there is, past and coming.")
    ] = False,
    overrides: OverridesFile = None,
    as_json: JsonFlag = False,
) -> None:
    """What a model costs: unit prices by provider, tier, region, hours (UTC) and context threshold, and their source.

    Examples: `meterhouse prices show gpt-4o` · `meterhouse prices show claude-sonnet-4-5 --provider aws_bedrock`
    """
    moment = None if has_history else at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    book = current_book(Settings(), overrides)
    found = sheets_of(book, model, provider, moment)
    if as_json:
        print_json(found)
        return
    print_table(
        ["model", "tier", "region", "above", "token type", "USD", "days", "source"],
        [
            (
                f"{sheet['provider']} {sheet['model']}",
                sheet["tier"],
                sheet["region"],
                price["above_input_tokens"] or None,
                price["token_type"],
                per_unit(price["token_type"], price["unit_price_usd"]),
                days(sheet),
                " ".join(filter(None, (sheet["source"], sheet["source_version"]))),
            )
            for sheet in found
            for price in sheet["prices"]
        ],
    )


@prices_app.command("quote")
@errors_in_words()
def quote(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines: calls with usage objects, or events.")
    ],
    overrides: OverridesFile = None,
    as_json: JsonFlag = False,
) -> None:
    """What calls cost by the price book, with a line per token type; with --json one JSON line each.

    A line is a native event, or `{"id", "provider", "model", "at", "usage": {the provider's own usage object}}`.
    """
    book = current_book(Settings(), overrides)
    answers = quote_file(file, book, datetime.now(UTC))
    if as_json:
        for answer in answers:
            typer.echo(json.dumps(answer, ensure_ascii=False, default=plain))
        return
    print_table(
        ["id", "model", "cost in USD", "status", "line items", "reason"],
        [
            (
                one["id"],
                one.get("model"),
                one["cost_usd"] and f"{trimmed(one['cost_usd']):f}",
                one["cost_status"],
                [_item(item) for item in one["line_items"]],
                one.get("reason"),
            )
            for one in answers
        ],
        empty="The file holds no call.",
    )
    total = sum((one["cost_usd"] for one in answers if one["cost_usd"] is not None), Decimal(0))
    unknown = sum(one["cost_usd"] is None for one in answers)
    say(f"{trimmed(total):f} USD for {len(answers) - unknown} calls; the cost of {unknown} is unknown.")


def _item(item: dict[str, Any]) -> str:
    price = item["unit_price_usd"]
    return f"{item['quantity']} {item['token_type']} at {'no price' if price is None else f'{price:f}'}"


@prices_app.command("unmatched")
@errors_in_words()
def list_unmatched(
    period: Annotated[
        int, typer.Option("--days", min=1, help="How many days of stored calls to look at.")
    ] = 30,
    as_json: JsonFlag = False,
) -> None:
    """Calls without a price, and why: an unknown model, a tier without a price, a quantity without one.

    Give the model a price, or its name an alias, in the price overrides; then `meterhouse prices reprice`.
    """
    settings, now = Settings(), datetime.now(UTC)
    rows = unmatched(settings, current_book(settings), now - timedelta(days=period), now)
    if as_json:
        print_json(rows)
        return
    print_table(
        ["provider", "model", "tier", "region", "calls", "first", "last", "why", "near names"],
        (tuple(row.values()) for row in rows),
        empty=f"Every call of the last {period} days that used anything has a price.",
    )


prices_app.command("update")(update)
prices_app.command("reprice")(reprice)
prices_app.command("what-if")(what_if)
prices_app.command("versions")(list_versions)
prices_app.command("diff")(diff)
