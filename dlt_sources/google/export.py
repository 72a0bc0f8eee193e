"""The Cloud Billing export: which days of it changed, and everything it says about a day (contract Google §2).

The export is appended to, and a late line lands in a newer partition than its day's others. A pull therefore asks
twice: which days before the window got lines since it began, and then for all lines of those days and the window's.
What does not belong here: calling BigQuery (`bigquery.py`), what a SKU means (staging).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from google.cloud.bigquery import SchemaField, Table

from dlt_sources.buckets import midnight
from dlt_sources.contract import Day, Fault, ProviderError, Row
from dlt_sources.errors import broken_contract
from dlt_sources.google.bigquery import BigQuery, open_bigquery
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.google.tables import (
    COSTS,
    CREDIT_FIELDS,
    EXPORT_FIELDS,
    NEEDED_FIELDS,
    OF_THE_COST_ALONE,
    column,
)
from dlt_sources.http import Patience
from dlt_sources.rows import require_currency

AI_SERVICES = r"vertex ai|gemini|generative language|claude|mistral|llama"
"""Services that count: Google's own by both their names, and partner models where they are services (§2.3)."""
EARLY = timedelta(days=1)
"""How long before its day's partition a line is looked for: none is expected there."""
MULTI_REGIONS = frozenset({"US", "EU"})


def export_days(form: GoogleCredentials, patience: Patience, asked: list[date]) -> Iterator[Day]:
    """Every asked day that the export covers, and each earlier one that got lines since the first of them began.

    A day comes whole. Days are read in order, one at a time.
    """
    bigquery = open_bigquery(form, patience)
    export = _Export(bigquery, bigquery.table())
    first_day = export.first_day()
    covered = [day for day in asked if day >= first_day]
    changed = export.changed_days(asked[0], covered[0] if covered else asked[-1] + timedelta(days=1))
    yield from export.days([*changed, *covered])


class _Export:
    """One export: the questions its columns and partitions allow."""

    def __init__(self, bigquery: BigQuery, table: Table) -> None:
        self._bigquery, self._form, self._table = bigquery, bigquery.form, table
        self._fields = dict(_paths(table.schema, ""))
        missing = [path for path in NEEDED_FIELDS if path not in self._fields]
        if missing:
            raise ProviderError(
                Fault.CREDENTIALS,
                f"{self._form.table} is no usage cost export: it lacks {', '.join(missing)}.",
                "Name the table of the standard (gcp_billing_export_v1_…) or the detailed usage cost export "
                "(gcp_billing_export_resource_v1_…).",
            )
        partitions = table.time_partitioning
        is_by_arrival = partitions is not None and partitions.field is None
        self._arrival = "_PARTITIONTIME" if is_by_arrival else "export_time"
        """When a line came: the partition it lies in; elsewhere, as in a view or a reseller's export, its stamp."""

    def first_day(self) -> date:
        """The first day the export can know: an older one without lines is unknown, not empty (§2.1)."""
        if self._table.table_type != "TABLE" or self._table.created is None:
            return date.min
        created: date = self._table.created.astimezone(UTC).date()
        if self._form.location.upper() not in MULTI_REGIONS:
            return created
        return (created.replace(day=1) - timedelta(days=1)).replace(day=1)

    def changed_days(self, since: date, before: date) -> list[date]:
        """Days before `before` of which lines came on the day `since` or later."""
        sql = (
            f"SELECT DISTINCT CAST(DATE(usage_start_time) AS STRING) AS day FROM {self._from_where()}"  # noqa: S608
            " AND usage_start_time < @before ORDER BY day"
        )
        parameters = {"since": midnight(since), "before": midnight(before), **self._services()}
        return [_day(row) for row in self._bigquery.rows(sql, parameters)]

    def days(self, days: list[date]) -> Iterator[Day]:
        """Everything about each of the days, in order; nothing of it counts before the last was read."""
        if not days:
            return
        sql = (
            f"SELECT {self._selected()} FROM {self._from_where()}"  # noqa: S608
            " AND CAST(DATE(usage_start_time) AS STRING) IN UNNEST(@days) ORDER BY day"
        )
        parameters = {
            "since": midnight(days[0]) - EARLY,
            "days": [day.isoformat() for day in days],
            **self._services(),
        }
        waiting = iter(days)
        for day, lines in groupby(self._bigquery.rows(sql, parameters), _day):
            yield from _empty_days(waiting, day)
            yield Day(day, [row for line in lines for row in _rows(line)])
        yield from (Day(day, []) for day in waiting)

    def _from_where(self) -> str:
        """The lines that count and have come since; a partition is never read without being asked for."""
        return (
            f"`{self._form.table}` WHERE {self._arrival} >= @since"
            " AND (REGEXP_CONTAINS(LOWER(service.description), @ai_services)"
            " OR LOWER(service.description) IN UNNEST(@services) OR LOWER(service.id) IN UNNEST(@services))"
        )

    def _services(self) -> dict[str, Any]:
        return {"ai_services": AI_SERVICES, "services": self._form.named_services}

    def _selected(self) -> str:
        """Every documented column the table has, as text: no number passes through a float of ours."""
        columns = [
            f"{_as_text(path, self._fields[path])} AS {column(path)}"
            for path in EXPORT_FIELDS
            if path in self._fields
        ]
        parts = [
            f"CAST(credit.{name} AS STRING) AS {name}"
            for name in CREDIT_FIELDS
            if f"credits.{name}" in self._fields
        ]
        given = f"ARRAY(SELECT AS STRUCT {', '.join(parts)} FROM UNNEST(credits) AS credit) AS credits"  # noqa: S608
        return ", ".join(["CAST(DATE(usage_start_time) AS STRING) AS day", *columns, given])


