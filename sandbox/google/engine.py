"""The billing export as a table, and GoogleSQL run on it for real, in DuckDB.

What belongs here: the table's columns and lines, and answering a query with its parameters. What does not: HTTP
(`api`).
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from sandbox.google.books import BILLING_ACCOUNT, ExportLine, GoogleDesk

Field = dict[str, Any]


class BadQueryError(Exception):
    """A query that BigQuery would refuse, with its reason and words."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


def _plain(name: str, kind: str = "STRING") -> Field:
    return {"name": name, "type": kind, "mode": "NULLABLE"}


def _record(name: str, *fields: Field, mode: str = "NULLABLE") -> Field:
    return {"name": name, "type": "RECORD", "mode": mode, "fields": list(fields)}


_LABEL = (_plain("key"), _plain("value"))
_RESOURCE = _record("resource", _plain("name"), _plain("global_name"))
_STANDARD_FIELDS = (
    _plain("billing_account_id"),
    _record("service", _plain("id"), _plain("description")),
    _record("sku", _plain("id"), _plain("description")),
    _plain("usage_start_time", "TIMESTAMP"),
    _plain("usage_end_time", "TIMESTAMP"),
    _record("project", _plain("id"), _plain("name"), _record("labels", *_LABEL, mode="REPEATED")),
    _record("labels", *_LABEL, mode="REPEATED"),
    _record("system_labels", *_LABEL, mode="REPEATED"),
    _record("location", *map(_plain, ("location", "country", "region", "zone"))),
    _plain("cost", "FLOAT"),
    _plain("currency"),
    _plain("currency_conversion_rate", "FLOAT"),
    _record(
        "usage",
        _plain("amount", "FLOAT"),
        _plain("unit"),
        _plain("amount_in_pricing_units", "FLOAT"),
        _plain("pricing_unit"),
    ),
    _record(
        "credits",
        *map(_plain, ("id", "full_name", "type", "name")),
        _plain("amount", "FLOAT"),
        mode="REPEATED",
    ),
    _record("invoice", _plain("month")),
    _plain("cost_type"),
    _record("adjustment_info", *map(_plain, ("id", "description", "mode", "type"))),
    _plain("export_time", "TIMESTAMP"),
    _plain("cost_at_list", "FLOAT"),
    _plain("transaction_type"),
    _plain("seller_name"),
)


def table_schema(desk: GoogleDesk, table: str) -> list[Field]:
    """Columns of an export, and whatever the provider added unannounced."""
    detailed = (_RESOURCE,) if "_resource_" in table else ()
    added = (_plain(name) for name in desk.faults.extra_fields)
    return [*_STANDARD_FIELDS, *detailed, *added]


def run_query(desk: GoogleDesk, body: dict[str, Any]) -> tuple[list[Field], list[list[Any]]]:
    """Columns and rows of a query as its parameters filter the books.

    Raises:
        BadQueryError: the SQL or its parameters are no good, or it would read more than it may.
    """
    try:
        query = sqlglot.parse_one(body["query"], read="bigquery")
    except sqlglot.errors.ParseError as error:
        raise BadQueryError("invalidQuery", f"Syntax error: {error}") from None
    tables = [table for table in query.find_all(exp.Table) if table.catalog]
    named = {f"{table.catalog}.{table.db}.{table.name}" for table in tables}
    for name in named - set(desk.tables):
        raise BadQueryError("notFound", f"Not found: Table {name} was not found in location {desk.location}")
    if body.get("location") != desk.location:
        dataset = ":".join(next(iter(named)).split(".")[:2])
        raise BadQueryError(
            "notFound", f"Not found: Dataset {dataset} was not found in location {body.get('location')}"
        )
    _refuse_dear(desk, query, body)
    for table in tables:
        table.replace(exp.to_table("export_lines"))
    return _run(desk, next(iter(named)), query.sql(dialect="duckdb"), _parameters(body))


