"""How commands speak: the answer on stdout, as a table or as JSON; everything else on stderr.

What belongs here: what every command shares (the `--json` flag, tables, JSON, progress, errors in words and
their exit codes). What does not: any command.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.bar import Bar
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from dlt_sources.contract import ProviderError
from meterhouse.errors import MeterhouseError, UsageError, is_full_disk
from meterhouse.settings import Settings

WRONG, WRONG_USAGE = 1, 2
_BOUNDLESS = 100_000
_LINES_A_ROW = 3
_BAR_WIDTH = 30
"""How often a terminal's width a row may be long before a table of narrow columns is no help."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print a stable machine answer on stdout.")]

_STDOUT = Console(markup=False, highlight=False)
_STDERR = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def print_json(answer: Any) -> None:
    """The machine answer: money as decimal text, times as RFC 3339 UTC."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str | None = None) -> None:
    """The answer for people; None shows as a dash, and nothing is ever cut off.

    Where the columns do not fit side by side with their words whole, or only as thin strips, each row is a block
    of lines.

    Args:
        columns: Headings.
        rows: Cells, in the order of the columns.
        empty: Said on stderr in place of a table without rows.
    """
    shown = [[Text("-" if cell is None else _shown(cell)) for cell in row] for row in rows]
    if empty and not shown:
        say(empty)
        return
    table = Table(*(Column(column, overflow="fold") for column in columns), header_style="bold")
    for row in shown:
        table.add_row(*row)
    natural = Measurement.get(_STDOUT, _STDOUT.options.update_width(_BOUNDLESS), table)
    if natural.minimum <= _STDOUT.width and natural.maximum <= _LINES_A_ROW * _STDOUT.width:
        _STDOUT.print(table)
        return
    for row in shown:
        block = Table.grid(Column(style="bold", overflow="fold"), Column(overflow="fold"), padding=(0, 2))
        for column, cell in zip(columns, row, strict=True):
            block.add_row(Text(column), cell)
        _STDOUT.print(block, "", sep="\n")


def print_bars(columns: list[str], rows: list[tuple[str, Decimal | None, Any]]) -> None:
    """A bar per row, as long as its value is high: a label, a value and a remark; nothing where there are no values."""
    highest = max((value for _, value, _ in rows if value is not None), default=Decimal(0))
    if highest <= 0:
        return
    table = Table(*columns, "")
    for label, value, remark in rows:
        length = Bar(float(highest), 0, float(max(value or Decimal(0), Decimal(0))), width=_BAR_WIDTH)
        table.add_row(label, "-" if value is None else f"{value:f}", str(remark), length)
    _STDOUT.print(table)


def say(text: str) -> None:
    """A remark for people, on stderr."""
    _STDERR.print(text)


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr that something takes a while: a spinner on a terminal, one line elsewhere.

    Gives a function that tells the step it is at, which is shown on a terminal only.
    """
    if _STDERR.is_terminal:
        with _STDERR.status(text) as status:
            yield lambda step: status.update(f"{text} {step}")
    else:
        say(text)
        yield lambda _: None


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn the errors meant for users into one sentence, the next step, and the exit code; also a decorator.

    Raises:
        typer.Exit: With 2 when the usage was wrong, 1 when the thing asked about is.
    """
    try:
        yield
    except (MeterhouseError, ProviderError) as error:
        tell_error(error)
        raise typer.Exit(WRONG_USAGE if isinstance(error, UsageError) else WRONG) from None
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        tell_error(_wrong_settings(error))
        raise typer.Exit(WRONG_USAGE) from None
    except Exception as error:
        if not is_full_disk(error):
            raise
        tell_error(
            MeterhouseError(
                "The disk is full, so the command could not finish.",
                "Free some space in the home and the landing zone, then run it again: nothing is lost, and what was "
                "not finished is done again.",
            )
        )
        raise typer.Exit(WRONG) from None


def _wrong_settings(error: ValidationError) -> UsageError:
    faults = [f"METERHOUSE_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
    return UsageError(
        f"A setting is not right: {'; '.join(faults)}.",
        "Mend it in the environment or in .env; .env.example says what each one is.",
    )


def tell_error(error: MeterhouseError | ProviderError) -> None:
    """The error's sentence and next step, on stderr."""
    _STDERR.print(Text.assemble(("Error: ", "bold red"), error.message))
    if error.next_step:
        _STDERR.print(Text.assemble(("Next step: ", "bold"), error.next_step))


def rfc3339(moment: datetime) -> str:
    """A point in time as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(cell: Any) -> str:
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(cell, list):
        return ", ".join(map(str, cell)) or "-"
    if isinstance(cell, dict):
        return ", ".join(f"{name}: {value}" for name, value in cell.items() if value is not None) or "-"
    return str(cell)


def plain(value: Any) -> str:
    """A value of ours in JSON: money as decimal text, times as RFC 3339 UTC."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} has no JSON form here")
