"""Bedrock's invocation logs: exact events without any prompt, and each object once, from a real S3 (moto)."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import duckdb
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import select

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry
from meterhouse.control.database import reading
from meterhouse.control.tables import ImportedLogRow
from meterhouse.events.call_logs import event_lines, import_new
from meterhouse.events.landing import list_files, open_landing_zone, read_bytes
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.settings import Settings
from tests.events.making import read
from tests.killing import killed_at

PAYLOADS = Path(__file__).parents[1] / "data" / "provider_payloads"
RECORD = json.loads((PAYLOADS / "aws_bedrock_invocation_log.json").read_text())
PROMPT = "PLANTED prompt"
BUCKET = "our-logs"
NOW = datetime.now(UTC)


def record(number=1, **changes):
    """The contract page's record with a prompt in both bodies; `input` and `output` are changed key by key."""
    parts = {name: RECORD[name] | changes.pop(name, {}) for name in ("input", "output")}
    parts["input"] = {"inputBodyJson": {"messages": [PROMPT]}} | parts["input"]
    parts["output"]["outputBodyJson"] = {"output": PROMPT} | (parts["output"].get("outputBodyJson") or {})
    changed = RECORD | {"requestId": f"request-{number}"} | parts | changes
    return {name: value for name, value in changed.items() if value is not None}


def packed(*records):
    return gzip.compress("".join(json.dumps(one) + "\n" for one in records).encode(), mtime=0)


def events_of(*records):
    lines = event_lines("bedrock_log", "s3://our-logs/a.json.gz", packed(*records))
    assert PROMPT not in "".join(lines)
    reading_ = read("".join(line + "\n" for line in lines).encode())
    assert reading_.rejects.num_rows == 0
    return reading_.events.to_pylist()


def tokens(record_):
    names = (
        "input_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
    )
    (event,) = events_of(record_)
    return tuple(event[name] for name in names)


def test_the_record_of_the_contract_page_becomes_an_exact_event():
    (event,) = events_of(RECORD)
    known = {name: value for name, value in event.items() if value is not None}
    assert json.loads(known.pop("usage_raw")) == {
        "inputTokenCount": 18,
        "outputTokenCount": 503,
        "cacheReadInputTokenCount": 7502,
        "cacheWriteInputTokenCount": 0,
        "usage": {"inputTokens": 18, "outputTokens": 503, "totalTokens": 8023},
    }
    for name in ("received_at", "file_url", "file_line", "content_hash"):
        known.pop(name)
    assert known == {
        "event_id": "bedrock:123456789012:us-east-1:ff4b6c63-5561-4431-93b8-06a817275900",
        "provider_request_id": "ff4b6c63-5561-4431-93b8-06a817275900",
        "source": "bedrock_log",
        "started_at": datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC),
        "provider_project": "123456789012",
        "provider_key": "arn:aws:sts::123456789012:assumed-role/ChatApp/session-1",
        "provider": "aws_bedrock",
        "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "response_model": "claude-haiku-4-5",
        "operation": "chat",
        "is_streamed": True,
        "region": "us-east-1",
        "outcome": "ok",
        "input_tokens": 18,
        "cache_read_tokens": 7502,
        "cache_write_5m_tokens": 0,
        "output_tokens": 503,
        "trace_id": "b956002a",
        "metadata": '{"team":"search"}',
    }


NO_CACHE_FIELDS = {"cacheReadInputTokenCount": None, "cacheWriteInputTokenCount": None}


@pytest.mark.parametrize(
    ("input_", "usage", "expected"),
    [
        ({}, None, (18, 7502, 0, None, 503)),
        (NO_CACHE_FIELDS, None, (18, None, None, None, 503)),
        (NO_CACHE_FIELDS, {"cacheReadInputTokens": 7, "cacheWriteInputTokens": 3}, (18, 7, 3, None, 503)),
        (
            NO_CACHE_FIELDS,
            {
                "cache_read_input_tokens": 7,
                "cache_creation_input_tokens": 10,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6},
            },
            (18, 7, 4, 6, 503),
        ),
        ({"inputTokenCount": 7520}, {"totalTokens": 8023}, (18, 7502, 0, None, 503)),
        ({"inputTokenCount": 7520}, {"total_tokens": 8023}, (18, 7502, 0, None, 503)),
        ({"inputTokenCount": 7520}, {"totalTokens": 15525}, (7520, 7502, 0, None, 503)),
    ],
)
def test_input_and_cache_never_overlap_and_what_is_not_said_is_unknown(input_, usage, expected):
    assert tokens(record(input=input_, output={"outputBodyJson": usage and {"usage": usage}})) == expected


def test_models_operations_errors_and_attribution_are_told_apart():
    arn = "arn:aws:bedrock:us-east-1:123456789012:"
    said = {"customer": "Müller & Søn", "businessUnit": "eu/ops", "agent_version": "7", "ticket": "4711"}
    found = events_of(
        record(1, modelId=f"{arn}inference-profile/eu.amazon.nova-pro-v1:0", operation="Converse"),
        record(2, modelId=f"{arn}application-inference-profile/abc123", requestMetadata=said),
        record(3, modelId="amazon.titan-embed-text-v2:0", operation="InvokeModel", requestMetadata=None),
        record(
            4,
            errorCode="ThrottlingException",
            input=dict.fromkeys(RECORD["input"]),
            output={"outputTokenCount": None},
        ),
    )
    columns = ("model", "response_model", "operation", "is_streamed", "outcome", "error_code")
    assert [tuple(event[name] for name in columns) for event in found] == [
        ("eu.amazon.nova-pro-v1:0", "nova-pro", "chat", False, "ok", None),
        ("abc123", None, "chat", True, "ok", None),
        ("amazon.titan-embed-text-v2:0", "titan-embed-text-v2", "embed", False, "ok", None),
        (
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "claude-haiku-4-5",
            "chat",
            True,
            "error",
            "ThrottlingException",
        ),
    ]
    attributed = found[1]
    assert (attributed["customer"], attributed["business_unit"], attributed["agent_version"]) == (
        "Müller & Søn",
        "eu/ops",
        "7",
    )
    assert json.loads(attributed["metadata"]) == {"ticket": "4711"}
    assert found[2]["metadata"] is None
    assert (found[3]["input_tokens"], found[3]["usage_raw"]) == (None, None)


