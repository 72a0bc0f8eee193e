"""Lists behind a cursor that the last page lacks, read to the end or not at all.

What belongs here: cursors that several providers share. What does not: pages that say `has_more` (`http.py`),
numbered pages (`pages.py`), and what any provider's paths or fields are.
"""

from collections.abc import Iterator
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from requests import Response

from dlt_sources.errors import broken_contract
from dlt_sources.http import PAGE_CAP


class NextCursorPaginator(JSONResponseCursorPaginator):
    """dlt's cursor paginator, failing closed: a cursor is text, and new; no cursor means the end."""

    def __init__(
        self,
        cursor_path: str,
        *,
        cursor_param: str | None = None,
        cursor_body_path: str | None = None,
        page_cap: int = PAGE_CAP,
    ) -> None:
        super().__init__(cursor_path, cursor_param, cursor_body_path)
        self._page_cap = page_cap
        self._cursors: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Read the cursor of the next page.

        Raises:
            ProviderError: the cursor is no text, or was seen before; too many pages.
        """
        super().update_state(response, data)
        cursor, path = self._next_reference, (response.request.path_url or "").partition("?")[0]
        if cursor is None:
            return
        if not isinstance(cursor, str):
            raise broken_contract(f"A page of {path} has a cursor that is not text.")
        if cursor in self._cursors:
            raise broken_contract(f"The pages of {path} go in a circle: a cursor came twice.")
        self._cursors.add(cursor)
        if len(self._cursors) >= self._page_cap:
            raise broken_contract(
                f"The pages of {path} do not end: {self._page_cap} were read and more follow."
            )


def read_pages(
    client: RESTClient,
    path: str,
    paginator: NextCursorPaginator,
    *,
    params: dict[str, Any] | None = None,
    json: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """The body of every page at `path`: asked for with GET, or with POST if there is a JSON question.

    Raises:
        ProviderError: a page could not be read, or the pages do not end.
    """
    pages = client.paginate(
        path,
        method="GET" if json is None else "POST",
        params=dict(params or {}),
        json=None if json is None else dict(json),
        paginator=paginator,
        data_selector="$",
        hooks={"response": []},
    )
    for page in pages:
        yield page[0]


def listed(body: dict[str, Any], name: str, path: str) -> list[Any]:
    """The list of that name in an answer.

    Raises:
        ProviderError: there is none.
    """
    items = body.get(name)
    if not isinstance(items, list):
        raise broken_contract(f"The answer of {path} lacks its list `{name}`.")
    return items
