"""`meterhouse report`: the report for people, or as JSON."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from meterhouse.alerts.wording import group_text
from meterhouse.cli.output import JsonFlag, errors_in_words, print_json
from meterhouse.errors import UsageError
from meterhouse.report import CAUSES, DIMENSIONS, build_report, disputes, usd
from meterhouse.settings import Settings

STATUS_COLOURS = {"connected": "green", "pending": "yellow", "disconnected": "red"}


@errors_in_words()
def report(
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day.")
    ] = None,
    by: Annotated[
        str, typer.Option(help=f"Break down by one or more of: {', '.join(DIMENSIONS)} (comma separated).")
    ] = "provider",
    html: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Write the cost report as one HTML page, with charts, to this file."
        ),
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """What was billed, who caused it, and why metered and billed differ.

    Examples: `meterhouse report --by customer` · `meterhouse report --by provider,model --from 2026-11-01 --json` ·
    `meterhouse report --html costs.html`
    """
    if html is not None:
        _write_page(html, first_day and first_day.date(), last_day and last_day.date())
        return
    dimensions = list(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    show(Settings(), first_day and first_day.date(), last_day and last_day.date(), dimensions, is_json)


def show(
    settings: Settings,
    first_day: date | None = None,
    last_day: date | None = None,
    dimensions: Sequence[str] = (),
    is_json: bool = False,
) -> None:
    """Print the report of some days by dimensions (by provider unless told), with what price books differ on."""
    by = list(dimensions) or ["provider"]
    answer = build_report(settings, first_day, last_day, by)
    disputed = disputes(settings, answer)
    if is_json:
        print_json(answer | {"disputed_prices": disputed})
        return
    console = Console(highlight=False)
    console.print(_rendered(answer, by))
    if disputed:
        console.print(_disputes(disputed))


def _write_page(path: Path, first_day: date | None, last_day: date | None) -> None:
    from meterhouse.console.cost_report import cost_report  # noqa: PLC0415 (the drawing takes a second to load)

    try:
        path.write_text(cost_report(Settings(), first_day, last_day), encoding="utf-8")
    except OSError as fault:
        raise UsageError(
            f"{path} cannot be written: {fault.strerror}.", "Name a file in a folder that exists."
        ) from None
    Console(stderr=True, highlight=False).print(
        f"Wrote {path}: open it in any browser.", markup=False, soft_wrap=True
    )


def _rendered(answer: dict[str, Any], by: list[str]) -> Group:
    """The report as a page for a terminal."""
    days = f"{answer['from'] or 'the first day'} to {answer['to'] or 'the last day'}"
    title = f"AI spend, {days} (UTC days, {answer['currency']})"
    return Group(
        Panel(_summary(answer), title=title, title_align="left"),
        _breakdown(answer, by),
        _connections(answer["connections"]),
        _alerts(answer["alerts"]),
    )


def _summary(answer: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column(style="dim")
    coverage = answer["coverage"]
    share = f"{coverage * 100:.2f} % of billed usage" if coverage is not None else "no usage was billed"
    grid.add_row(
        "[bold]Billed[/bold]", f"[bold]{usd(answer['billed'])}[/bold]", "by the providers, days that are over"
    )
    grid.add_row("  attributed", usd(answer["attributed"]), share)
    grid.add_row("  unattributed", usd(answer["unattributed"]), "billed, but nobody metered it")
    grid.add_row("  credits", usd(answer["credits"]), "")
    grid.add_row("  other", usd(answer["other"]), "taxes, fees, purchases")
    grid.add_row(
        "[bold]Metered[/bold]",
        f"[bold]{usd(answer['metered'])}[/bold]",
        "by your applications, at list price",
    )
    grid.add_row("Billed − metered", usd(answer["billed"] - answer["metered"]), "credits and other, and:")
    for cause, meaning in CAUSES.items():
        grid.add_row(f"  {cause}", usd(answer["variance"][cause]), meaning)
    grid.add_row("Not billed yet", usd(answer["provisional"]), "estimate from metered calls; in no sum above")
    return grid


def _breakdown(answer: dict[str, Any], by: list[str]) -> Table:
    table = Table(*by, title=f"By {', '.join(by)}", title_justify="left", header_style="bold")
    amounts = ["billed", "attributed", "metered"]
    if any(row["provisional"] for row in answer["rows"]):
        amounts.append("provisional")
    for column in (*amounts, "events"):
        table.add_column("not billed yet" if column == "provisional" else column, justify="right")
    for row in answer["rows"]:
        cells = [Text("(none)" if row[name] is None else str(row[name])) for name in by]
        table.add_row(*cells, *(usd(row[name]) for name in amounts), f"{row['events']:,}")
    return table


def _connections(connections: list[dict[str, Any]]) -> Table:
    table = Table(
        "connection",
        "provider",
        "status",
        "reason",
        title="Connections",
        title_justify="left",
        header_style="bold",
    )
    for one in connections:
        status = Text(one["status"], style=STATUS_COLOURS[one["status"]])
        table.add_row(Text(one["name"]), one["provider"], status, Text(one["reason"]))
    return table


def _disputes(disputed: list[dict[str, Any]]) -> Table:
    table = Table(
        *("provider", "model", "token type"),
        title="Prices on which the books differ by more than 1 %: metered calls by each",
        title_justify="left",
        header_style="bold",
    )
    for column in ("price book", "other book", "difference"):
        table.add_column(column, justify="right")
    for row in disputed:
        amounts = (usd(row[name]) for name in ("cost_usd", "other_cost_usd", "difference_usd"))
        table.add_row(row["provider"], Text(row["model"]), row["token_type"], *amounts)
    return table


def _alerts(alerts: list[dict[str, Any]]) -> Table | Text:
    if not alerts:
        return Text("No alert fired.")
    table = Table(title="Alerts", title_justify="left", header_style="bold")
    for column in ("rule", "group", "value", "limit", "crossed at", "resolved"):
        table.add_column(column, overflow="fold")
    for alert in alerts:
        resolved = alert["resolved_at"]
        table.add_row(
            Text(alert["rule"]),
            Text(group_text(alert["group"])),
            Text(alert["value"]),
            Text(alert["limit"]),
            f"{alert['fired_at']:%Y-%m-%d %H:%M} UTC",
            f"{resolved:%Y-%m-%d %H:%M} UTC" if resolved else Text("firing", style="red"),
        )
    return table
