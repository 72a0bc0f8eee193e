"""The real call sizes the world is built from (`data/README.md` gives their origin).

What belongs here: reading the recorded trace. What does not: what the world makes of its rows.
"""

import csv
from pathlib import Path
from typing import NamedTuple

TRACE_PATH = Path(__file__).parent / "data" / "AzureLLMInferenceTrace_code.csv"


class Size(NamedTuple):
    """Tokens of one recorded call."""

    context_tokens: int
    generated_tokens: int


def read_trace() -> list[Size]:
    """Read the sizes of all recorded calls, in recorded order."""
    with TRACE_PATH.open(newline="", encoding="ascii") as lines:
        return [Size(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(lines)]