def _run(
    desk: GoogleDesk, table: str, sql: str, parameters: dict[str, Any]
) -> tuple[list[Field], list[list[Any]]]:
    fields = table_schema(desk, table)
    columns = [*fields] if desk.is_view else [*fields, _plain("_PARTITIONTIME", "TIMESTAMP")]
    lines = pa.Table.from_pylist(
        [_line(line, desk.faults.extra_fields) for line in desk.books.lines],
        schema=pa.schema([(field["name"], _arrow(field)) for field in columns]),
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("export_lines", lines)
        try:
            result = connection.sql(sql, params=parameters).to_arrow_table()
        except duckdb.Error as error:
            raise BadQueryError("invalidQuery", str(error)) from None
    return [_field(field) for field in result.schema], [list(row.values()) for row in result.to_pylist()]


def _refuse_dear(desk: GoogleDesk, query: exp.Expr, body: dict[str, Any]) -> None:
    """A partition counts unless `_PARTITIONTIME >= @...` leaves it out."""
    since = next(
        (
            _parameters(body)[bound.expression.name]
            for bound in query.find_all(exp.GTE)
            if bound.this.name == "_PARTITIONTIME"
        ),
        None,
    )
    read = [line for line in desk.books.lines if since is None or line.appended_at >= since]
    limit = body.get("maximumBytesBilled")
    if limit is not None and len(read) * desk.bytes_per_line > int(limit):
        words = f"Query exceeded limit for bytes billed: {limit}. {len(read) * desk.bytes_per_line} or higher required."
        raise BadQueryError("bytesBilledLimitExceeded", words)


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    return {
        one["name"]: _value(one["parameterType"], one["parameterValue"]) for one in body["queryParameters"]
    }


def _value(kind: Field, given: dict[str, Any]) -> Any:
    if kind["type"] == "ARRAY":
        return [_value(kind["arrayType"], item) for item in given.get("arrayValues", [])]
    return datetime.fromisoformat(given["value"]) if kind["type"] == "TIMESTAMP" else given["value"]


def _arrow(field: Field) -> pa.DataType:
    if field["mode"] == "REPEATED":
        return pa.list_(_arrow(field | {"mode": "NULLABLE"}))
    if field["type"] == "RECORD":
        return pa.struct([(part["name"], _arrow(part)) for part in field["fields"]])
    kinds = {"STRING": pa.string(), "FLOAT": pa.float64(), "TIMESTAMP": pa.timestamp("us", "UTC")}
    return kinds[field["type"]]


def _field(field: pa.Field) -> Field:
    """A column of an answer."""
    if pa.types.is_list(field.type):
        return _field(pa.field(field.name, field.type.value_type)) | {"mode": "REPEATED"}
    if pa.types.is_struct(field.type):
        return _record(field.name, *map(_field, field.type))
    return _plain(field.name, "STRING" if pa.types.is_string(field.type) else "FLOAT")


def _line(line: ExportLine, extra: dict[str, Any]) -> dict[str, Any]:
    """A line as the table has it, its money FLOAT64 as Google's is (contract Google §2.2)."""
    hour = line.hour.replace(minute=0, second=0, microsecond=0)
    labels = [{"key": key, "value": value} for key, value in line.labels]
    given = [
        {"id": one.id, "full_name": one.name, "type": one.type, "name": one.name, "amount": float(one.amount)}
        for one in line.credits
    ]
    return {
        "_PARTITIONTIME": line.appended_at.replace(hour=0, minute=0, second=0, microsecond=0),
        "billing_account_id": BILLING_ACCOUNT,
        "service": {"id": line.service_id, "description": line.service},
        "sku": {"id": None if line.sku is None else f"SKU-{line.sku}", "description": line.sku},
        "usage_start_time": hour,
        "usage_end_time": hour.replace(minute=59, second=59),
        "project": None if line.project is None else {"id": line.project, "name": line.project, "labels": []},
        "labels": labels,
        "system_labels": [],
        "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": None},
        "cost": float(line.cost),
        "currency": line.currency,
        "currency_conversion_rate": _float(line.rate),
        "usage": {
            "amount": _float(line.amount),
            "unit": line.unit,
            "amount_in_pricing_units": _float(
                line.amount if line.priced_amount is None else line.priced_amount
            ),
            "pricing_unit": line.pricing_unit or line.unit,
        },
        "credits": given,
        "invoice": {"month": line.invoice_month or f"{line.hour:%Y%m}"},
        "cost_type": line.cost_type,
        "adjustment_info": None,
        "export_time": line.appended_at,
        "cost_at_list": float(line.cost),
        "transaction_type": "GOOGLE",
        "seller_name": line.seller,
        "resource": {"name": line.resource, "global_name": line.resource},
        **extra,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
