"""Lists in numbered pages: read to the last item that the provider counts, or not at all.

What belongs here: dlt's page numbers made to fail closed. What does not: cursors (`http.py`), paths and bodies of
any provider.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from requests import Response

from dlt_sources.errors import broken_contract
from dlt_sources.http import PAGE_CAP


@dataclass(frozen=True)
class Page:
    """One page as a provider's body tells it: its items, and how many there are on all pages."""

    items: list[Any]
    total: Any


class _CountedPages(PageNumberPaginator):
    """Pages 1, 2, … until as many different items came as the provider counts."""

    def __init__(self, page_of: Callable[[Any], Page], key: str, page_cap: int) -> None:
        super().__init__(base_page=1, total_path=None)
        self._page_of, self._key, self._page_cap = page_of, key, page_cap
        self._seen: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Count the page's items.

        Raises:
            ProviderError: no total; an item without its key or that came before; pages that end early, hold
                more than was counted, or do not end.
        """
        path = (response.request.path_url or "").partition("?")[0]
        page = self._page_of(data[0] if data else response.json())
        if isinstance(page.total, bool) or not isinstance(page.total, int):
            raise broken_contract(f"A page of {path} does not tell how many items there are.")
        for item in page.items:
            name = item.get(self._key) if isinstance(item, dict) else None
            if name is None:
                raise broken_contract(f"An item of {path} lacks its `{self._key}`.")
            if str(name) in self._seen:
                raise broken_contract(f"The pages of {path} go in a circle: an item came twice.")
            self._seen.add(str(name))
        if len(self._seen) > page.total or (not page.items and len(self._seen) < page.total):
            raise broken_contract(f"{path} counts {page.total} items but its pages hold {len(self._seen)}.")
        if self.current_value >= self._page_cap and len(self._seen) < page.total:
            raise broken_contract(
                f"The pages of {path} do not end: {self._page_cap} were read and more follow."
            )
        self._has_next_page = len(self._seen) < page.total
        self.current_value += 1


def read_numbered(
    client: RESTClient,
    path: str,
    params: Mapping[str, Any],
    page_of: Callable[[Any], Page],
    key: str,
    page_cap: int = PAGE_CAP,
) -> Iterator[dict[str, Any]]:
    """Every item of the pages at `path`, asked for as `page=1`, `page=2` and so on.

    Args:
        client: The provider's client.
        path: Of the list.
        params: Sent with each page.
        page_of: Finds items and total in a body; may raise.
        key: Field that tells items apart.
        page_cap: More pages than these do not end.

    Raises:
        ProviderError: a page could not be read, or the pages do not add up.
    """
    pages = client.paginate(
        path,
        params=dict(params),
        paginator=_CountedPages(page_of, key, page_cap),
        data_selector="$",
        hooks={"response": []},
    )
    for page in pages:
        yield from page_of(page[0]).items
