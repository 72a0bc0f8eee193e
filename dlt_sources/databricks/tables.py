"""Databricks' table and its documented fields.

Source: contract page B §5.3. Who ran something (`identity_metadata`) is not asked for. What does not belong here: the
SQL that reads it (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D = Kind.TEXT, Kind.DECIMAL

USAGE = RowShape(
    "usage",
    {
        "record_id": _T,
        "record_type": _T,
        "account_id": _T,
        "workspace_id": _T,
        "sku_name": _T,
        "cloud": _T,
        "usage_start_time": _T,
        "usage_end_time": _T,
        "usage_date": _T,
        "usage_unit": _T,
        "usage_quantity": _D,
        "usage_type": _T,
        "billing_origin_product": _T,
        "endpoint_name": _T,
        "endpoint_id": _T,
        "custom_tags": _T,
        "product_features": _T,
        "ingestion_date": _T,
        "list_price": _D,
        "currency": _T,
    },
)
