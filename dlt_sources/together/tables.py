"""Together's table and its documented fields.

Source: contract Together §5.11. What does not belong here: how it is fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D = Kind.TEXT, Kind.DECIMAL

USAGE = RowShape(
    "usage",
    {
        "date": _T,
        "currency": _T,
        "product_name": _T,
        "quantity": _D,
        "unit_price": _D,
        "cost": _D,
        "pricing_dimensions.model": _T,
        "attributes.api_key_id": _T,
    },
)
