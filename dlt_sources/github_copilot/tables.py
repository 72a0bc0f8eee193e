"""GitHub's billing tables and their documented fields.

Source: contract page B §5.2. What does not belong here: how they are fetched (`reports.py`).
"""

from dataclasses import dataclass
from datetime import date

from dlt_sources.rows import Kind, RowShape

_T, _D = Kind.TEXT, Kind.DECIMAL
CREDITS_BEGIN = date(2026, 6, 1)
"""From this day on Copilot is billed in AI credits, before it was in premium requests (§5.2)."""


@dataclass(frozen=True)
class BillTable:
    """One view of the bill, and the days it is the bill for."""

    shape: RowShape
    path: str
    description: str
    first_day: date = date.min
    end: date = date.max
    is_of_one_period: bool = True
    """Whether the answer names the one period all its items are of; else every item names its day."""


_PRICED = {"product": _T, "sku": _T, "unitType": _T, "pricePerUnit": _D}
_AMOUNTS = {"grossAmount": _D, "discountAmount": _D, "netAmount": _D}
_QUANTITIES = {"grossQuantity": _D, "discountQuantity": _D, "netQuantity": _D}
_METERED = {**_PRICED, "model": _T, **_QUANTITIES, **_AMOUNTS}

AI_CREDIT_USAGE = BillTable(
    RowShape("ai_credit_usage", _METERED),
    "/ai_credit/usage",
    "AI credits per day, product, SKU and model.",
    first_day=CREDITS_BEGIN,
)
PREMIUM_REQUEST_USAGE = BillTable(
    RowShape("premium_request_usage", _METERED),
    "/premium_request/usage",
    "Premium requests per day, product, SKU and model, of the days before AI credits.",
    end=CREDITS_BEGIN,
)
PRODUCT_USAGE = BillTable(
    RowShape(
        "product_usage",
        {**_PRICED, "date": _T, "quantity": _D, **_AMOUNTS, "organizationName": _T, "repositoryName": _T},
    ),
    "/usage",
    "Copilot's lines of the whole bill, seats included, per day and SKU.",
    is_of_one_period=False,
)
TABLES = (AI_CREDIT_USAGE, PREMIUM_REQUEST_USAGE, PRODUCT_USAGE)
