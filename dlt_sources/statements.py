"""SQL over HTTP: waiting for a statement, and rows by the names of their columns.

What belongs here: what warehouses that answer SQL over REST share. What does not: their paths, bodies and SQL.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tenacity import Retrying, retry_if_result, stop_before_delay, wait_exponential

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import broken_contract
from dlt_sources.http import Patience

Body = dict[str, Any]


def finished(
    body: Body, is_running: Callable[[Body], bool], poll: Callable[[], Body], patience: Patience, title: str
) -> Body:
    """The first answer that says the statement has ended, well or not; asked for with growing waits.

    Args:
        body: the answer to the statement itself.
        is_running: whether an answer says that the statement goes on.
        poll: asks again.
        patience: how long to wait between questions and in all.
        title: name of the warehouse, for the message.

    Raises:
        ProviderError: it still runs when patience ends.
    """
    if not is_running(body):
        return body
    retrying = Retrying(
        retry=retry_if_result(is_running),
        wait=wait_exponential(multiplier=patience.first_wait, max=patience.longest_wait),
        stop=stop_before_delay(patience.deadline),
        retry_error_callback=lambda _: None,
    )
    ended: Body | None = retrying(poll)
    if ended is None:
        raise ProviderError(
            Fault.UNAVAILABLE,
            f"{title} has not finished a query within {patience.deadline:.0f} seconds.",
            "See that the warehouse can start and is not overloaded; the next sync tries again.",
        )
    return ended


def named_rows(columns: list[str], rows: Any, table: str) -> Iterator[dict[str, Any]]:
    """Each row as an object by column name.

    Raises:
        ProviderError: the rows are no lists with one value for each column.
    """
    if not isinstance(rows, list):
        raise broken_contract(f"An answer for `{table}` has no list of rows.")
    for row in rows:
        if not isinstance(row, list) or len(row) != len(columns):
            raise broken_contract(f"A row of `{table}` has not one value for each of its columns.")
        yield dict(zip(columns, row, strict=True))
