"""The price book's seed files as rows of text: what the import tools read and write.

What belongs here: columns, reading and writing. What does not: where prices come from (`import_*.py`), or their use.
"""

import csv
from pathlib import Path

PRICE_COLUMNS = [
    "provider",
    "model",
    "tier",
    "region",
    "hours",
    "token_type",
    "above_input_tokens",
    "valid_from",
    "valid_to",
    "unit_price_usd",
    "price_version",
    "source",
    "source_version",
    "retrieved_at",
]
PREMIUM_COLUMNS = ["provider", "model", "region", "multiplier", "source", "source_version", "retrieved_at"]
ALIAS_COLUMNS = ["provider", "alias", "model"]

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The rows of a seed; none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, columns: list[str], rows: list[Row]) -> None:
    """Write a seed whole."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