def _paths(schema: Iterable[SchemaField], prefix: str) -> Iterator[tuple[str, SchemaField]]:
    for field in schema:
        yield prefix + field.name, field
        yield from _paths(field.fields, f"{prefix}{field.name}.")


def _as_text(path: str, field: SchemaField) -> str:
    """A column as text: numbers in the shortest digits that mean the same number, times in UTC, lists as JSON."""
    if field.mode == "REPEATED":
        return f"TO_JSON_STRING({path})"
    if field.field_type == "TIMESTAMP":
        return f"FORMAT_TIMESTAMP('%FT%H:%M:%E6SZ', {path})"
    return f"CAST({path} AS STRING)"


def _day(row: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(row["day"])
    except (KeyError, TypeError, ValueError):
        raise broken_contract("A row of the billing export does not say which day it is for.") from None


def _empty_days(waiting: Iterator[date], until: date) -> Iterator[Day]:
    """Days without lines up to that day.

    Raises:
        ProviderError: that day was not asked for, or came before.
    """
    for day in waiting:
        if day == until:
            return
        yield Day(day, [])
    raise broken_contract(f"The answer for `costs` holds {until} out of order or without being asked for it.")


def _rows(line: dict[str, Any]) -> Iterator[Row]:
    """What was charged, and each credit on it as a row of its own: the sum of all amounts is the net cost."""
    own = {name: value for name, value in line.items() if name not in ("day", "credits")}
    yield _in_dollars(COSTS.row(own | {"is_credit": False}))
    shared = {name: value for name, value in own.items() if name not in OF_THE_COST_ALONE}
    for credit in line.get("credits") or []:
        said = {f"credit_{name}": credit.get(name) for name in CREDIT_FIELDS if name != "amount"}
        yield _in_dollars(COSTS.row(shared | said | {"amount": credit.get("amount"), "is_credit": True}))


def _in_dollars(row: Row) -> Row:
    """The row, if its amount is in dollars or says what dollars are worth."""
    if row["amount"] is None:
        raise broken_contract("A row of `costs` has no amount.")
    currency = require_currency(row, "amount", "currency", "costs")["currency"]
    rate = row["currency_conversion_rate"]
    if currency.upper() != "USD" and (rate is None or Decimal(rate) <= 0):
        raise broken_contract(f"A row of `costs` is in {currency} and says no rate to dollars.")
    return row
