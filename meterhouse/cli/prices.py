"""`meterhouse prices`: the price book, what is above it, and what calls cost by it.

What belongs here: asking and answering. What does not: what any of it means (`meterhouse/pricing/`).
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import polars as pl
import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, plain, print_json, print_table, rfc3339, say
from meterhouse.errors import UsageError
from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.book import load_price_book, trimmed
from meterhouse.pricing.import_litellm_prices import disagreements, price_rows, read_table
from meterhouse.pricing.lookup import sheets_of
from meterhouse.pricing.overrides_file import Overrides, load_overrides
from meterhouse.pricing.quote import quote_file
from meterhouse.settings import Settings

prices_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The price book, negotiated prices above it, and what calls cost by it.",
)

_TOKENS = {bucket.token_type for bucket in BUCKETS if bucket.field.endswith("_tokens")} | {"characters"}

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
    load_price_book(path)
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
    """What a model costs: unit prices by provider, tier, region and context threshold, and where they are from.

    Examples: `meterhouse prices show gpt-4o` · `meterhouse prices show claude-sonnet-4-5 --provider aws_bedrock`
    """
    moment = None if has_history else at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    book = load_price_book(overrides or Settings().price_overrides_file)
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
                _per_unit(price["token_type"], price["unit_price_usd"]),
                _days(sheet),
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
    book = load_price_book(overrides or Settings().price_overrides_file)
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


@prices_app.command("diff")
@errors_in_words()
def diff(
    books: Annotated[
        Path,
        typer.Option("--books", help="LiteLLM's wheel, or its price table, to hold against the price book."),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Where two price books disagree on Azure's prices of today; the price book's own price is the one that counts."""
    book, now = load_price_book(), datetime.now(UTC)
    try:
        table, version = read_table(books)
    except (OSError, ValueError, KeyError, BadZipFile):
        raise UsageError(f"{books} is neither LiteLLM's wheel nor its price table.") from None
    in_force = book.prices.filter((pl.col("valid_from") <= now) & (pl.col("valid_to") > now))
    agreeing, found = disagreements(in_force, list(price_rows(table, book.aliases, version, rfc3339(now))))
    rows = [
        row
        | {"region": row["region"] or None, "above_input_tokens": max(row["above_input_tokens"], 0)}
        | {name: trimmed(row[name]) for name in ("unit_price_usd", "litellm_unit_price_usd")}
        for row in found.iter_rows(named=True)
    ]
    if as_json:
        print_json({"agreeing": agreeing, "disagreeing": rows})
        return
    print_table(
        ["model", "tier", "region", "above", "token type", "price book", "LiteLLM"],
        [
            (
                f"{row['provider']} {row['model']}",
                row["tier"],
                row["region"],
                row["above_input_tokens"] or None,
                row["token_type"],
                _per_unit(row["token_type"], row["unit_price_usd"]),
                _per_unit(row["token_type"], row["litellm_unit_price_usd"]),
            )
            for row in rows
        ],
    )
    say(f"The books agree on {agreeing} prices and disagree on {len(rows)}.")


def _item(item: dict[str, Any]) -> str:
    price = item["unit_price_usd"]
    return f"{item['quantity']} {item['token_type']} at {'no price' if price is None else f'{price:f}'}"


def _per_unit(token_type: str, unit_price: Decimal) -> str:
    is_token = token_type in _TOKENS
    return f"{trimmed(unit_price * 1_000_000):f} per million" if is_token else f"{unit_price:f} each"


def _days(sheet: dict[str, Any]) -> str | None:
    """The days of a sheet, the last one left out."""
    ends = [sheet[name] and f"{sheet[name]:%Y-%m-%d}" for name in ("valid_from", "valid_to")]
    return None if not any(ends) else f"{ends[0] or ''}..{ends[1] or ''}"
