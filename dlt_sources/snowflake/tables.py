"""Snowflake's views and their documented columns.

Source: contract page B §5.4, and Snowflake's pages on ACCOUNT_USAGE and ORGANIZATION_USAGE. Columns that come later
pass through; names of people do not. What does not belong here: the SQL that reads the views (`reports.py`).
"""

from dataclasses import dataclass

from dlt_sources.rows import Kind, RowShape

_T, _D = Kind.TEXT, Kind.DECIMAL


@dataclass(frozen=True)
class View:
    """One view, and which column tells the day of a row."""

    shape: RowShape
    source: str
    day_column: str
    description: str
    is_cortex: bool = False
    """Whether it tells of AI functions; Snowflake renames these views, so that an account has some of them."""


_FUNCTION = {"function_name": _T, "model_name": _T, "warehouse_id": _T}
_TOKENS = {"tokens": _D, "token_credits": _D}

AI_FUNCTIONS = View(
    RowShape(
        "cortex_ai_functions",
        {
            "start_time": _T,
            "end_time": _T,
            **_FUNCTION,
            "query_id": _T,
            "query_tag": _T,
            "role_names": _T,
            "user_id": _T,
            "is_completed": _T,
            "metrics": _T,
            "credits": _D,
            **_TOKENS,
            "input_tokens": _D,
            "output_tokens": _D,
            "other_tokens": _D,
        },
    ),
    "ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY",
    "START_TIME",
    "Tokens and credits of AI functions per hour, query, function and model.",
    is_cortex=True,
)
AISQL = View(
    RowShape("cortex_aisql", {"usage_time": _T, **_FUNCTION, "query_id": _T, "user_id": _T, **_TOKENS}),
    "ACCOUNT_USAGE.CORTEX_AISQL_USAGE_HISTORY",
    "USAGE_TIME",
    "The same as it was told before that view.",
    is_cortex=True,
)
FUNCTIONS = View(
    RowShape("cortex_functions", {"start_time": _T, "end_time": _T, **_FUNCTION, **_TOKENS}),
    "ACCOUNT_USAGE.CORTEX_FUNCTIONS_USAGE_HISTORY",
    "START_TIME",
    "The same as it was told at first; the view is frozen.",
    is_cortex=True,
)
METERING_DAILY = View(
    RowShape(
        "metering_daily",
        {
            "service_type": _T,
            "usage_date": _T,
            "credits_used_compute": _D,
            "credits_used_cloud_services": _D,
            "credits_used": _D,
            "credits_adjustment_cloud_services": _D,
            "credits_billed": _D,
            "credit_price": _D,
        },
    ),
    "ACCOUNT_USAGE.METERING_DAILY_HISTORY",
    "USAGE_DATE",
    "Credits of AI services per day, and the price of a credit as the connection's form gives it.",
)
USAGE_IN_CURRENCY = View(
    RowShape(
        "usage_in_currency",
        {
            "organization_name": _T,
            "contract_number": _T,
            "account_name": _T,
            "account_locator": _T,
            "region": _T,
            "service_level": _T,
            "usage_date": _T,
            "usage_type": _T,
            "usage": _D,
            "currency": _T,
            "usage_in_currency": _D,
            "balance_source": _T,
            "billing_type": _T,
            "rating_type": _T,
            "service_type": _T,
            "is_adjustment": _T,
        },
    ),
    "ORGANIZATION_USAGE.USAGE_IN_CURRENCY_DAILY",
    "USAGE_DATE",
    "What AI services of the account cost per day by contract, in the contract's currency.",
)
VIEWS = (AI_FUNCTIONS, AISQL, FUNCTIONS, METERING_DAILY, USAGE_IN_CURRENCY)
