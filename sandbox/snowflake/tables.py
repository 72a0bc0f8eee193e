"""The books as the views of which they are the content (contract page B §5.4).

What belongs here: columns and types. What does not: the statements that read them (`api`).
"""

import json
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from sandbox.snowflake.books import ContractLine, FunctionUse, MeteredDay, SnowflakeBooks

_TEXT, _TIME, _DATE, _CREDITS = pa.string(), pa.timestamp("us"), pa.date32(), pa.decimal128(38, 9)
_AI_FUNCTIONS = pa.schema(
    {
        "START_TIME": _TIME,
        "END_TIME": _TIME,
        "FUNCTION_NAME": _TEXT,
        "MODEL_NAME": _TEXT,
        "QUERY_ID": _TEXT,
        "WAREHOUSE_ID": pa.int64(),
        "ROLE_NAMES": _TEXT,
        "QUERY_TAG": _TEXT,
        "USER_ID": _TEXT,
        "USER_NAME": _TEXT,
        "METRICS": _TEXT,
        "CREDITS": _CREDITS,
        "IS_COMPLETED": pa.bool_(),
    }
)
_AISQL = pa.schema(
    {
        "USAGE_TIME": _TIME,
        "MODEL_NAME": _TEXT,
        "FUNCTION_NAME": _TEXT,
        "TOKEN_CREDITS": _CREDITS,
        "TOKENS": pa.int64(),
        "QUERY_ID": _TEXT,
        "WAREHOUSE_ID": pa.int64(),
        "USER_ID": _TEXT,
    }
)
_FUNCTIONS = pa.schema(
    {
        "START_TIME": _TIME,
        "END_TIME": _TIME,
        "FUNCTION_NAME": _TEXT,
        "MODEL_NAME": _TEXT,
        "WAREHOUSE_ID": pa.int64(),
        "TOKEN_CREDITS": _CREDITS,
        "TOKENS": pa.int64(),
    }
)
_METERING = pa.schema(
    {
        "SERVICE_TYPE": _TEXT,
        "USAGE_DATE": _DATE,
        "CREDITS_USED_COMPUTE": _CREDITS,
        "CREDITS_USED_CLOUD_SERVICES": _CREDITS,
        "CREDITS_USED": _CREDITS,
        "CREDITS_ADJUSTMENT_CLOUD_SERVICES": _CREDITS,
        "CREDITS_BILLED": _CREDITS,
    }
)
_CONTRACT = pa.schema(
    {
        "ORGANIZATION_NAME": _TEXT,
        "CONTRACT_NUMBER": _TEXT,
        "ACCOUNT_NAME": _TEXT,
        "ACCOUNT_LOCATOR": _TEXT,
        "REGION": _TEXT,
        "SERVICE_LEVEL": _TEXT,
        "USAGE_DATE": _DATE,
        "USAGE_TYPE": _TEXT,
        "USAGE": _CREDITS,
        "CURRENCY": _TEXT,
        "USAGE_IN_CURRENCY": pa.decimal128(38, 2),
        "BALANCE_SOURCE": _TEXT,
        "BILLING_TYPE": _TEXT,
        "RATING_TYPE": _TEXT,
        "SERVICE_TYPE": _TEXT,
        "IS_ADJUSTMENT": pa.bool_(),
    }
)


def views(books: SnowflakeBooks) -> dict[str, pa.Table]:
    """All views by schema and name."""
    return {
        "ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY": _table(
            map(_ai_function, books.uses), _AI_FUNCTIONS
        ),
        "ACCOUNT_USAGE.CORTEX_AISQL_USAGE_HISTORY": _table(map(_aisql, books.older_uses), _AISQL),
        "ACCOUNT_USAGE.CORTEX_FUNCTIONS_USAGE_HISTORY": _table(map(_function, books.oldest_uses), _FUNCTIONS),
        "ACCOUNT_USAGE.METERING_DAILY_HISTORY": _table(map(_metered, books.metered), _METERING),
        "ORGANIZATION_USAGE.USAGE_IN_CURRENCY_DAILY": _table(map(_billed, books.contract), _CONTRACT),
    }


def _table(rows: Any, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema)


def _hour(use: FunctionUse) -> datetime:
    return use.hour.replace(tzinfo=None)


def _ai_function(use: FunctionUse) -> dict[str, Any]:
    counts = {"input": use.input_tokens, "output": use.output_tokens}
    metrics = [{"key": {"metric": name, "unit": "tokens"}, "value": count} for name, count in counts.items()]
    return {
        "START_TIME": _hour(use),
        "END_TIME": _hour(use) + timedelta(hours=1),
        "FUNCTION_NAME": use.function,
        "MODEL_NAME": use.model,
        "QUERY_ID": use.query_id,
        "WAREHOUSE_ID": 3,
        "ROLE_NAMES": '["ANALYST"]',
        "USER_ID": use.user_id,
        "USER_NAME": "ADA@EXAMPLE.COM",
        "METRICS": json.dumps(metrics),
        "CREDITS": use.credits,
        "IS_COMPLETED": True,
    }


def _aisql(use: FunctionUse) -> dict[str, Any]:
    return {
        "USAGE_TIME": _hour(use),
        "MODEL_NAME": use.model,
        "FUNCTION_NAME": use.function,
        "TOKEN_CREDITS": use.credits,
        "TOKENS": use.input_tokens + use.output_tokens,
        "QUERY_ID": use.query_id,
        "WAREHOUSE_ID": 3,
        "USER_ID": use.user_id,
    }


def _function(use: FunctionUse) -> dict[str, Any]:
    return {
        "START_TIME": _hour(use),
        "END_TIME": _hour(use) + timedelta(hours=1),
        "FUNCTION_NAME": use.function,
        "MODEL_NAME": use.model,
        "WAREHOUSE_ID": 3,
        "TOKEN_CREDITS": use.credits,
        "TOKENS": use.input_tokens + use.output_tokens,
    }


def _metered(line: MeteredDay) -> dict[str, Any]:
    return {
        "SERVICE_TYPE": line.service_type,
        "USAGE_DATE": line.day,
        "CREDITS_USED_COMPUTE": line.credits,
        "CREDITS_USED_CLOUD_SERVICES": 0,
        "CREDITS_USED": line.credits,
        "CREDITS_ADJUSTMENT_CLOUD_SERVICES": 0,
        "CREDITS_BILLED": line.credits,
    }


def _billed(line: ContractLine) -> dict[str, Any]:
    return {
        "ORGANIZATION_NAME": "MYORG",
        "CONTRACT_NUMBER": "1001",
        "ACCOUNT_NAME": line.account_name,
        "ACCOUNT_LOCATOR": line.account_locator,
        "REGION": "AWS_EU_CENTRAL_1",
        "SERVICE_LEVEL": "Enterprise",
        "USAGE_DATE": line.day,
        "USAGE_TYPE": line.service_type.lower().replace("_", " "),
        "USAGE": line.usage,
        "CURRENCY": line.currency,
        "USAGE_IN_CURRENCY": line.amount,
        "BALANCE_SOURCE": line.balance_source,
        "BILLING_TYPE": line.billing_type,
        "RATING_TYPE": "compute",
        "SERVICE_TYPE": line.service_type,
        "IS_ADJUSTMENT": line.is_adjustment,
    }