def test_what_is_no_record_is_refused_in_words_and_nothing_of_it_is_kept():
    good = json.dumps(record(1))
    text = f'{good}\n{{"input": "{PROMPT}\n["{PROMPT}"]\n{{"schemaType":"Other","input":"{PROMPT}"}}\n'
    content = gzip.compress(text.encode())
    lines = event_lines("bedrock_log", "s3://our-logs/a.json.gz", content)
    cut = event_lines(
        "bedrock_log", "s3://our-logs/a.json.gz", gzip.compress((good + "\n" * 9000).encode())[:-9]
    )
    rejects = read("".join(line + "\n" for line in [*lines, cut[-1]]).encode()).rejects
    assert PROMPT not in "".join([*lines, *cut])
    assert len(lines) == 4
    assert [json.loads(text)["refused"].split(";")[0] for text in rejects["raw_text"].to_pylist()] == [
        "the line is not valid JSON",
        "the line is a JSON array, not an object",
        "the line is no model invocation log of Bedrock",
        "the gzip stream is cut off before its end",
    ]


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Storage:
    """A bucket of invocation logs, and an installation whose connection `aws` reads it."""

    def __init__(self, settings, url):
        self.settings = settings
        key = {"access_key_id": "AKIAEXAMPLEEXAMPLE01", "secret_access_key": "PLANTEDsecret0123456789"}
        names = {f"aws_{name}": value for name, value in key.items()}
        self.s3 = boto3.resource("s3", region_name="us-east-1", endpoint_url=url, **names)
        self.bucket = self.s3.create_bucket(Bucket=BUCKET)
        for old in self.bucket.objects.all():
            old.delete()
        place = {"invocation_logs": f"s3://{BUCKET}/bedrock", "regions": "us-east-1", "endpoint_url": url}
        registry.add(settings, "aws_bedrock", "aws", key | place, is_checked=False)

    def put(self, name, *records, ago=timedelta(hours=2), region="us-east-1", account="123456789012"):
        hour = f"{NOW - ago:%Y/%m/%d/%H}"
        folder = f"bedrock/AWSLogs/{account}/BedrockModelInvocationLogs/{region}/{hour}"
        self.bucket.put_object(Key=f"{folder}/{name}", Body=packed(*records))

    def bring(self, location=None):
        logs = PROVIDERS["aws_bedrock"].call_logs
        return import_new(self.settings, logs, registry.credentials_of(self.settings, "aws"), location)

    def events(self):
        for hour in partitions_with_new_files(self.settings):
            load_partition(self.settings, hour)
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as warehouse:
            return [
                row[0]
                for row in warehouse.execute(
                    "select distinct provider_request_id from raw_metering.events order by 1"
                ).fetchall()
            ]


@pytest.fixture
def storage(tmp_path, moto):
    return Storage(Settings(home=tmp_path / "home"), moto)


def test_every_object_of_every_account_and_region_comes_in_once_and_late_ones_too(storage):
    storage.put("a.json.gz", record(1), record(2))
    storage.put("b.json.gz", record(3), region="eu-west-1")
    storage.put("c.json.gz", record(4), account="210987654321", ago=timedelta(days=40))
    storage.put("d_input.json.gz/data/x.json.gz", record(97))
    storage.put("amazon-bedrock-logs-permission-check.json.gz", record(98))
    storage.put("readme.txt", record(99))
    first, again = storage.bring(), storage.bring()
    assert (first.object_count, first.line_count) == (3, 4)
    assert (again.object_count, again.line_count, again.partitions) == (0, 0, ())
    storage.put("e.json.gz", record(5), ago=timedelta(hours=20))
    storage.put("f.json.gz", record(6), ago=timedelta(hours=0))
    assert storage.bring(f"s3://{BUCKET}/bedrock").object_count == 2
    assert storage.events() == [f"request-{n}" for n in range(1, 7)]
    zone = open_landing_zone(storage.settings)
    landed = b"".join(gzip.decompress(read_bytes(zone, file.url)) for file in list_files(zone))
    assert PROMPT.encode() not in landed
    with reading(storage.settings) as opened:
        assert sum(opened.scalars(select(ImportedLogRow.line_count))) == 6


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_import_killed_around_landing_brings_each_event_in_once(storage, when):
    storage.put("a.json.gz", record(1), record(2))
    command = [
        "events",
        "import",
        f"s3://{BUCKET}/bedrock",
        "--dialect",
        "bedrock_log",
        "--connection",
        "aws",
    ]
    killed_at("meterhouse.events.call_logs:write_file", command, storage.settings, when)
    assert storage.bring().line_count == 2
    assert storage.bring().line_count == 0
    assert storage.events() == ["request-1", "request-2"]


def test_a_bucket_that_is_not_there_is_said_in_words(storage):
    with pytest.raises(ProviderError) as caught:
        storage.bring("s3://other-logs/bedrock")
    assert caught.value.fault is Fault.PERMISSION
    assert "no such bucket" in caught.value.message
