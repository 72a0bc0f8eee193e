"""The books as the system tables of which they are the content (contract page B §5.3).

What belongs here: columns and types. What does not: the statements that read them (`api`).
"""

from typing import Any

import pyarrow as pa

from sandbox.databricks.books import DatabricksBooks, ListPrice, UsageRecord

ACCOUNT, WORKSPACE = "0b1c2d3e-0000-4000-8000-000000000001", "1234567890123456"
_TIME, _TEXT = pa.timestamp("us"), pa.string()
_USAGE = pa.schema(
    {
        "record_id": _TEXT,
        "account_id": _TEXT,
        "workspace_id": _TEXT,
        "sku_name": _TEXT,
        "cloud": _TEXT,
        "usage_start_time": _TIME,
        "usage_end_time": _TIME,
        "usage_date": pa.date32(),
        "custom_tags": pa.map_(_TEXT, _TEXT),
        "usage_unit": _TEXT,
        "usage_quantity": pa.decimal128(38, 18),
        "usage_metadata": pa.struct({"endpoint_name": _TEXT, "endpoint_id": _TEXT}),
        "identity_metadata": pa.struct({"run_as": _TEXT}),
        "record_type": _TEXT,
        "ingestion_date": pa.date32(),
        "billing_origin_product": _TEXT,
        "product_features": pa.struct({"serving_type": _TEXT}),
        "usage_type": _TEXT,
    }
)
_PRICE = pa.decimal128(38, 18)
_PRICES = pa.schema(
    {
        "sku_name": _TEXT,
        "cloud": _TEXT,
        "currency_code": _TEXT,
        "usage_unit": _TEXT,
        "price_start_time": _TIME,
        "price_end_time": _TIME,
        "pricing": pa.struct({"default": _PRICE, "effective_list": pa.struct({"default": _PRICE})}),
    }
)


def system_tables(books: DatabricksBooks) -> dict[str, pa.Table]:
    """The two system tables."""
    return {
        "billing.usage": pa.Table.from_pylist([_usage(record) for record in books.usage], _USAGE),
        "billing.list_prices": pa.Table.from_pylist([_price(price) for price in books.prices], _PRICES),
    }


def _usage(record: UsageRecord) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "account_id": ACCOUNT,
        "workspace_id": WORKSPACE,
        "sku_name": record.sku,
        "cloud": record.cloud,
        "usage_start_time": record.start.replace(tzinfo=None),
        "usage_end_time": record.end.replace(tzinfo=None),
        "usage_date": record.start.date(),
        "custom_tags": [("team", "search")],
        "usage_unit": record.unit,
        "usage_quantity": record.quantity,
        "usage_metadata": {"endpoint_name": record.endpoint, "endpoint_id": None},
        "identity_metadata": {"run_as": "ada@example.com"},
        "record_type": record.record_type,
        "ingestion_date": record.end.date(),
        "billing_origin_product": record.product,
        "product_features": {"serving_type": "FOUNDATION_MODEL" if record.endpoint else None},
        "usage_type": record.usage_type,
    }


def _price(price: ListPrice) -> dict[str, Any]:
    return {
        "sku_name": price.sku,
        "cloud": price.cloud,
        "currency_code": price.currency,
        "usage_unit": "DBU",
        "price_start_time": price.start.replace(tzinfo=None),
        "price_end_time": price.end.replace(tzinfo=None) if price.end else None,
        "pricing": {"default": price.price, "effective_list": {"default": price.price}},
    }
