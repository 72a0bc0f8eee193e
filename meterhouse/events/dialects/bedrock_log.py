"""The dialect of AWS Bedrock's model invocation logs: one JSON record per line (contract AWS §1.4).

What belongs here: how a record becomes the event's fields as text. What does not: finding the logs
(`dlt_sources/aws_bedrock`), bringing them in (`call_logs.py`), types, limits and choices (`checks.py`).

A record may hold the prompt and the answer: nothing of them is read but the answer's usage object. `inputTokenCount` is
without cache; a record whose total shows that it is not is corrected. Cache writes whose time to live is not said count
as 5 minutes. Attribution is what the caller wrote into `requestMetadata`; a key that names no field goes to `metadata`.
"""

import json

from meterhouse.events.dialects.native import FAULT_OF_TEXT
from meterhouse.events.schema import EVENT_FIELDS

ATTRIBUTION = (
    "connection",
    "customer",
    "product",
    "subscriber_id",
    "subscriber_email",
    "subscription_id",
    "credential_name",
    "agent",
    "agent_version",
    "task_type",
    "workflow",
    "business_unit",
    "environment",
    "trace_id",
    "trace_name",
    "span_id",
    "parent_event_id",
)
"""Fields that `requestMetadata` may fill, spelled as here or in camel case."""

_RECORD = json.dumps(
    {
        "schemaType": "VARCHAR",
        "timestamp": "VARCHAR",
        "accountId": "VARCHAR",
        "identity": {"arn": "VARCHAR"},
        "region": "VARCHAR",
        "requestId": "VARCHAR",
        "operation": "VARCHAR",
        "modelId": "VARCHAR",
        "requestMetadata": "JSON",
        "errorCode": "VARCHAR",
        "input": {
            "inputTokenCount": "VARCHAR",
            "cacheReadInputTokenCount": "VARCHAR",
            "cacheWriteInputTokenCount": "VARCHAR",
        },
        "output": {"outputTokenCount": "VARCHAR", "outputBodyJson": {"usage": "JSON"}},
    }
)

_SHORT_MODEL = (
    "regexp_replace(regexp_replace(lower(model), "
    r"'^((us|us-gov|eu|apac|global|jp|au|ca|in|sa|me|af|mx|il)\.)?[a-z0-9]+\.', ''), "
    r"'(-[0-9]{8})?((-v[02-9][0-9]*)|-v?1)?(:[0-9a-z]+)*$', '\3')"
)
"""The model of an id as the bill's conformed names have it (macro `bedrock_model_of_id`)."""


def fields_as_text(lines: str) -> str:
    """SQL that reads the relation `lines` (`file_line`, `line`, `is_utf8`) into fields as text.

    Returns:
        A query with `file_line`, `line`, `fault` (why the line is no record, else NULL) and one VARCHAR column per
        field of the event.
    """
    columns = _COLUMNS | {
        name: f"coalesce({', '.join(_said(key) for key in _spellings(name))})" for name in ATTRIBUTION
    }
    fields = ", ".join(
        f"{columns.get(field.name, 'NULL')}::VARCHAR AS {field.name}" for field in EVENT_FIELDS
    )
    return f"""
        WITH judged AS (
            SELECT file_line, line, {FAULT_OF_TEXT} AS fault_of_text FROM {lines}
        ), read AS (
            SELECT *, json_transform(CASE WHEN fault_of_text IS NULL THEN line END, '{_RECORD}') AS r FROM judged
        ), counted AS (
            SELECT *,
                CASE WHEN json_type(r.output.outputBodyJson.usage) = 'OBJECT' THEN r.output.outputBodyJson.usage END
                    AS usage,
                regexp_replace(r.modelId, '^.*/', '') AS model,
                r.modelId LIKE '%application-inference-profile/%' AS is_own_profile,
                r.requestMetadata AS said,
                r.input.inputTokenCount AS input_count,
                coalesce(r.input.cacheReadInputTokenCount, usage->>'$.cacheReadInputTokens',
                    usage->>'$.cache_read_input_tokens') AS cache_read,
                coalesce(r.input.cacheWriteInputTokenCount, usage->>'$.cacheWriteInputTokens',
                    usage->>'$.cache_creation_input_tokens') AS cache_write,
                usage->>'$.cache_creation.ephemeral_1h_input_tokens' AS cache_write_1h,
                r.output.outputTokenCount AS output_count
            FROM read
        ), numbered AS (
            SELECT *,
                coalesce(TRY_CAST(cache_read AS BIGINT), 0) + coalesce(TRY_CAST(cache_write AS BIGINT), 0) AS cached,
                TRY_CAST(coalesce(usage->>'$.totalTokens', usage->>'$.total_tokens') AS BIGINT)
                    = TRY_CAST(input_count AS BIGINT) + TRY_CAST(output_count AS BIGINT) AS is_input_with_cache
            FROM counted
        )
        SELECT file_line, line,
            CASE WHEN fault_of_text IS NOT NULL THEN fault_of_text
                WHEN r.schemaType IS DISTINCT FROM 'ModelInvocationLog'
                THEN 'the line is no model invocation log of Bedrock; import the objects below AWSLogs/ as they are'
                WHEN json_type(said) <> 'OBJECT' THEN '`requestMetadata` is not an object'
            END AS fault,
            {fields}
        FROM numbered"""  # noqa: S608


