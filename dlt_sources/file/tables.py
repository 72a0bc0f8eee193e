"""Tables of bills in files. What does not belong here: how files are read (`reader.py`)."""

from dlt_sources.contract import Columns
from dlt_sources.rows import DECIMAL_TEXT

LINES = "lines"
FILES = "files"

_DECIMALS = ("amount", "amount_usd", "quantity")

LINE_COLUMNS: Columns = {
    name: DECIMAL_TEXT if name in _DECIMALS else {"data_type": "text"}
    for name in (
        "billed_provider",
        "file",
        "day_sent",
        "amount_sent",
        "amount",
        "currency",
        "amount_usd",
        "charge_category",
        "model",
        "token_type_sent",
        "token_type",
        "tier",
        "quantity",
        "quantity_unit",
        "project",
        "api_key",
        "service",
        "sku",
    )
}

FILE_COLUMNS: Columns = {
    "file": {"data_type": "text"},
    "billed_provider": {"data_type": "text"},
    "size_bytes": {"data_type": "bigint"},
    "modified_at": {"data_type": "text"},
}
