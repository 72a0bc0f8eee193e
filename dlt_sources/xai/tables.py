"""xAI's tables and their documented fields.

Source: contract xAI §5.8. What does not belong here: how they are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

USAGE = RowShape("usage", {"timestamp": Kind.TEXT, "description": Kind.TEXT, "usd": Kind.DECIMAL})

BALANCE = RowShape("balance", {"total.val": Kind.DECIMAL})
"""`total_val` is US cents with inverted sign: -2500 means that $25 are left."""
