"""Books as files: an export with semicolons and decimal commas and its mapping, and a FOCUS 1.2 export.

What belongs here: how lines look in a file. What does not: which lines there are (`books.py`).
"""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.file.books import BilledLine

EXPORT_MAPPING = """\
delimiter: ";"
decimal: ","
thousands: "."
remove: ["$"]
date_format: "%d.%m.%Y"
day: Date
amount: Cost
currency: {constant: USD}
charge_category: Type
model: Model
token_type: Meter
token_types: {Prompt: input, Cached prompt: cache_read, Completion: output}
quantity: Tokens
quantity_unit: {constant: Tokens}
project: Project
service: {constant: GroqCloud}
sku: Meter
skip: {Date: Total}
"""
"""The mapping of `export_csv`."""

_METERS = {"input": "Prompt", "cache_read": "Cached prompt", "output": "Completion", "": ""}
_FOCUS_COLUMNS = [
    "BilledCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ProviderName",
    "ServiceName",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SubAccountId",
]
_FOCUS_METERS = {"input": "Input Tokens", "cache_read": "Cached Input Tokens", "output": "Output Tokens"}


def export_csv(lines: Sequence[BilledLine]) -> bytes:
    """Lines as a provider's page exports them, with a line of totals at the end."""
    rows = [
        {
            "Date": f"{line.day:%d.%m.%Y}",
            "Project": line.project,
            "Model": line.model,
            "Meter": _METERS[line.token_type],
            "Tokens": f"{line.tokens:,}".replace(",", "."),
            "Cost": f"${_european(format(line.amount, ',f'))}",
            "Type": line.category,
        }
        for line in lines
    ]
    total = sum((line.amount for line in lines), Decimal(0))
    header = ["Date", "Project", "Model", "Meter", "Tokens", "Cost", "Type"]
    return _csv(header, [*rows, {"Date": "Total", "Cost": f"${_european(format(total, ',f'))}"}], ";")


def focus_csv(lines: Sequence[BilledLine]) -> bytes:
    """Lines as a gzipped FOCUS 1.2 export with the columns that bear on them."""
    return gzip.compress(_csv(_FOCUS_COLUMNS, [_focus(line) for line in lines], ","))


def _focus(line: BilledLine) -> dict[str, Any]:
    start = datetime.combine(line.day, time(), UTC)
    return {
        "BilledCost": format(line.amount, "f"),
        "BillingCurrency": "USD",
        "ChargeCategory": line.category,
        "ChargePeriodStart": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodEnd": f"{start + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "ConsumedQuantity": line.tokens or "",
        "ConsumedUnit": "Tokens" if line.tokens else "",
        "ProviderName": "Groq",
        "ServiceName": "GroqCloud",
        "SkuId": f"{line.model}/{line.token_type}" if line.model else "",
        "SkuMeter": _FOCUS_METERS.get(line.token_type, ""),
        "SkuPriceDetails": json.dumps({"ModelId": line.model}) if line.model else "",
        "SubAccountId": line.project,
    }


def _european(number: str) -> str:
    return number.translate(str.maketrans(",.", ".,"))


def _csv(header: list[str], rows: list[dict[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