def _spellings(name: str) -> tuple[str, ...]:
    """A field's name, and the same in camel case when that differs."""
    first, *rest = name.split("_")
    return tuple(dict.fromkeys((name, first + "".join(part.title() for part in rest))))


def _said(key: str) -> str:
    return f"said->>'$.{key}'"


_TAKEN = json.dumps(dict.fromkeys(key for name in ATTRIBUTION for key in _spellings(name)))

_COLUMNS = {
    "event_id": "'bedrock:' || r.accountId || ':' || r.region || ':' || r.requestId",
    "provider_request_id": "r.requestId",
    "source": "'bedrock_log'",
    "started_at": "r.timestamp",
    "provider_project": "r.accountId",
    "provider_key": "r.identity.arn",
    "provider": "'aws_bedrock'",
    "model": "model",
    "response_model": f"CASE WHEN NOT is_own_profile THEN {_SHORT_MODEL} END",
    "operation": """CASE WHEN model ILIKE '%embed%' THEN 'embed' WHEN model ILIKE '%rerank%' THEN 'rerank'
        ELSE 'chat' END""",
    "is_streamed": "r.operation LIKE '%Stream'",
    "region": "r.region",
    "outcome": "CASE WHEN r.errorCode IS NULL THEN 'ok' ELSE 'error' END",
    "error_code": "r.errorCode",
    "input_tokens": """CASE WHEN cached > 0 AND is_input_with_cache
        THEN (input_count::BIGINT - cached)::VARCHAR ELSE input_count END""",
    "cache_read_tokens": "cache_read",
    "cache_write_5m_tokens": """CASE WHEN TRY_CAST(cache_write_1h AS BIGINT) > 0
        AND TRY_CAST(cache_write AS BIGINT) IS NOT NULL
        THEN (cache_write::BIGINT - cache_write_1h::BIGINT)::VARCHAR ELSE cache_write END""",
    "cache_write_1h_tokens": "cache_write_1h",
    "output_tokens": "output_count",
    "usage_raw": """CASE WHEN input_count IS NOT NULL OR output_count IS NOT NULL THEN json_merge_patch('{}', {
        inputTokenCount: line->'$.input.inputTokenCount', outputTokenCount: line->'$.output.outputTokenCount',
        cacheReadInputTokenCount: line->'$.input.cacheReadInputTokenCount',
        cacheWriteInputTokenCount: line->'$.input.cacheWriteInputTokenCount', usage: usage}) END""",
    "metadata": f"""CASE WHEN json_type(said) = 'OBJECT'
        THEN nullif(json_merge_patch(said, '{_TAKEN}')::VARCHAR, '{{}}') END""",
}
