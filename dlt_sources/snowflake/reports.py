"""How Snowflake's views are fetched: one SQL statement for all days, its result in partitions.

What belongs here: the SQL, and how a statement's answer becomes days. What does not: views and columns (`tables.py`),
signing in (`credentials.py`), waiting (`dlt_sources/statements.py`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.buckets import Clock, begun_days, whole_days
from dlt_sources.contract import Day, Fault, ProviderError, Row, Window
from dlt_sources.errors import RequestRefusedError, broken_contract
from dlt_sources.http import Patience
from dlt_sources.rows import require_currency
from dlt_sources.snowflake.credentials import GRANTS_STEP, SnowflakeCredentials, signed_in
from dlt_sources.snowflake.tables import AI_FUNCTIONS, METERING_DAILY, USAGE_IN_CURRENCY, VIEWS, View
from dlt_sources.statements import Body, finished, named_rows

STATEMENTS_PATH = "/api/v2/statements"
DAY = "METERHOUSE_DAY"
LAG_OF_MONEY = timedelta(days=3)
"""For so long a day without money may just not be billed yet, and is not called empty."""
_NOT_GRANTED = re.compile(r"does not exist or not authorized|insufficient privileges", re.IGNORECASE)
_PERSONAL = frozenset({"user_name", "login_name", "email", "user_email", "user_tags", "query_text"})


@dataclass(frozen=True)
class SnowflakeReader:
    """Reads Snowflake's views with a given clock and patience."""

    clock: Clock
    patience: Patience

    def days(self, view: View, credentials: SnowflakeCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, in UTC.

        A view of AI functions that the account does not have tells no day. Money of the contract is asked for only if
        it is wanted; where it is to come from the price of a credit instead, the contract says nothing of a day.

        Raises:
            ProviderError: the view cannot be read.
        """
        now = self.clock()
        asked = begun_days(window, now)
        if not asked or (view is USAGE_IN_CURRENCY and credentials.cost_source == "none"):
            return
        if view is USAGE_IN_CURRENCY and credentials.cost_source == "credit_price":
            yield from whole_days(asked, (), view.shape.table)
            return
        rows = ((day, [row]) for day, row in self._rows(view, credentials, asked))
        try:
            days = list(whole_days(asked, rows, view.shape.table))
        except ProviderError as error:
            if view.is_cortex and error.fault is Fault.PERMISSION:
                return
            raise
        settled = now.date() - LAG_OF_MONEY
        for told in days:
            if view is not USAGE_IN_CURRENCY or told.rows or told.day < settled:
                yield told

    def require_cortex(self, credentials: SnowflakeCredentials, day: date) -> None:
        """Prove that some view of AI functions can be read.

        Raises:
            ProviderError: none can.
        """
        refusal: ProviderError | None = None
        for view in VIEWS:
            if view.is_cortex:
                try:
                    list(self._rows(view, credentials, [day]))
                except ProviderError as error:
                    refusal = refusal or error
                else:
                    return
        if refusal:
            raise refusal

    def _rows(
        self, view: View, credentials: SnowflakeCredentials, days: list[date]
    ) -> Iterator[tuple[date, Row]]:
        client = signed_in(credentials, self.patience)
        try:
            for item in self._items(client, view, _question(view, credentials, days)):
                yield _dated_row(view, credentials, item)
        except RequestRefusedError as refused:
            if not _NOT_GRANTED.search(refused.message):
                raise
            sentence = (
                f"Snowflake does not let the role {credentials.role} read {view.source}: {refused.message}"
            )
            raise ProviderError(Fault.PERMISSION, sentence, GRANTS_STEP) from None

    def _items(self, client: RESTClient, view: View, question: Body) -> Iterator[dict[str, Any]]:
        """Rows of all partitions, each value as text.

        Raises:
            ProviderError: the partitions do not add up.
        """
        body, table = client.post(STATEMENTS_PATH, json=question).json(), view.shape.table
        handle = body.get("statementHandle")
        if not isinstance(handle, str) or not re.fullmatch(r"[\w-]+", handle):
            raise broken_contract("Snowflake answered a query without a `statementHandle`.")
        path = f"{STATEMENTS_PATH}/{handle}"
        body = finished(body, _is_running, lambda: client.get(path).json(), self.patience, "Snowflake")
        types, row_counts, row_count = _shape(body)
        found, before = 0, None
        for number, announced in enumerate(row_counts):
            data = (client.get(path, params={"partition": number}).json() if number else body).get("data")
            items = list(named_rows(list(types), data, table))
            if len(items) != announced or (items and items == before):
                raise broken_contract(f"Partition {number} of `{table}` is not what Snowflake announced.")
            found, before = found + len(items), items
            for item in items:
                yield {name: _readable(types[name], value) for name, value in item.items()}
        if found != row_count:
            raise broken_contract(f"Snowflake announced {row_count} rows of `{table}` but gave {found}.")


def _question(view: View, credentials: SnowflakeCredentials, days: list[date]) -> Body:
    day = f"cast(v.{view.day_column} as date)"
    values = [days[0].isoformat(), (days[-1] + timedelta(days=1)).isoformat()]
    conditions = [f"{day} >= cast(? as date)", f"{day} < cast(? as date)"]
    if view in (METERING_DAILY, USAGE_IN_CURRENCY):
        services = credentials.service_types.split(",")
        conditions.append(f"upper(v.SERVICE_TYPE) in ({', '.join('?' * len(services))})")
        values += services
    if view is USAGE_IN_CURRENCY:
        conditions.append("(replace(upper(v.ACCOUNT_NAME), '_', '-') = ? or upper(v.ACCOUNT_LOCATOR) = ?)")
        values += credentials.names_in_bill
    select = f"select v.*, {day} as {DAY} from SNOWFLAKE.{view.source} as v"  # noqa: S608
    return {
        "statement": f"{select} where {' and '.join(conditions)}",
        "bindings": {str(at): {"type": "TEXT", "value": value} for at, value in enumerate(values, 1)},
        "parameters": {"TIMEZONE": "UTC"},
        "role": credentials.role,
        "warehouse": credentials.warehouse,
        "timeout": 600,
    }


def _is_running(body: Body) -> bool:
    """Whether the answer is a status (HTTP 202) and no result."""
    return "resultSetMetaData" not in body


def _shape(body: Body) -> tuple[dict[str, str], list[int], int]:
    """Columns and their types, rows of each partition, and rows in all.

    Raises:
        ProviderError: the result is not described.
    """
    try:
        described = body["resultSetMetaData"]
        types = {str(column["name"]).lower(): str(column["type"]).lower() for column in described["rowType"]}
        row_counts = [int(partition["rowCount"]) for partition in described["partitionInfo"]]
        return types, row_counts, int(described["numRows"])
    except (KeyError, TypeError, ValueError):
        raise broken_contract("Snowflake answered a query without describing its result.") from None


def _readable(kind: str, value: Any) -> Any:
    """A date or a time in words; Snowflake sends days or seconds since 1970.

    Raises:
        ProviderError: it is neither.
    """
    if value is None or kind not in ("date", "timestamp_ltz", "timestamp_ntz", "timestamp_tz"):
        return value
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    try:
        number = Decimal(str(value).partition(" ")[0])
        if kind == "date":
            return (epoch + timedelta(days=int(number))).date().isoformat()
        microseconds = int(number * 1_000_000)
        return (epoch + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except (InvalidOperation, OverflowError, ValueError):
        raise broken_contract(f"Snowflake sent a {kind} that is none.") from None


def _dated_row(view: View, credentials: SnowflakeCredentials, item: dict[str, Any]) -> tuple[date, Row]:
    """A row and its day; without who a person is, with the tokens of its metrics and the price of a credit."""
    day = item.pop(DAY.lower(), None)
    known = {name: value for name, value in item.items() if name not in _PERSONAL}
    if view is AI_FUNCTIONS:
        known |= _tokens(known.get("metrics"))
    if view is METERING_DAILY:
        known["credit_price"] = credentials.price_of_credit
    row = view.shape.row(known)
    if view is USAGE_IN_CURRENCY:
        require_currency(row, "usage_in_currency", "currency", view.shape.table)
    try:
        return date.fromisoformat(str(day)), row
    except ValueError:
        raise broken_contract(f"A row of `{view.shape.table}` has no day.") from None


def _tokens(metrics: Any) -> dict[str, str]:
    """Tokens by direction, out of metrics like `[{"key": {"metric": "input", "unit": "tokens"}, "value": 12}]`."""
    try:
        elements = json.loads(metrics or "[]", parse_float=Decimal)
        counts: dict[str, Decimal] = {}
        for element in elements:
            key = element["key"]
            if str(key["unit"]).lower() == "tokens":
                known = str(key["metric"]).lower()
                name = f"{known}_tokens" if known in ("input", "output") else "other_tokens"
                counts[name] = counts.get(name, Decimal(0)) + Decimal(element["value"])
    except (ValueError, TypeError, KeyError, InvalidOperation):
        raise broken_contract(
            "The `metrics` of a row of `cortex_ai_functions` are not as documented."
        ) from None
    return {name: format(count, "f") for name, count in counts.items()}
