"""How Databricks' usage is fetched: one SQL statement for some days, its result in chunks.

What belongs here: the SQL, and how a statement's answer becomes days. What does not: tables and fields (`tables.py`),
signing in (`credentials.py`), waiting (`dlt_sources/statements.py`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.buckets import Clock, begun_days, whole_days
from dlt_sources.contract import Day, Fault, ProviderError, Row, Window
from dlt_sources.databricks.credentials import GRANTS_STEP, DatabricksCredentials, signed_in
from dlt_sources.databricks.tables import USAGE
from dlt_sources.errors import broken_contract, scrubber
from dlt_sources.http import Patience
from dlt_sources.rows import require_currency
from dlt_sources.statements import Body, finished, named_rows

STATEMENTS_PATH = "/api/2.0/sql/statements"
DAYS_PER_STATEMENT = 7
"""A result in one answer is at most 25 MiB, so a long window is asked for in parts."""
_NOT_GRANTED = re.compile(
    r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|(TABLE_OR_VIEW|SCHEMA|CATALOG)_NOT_FOUND|not authorized",
    re.IGNORECASE,
)
USAGE_SQL = """
select
    u.record_id,
    u.record_type,
    u.account_id,
    u.workspace_id,
    u.sku_name,
    u.cloud,
    u.usage_start_time,
    u.usage_end_time,
    u.usage_date,
    u.usage_unit,
    u.usage_quantity,
    u.usage_type,
    u.billing_origin_product,
    u.usage_metadata.endpoint_name as endpoint_name,
    u.usage_metadata.endpoint_id as endpoint_id,
    to_json(u.custom_tags) as custom_tags,
    to_json(u.product_features) as product_features,
    u.ingestion_date,
    p.pricing.effective_list.default as list_price,
    p.currency_code as currency
from system.billing.usage as u
left join system.billing.list_prices as p
    on p.sku_name = u.sku_name
    and p.cloud = u.cloud
    and u.usage_end_time >= p.price_start_time
    and (p.price_end_time is null or u.usage_end_time < p.price_end_time)
where
    u.usage_date >= :first_day
    and u.usage_date < :end_day
    and array_contains(split(:products, ','), u.billing_origin_product)
"""


@dataclass(frozen=True)
class DatabricksReader:
    """Reads Databricks' system tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def usage(self, credentials: DatabricksCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, by the day of the use."""
        asked = begun_days(window, self.clock())
        for at in range(0, len(asked), DAYS_PER_STATEMENT):
            part = asked[at : at + DAYS_PER_STATEMENT]
            rows = self._records(credentials, part)
            yield from whole_days(part, ((_usage_day(row), [row]) for row in rows), USAGE.table)

    def _records(self, credentials: DatabricksCredentials, days: list[date]) -> Iterator[Row]:
        """Records of use; each once, however many there are of one use (§5.3).

        Raises:
            ProviderError: a record came twice, so that more than one list price would count, or cannot be counted.
        """
        client = signed_in(credentials, self.patience)
        seen: set[str] = set()
        for item in self._rows(client, credentials, days):
            row = USAGE.row(item)
            record = row["record_id"]
            if record is None or row["usage_quantity"] is None:
                raise broken_contract("A row of `usage` lacks its `record_id` or `usage_quantity`.")
            if record in seen:
                sku = row["sku_name"]
                raise broken_contract(
                    f"The record {record} of `usage` came twice: more than one list price fits its SKU {sku}."
                )
            seen.add(record)
            if row["record_type"] == "RETRACTION" and Decimal(row["usage_quantity"]) > 0:
                raise broken_contract(
                    f"The record {record} of `usage` is a retraction but adds to what was used."
                )
            yield require_currency(row, "list_price", "currency", USAGE.table)

    def _rows(
        self, client: RESTClient, credentials: DatabricksCredentials, days: list[date]
    ) -> Iterator[dict[str, Any]]:
        body = client.post(STATEMENTS_PATH, json=_question(credentials, days)).json()
        handle = body.get("statement_id")
        if not isinstance(handle, str) or not re.fullmatch(r"[\w-]+", handle):
            raise broken_contract("Databricks answered a query without a `statement_id`.")
        path = f"{STATEMENTS_PATH}/{handle}"
        body = finished(body, _is_running, lambda: client.get(path).json(), self.patience, "Databricks")
        _require_success(body, scrubber(credentials.secret))
        columns, chunk_count, row_count = _shape(body.get("manifest"))
        found = 0
        for number in range(chunk_count or 1):
            chunk = client.get(f"{path}/result/chunks/{number}").json() if number else body.get("result")
            for item in named_rows(columns, _data(chunk, number), USAGE.table):
                found += 1
                yield item
        if row_count not in (None, found):
            raise broken_contract(f"Databricks announced {row_count} rows of `usage` but gave {found}.")


def _question(credentials: DatabricksCredentials, days: list[date]) -> Body:
    parameters = {
        "first_day": (days[0].isoformat(), "DATE"),
        "end_day": ((days[-1] + timedelta(days=1)).isoformat(), "DATE"),
        "products": (credentials.products, "STRING"),
    }
    return {
        "warehouse_id": credentials.warehouse_id,
        "statement": USAGE_SQL,
        "parameters": [
            {"name": name, "value": value, "type": kind} for name, (value, kind) in parameters.items()
        ],
        "wait_timeout": "30s",
        "on_wait_timeout": "CONTINUE",
        "disposition": "INLINE",
        "format": "JSON_ARRAY",
    }


def _state(body: Body) -> dict[str, Any]:
    status = body.get("status")
    if not isinstance(status, dict) or not isinstance(status.get("state"), str):
        raise broken_contract("Databricks answered a query without its `status.state`.")
    return status


def _is_running(body: Body) -> bool:
    return _state(body)["state"] in ("PENDING", "RUNNING")


def _require_success(body: Body, scrub: Callable[[str], str]) -> None:
    status = _state(body)
    if status["state"] == "SUCCEEDED":
        return
    error = status.get("error")
    words = scrub(str(error.get("message", ""))) if isinstance(error, dict) else ""
    said = f"the query ended as {status['state']}" + (f": {words}" if words else "")
    if _NOT_GRANTED.search(words):
        raise ProviderError(
            Fault.PERMISSION,
            f"Databricks does not let this connection read its system tables ({said}).",
            GRANTS_STEP,
        )
    raise broken_contract(f"Databricks could not answer: {said}.")


def _shape(manifest: Any) -> tuple[list[str], int, int | None]:
    """Names of the columns, how many chunks there are, and rows, if that is told.

    Raises:
        ProviderError: the result is not described, or was cut.
    """
    try:
        columns = [str(column["name"]) for column in manifest["schema"]["columns"]]
        chunk_count = int(manifest["total_chunk_count"])
    except (KeyError, TypeError, ValueError):
        raise broken_contract("Databricks answered a query without describing its result.") from None
    if manifest.get("truncated"):
        raise broken_contract("Databricks cut the result of a query because it is too large.")
    return columns, chunk_count, manifest.get("total_row_count")


def _data(answer: Any, number: int) -> Any:
    """Rows of one chunk; an empty result has none.

    Raises:
        ProviderError: it is another chunk.
    """
    given = answer.get("chunk_index", number) if isinstance(answer, dict) else number
    if given != number:
        raise broken_contract(f"Databricks answered chunk {given} when asked for chunk {number}.")
    return (answer or {}).get("data_array") or []


def _usage_day(row: Row) -> date:
    try:
        return date.fromisoformat(row["usage_date"] or "")
    except ValueError:
        raise broken_contract("A row of `usage` lacks its `usage_date`.") from None
