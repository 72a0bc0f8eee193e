"""Whatever comes from outside is taken, or refused in words: any bytes at any door, in any file, in any rules file."""

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhouse.alerts.rules import HealthRule, Rule
from meterhouse.alerts.rules_file import RulesError, parse_rules
from meterhouse.business_units import parse_units
from meterhouse.errors import MeterhouseError
from meterhouse.gateway import keys
from meterhouse.pricing.overrides_file import parse_overrides
from meterhouse.settings import Settings
from meterhouse.tagging import parse_rules as parse_tags
from tests.events.making import event, jsonl, pack, read
from tests.events.test_dialects import COMPLETION, SPANS, STANDARD, otlp_document
from tests.gateway.endpoint import client, served

EXAMPLES = settings.default.max_examples
"""100, and more in `make faults`."""

BODIES = {
    "/v1/events": [
        jsonl(event(1), event(2, customer="ü")),
        json.dumps([event(3), {"event_id": "bad"}]).encode(),
    ],
    "/v1/outcomes": [json.dumps({"outcome_id": "o", "trace_id": "t"}).encode()],
    "/v1/traces": [json.dumps(otlp_document(SPANS[0])).encode(), bytes.fromhex("0a020a00120012ff")],
    "/v1/litellm": [json.dumps([STANDARD]).encode()],
    "/meter/v2/ai/completions": [json.dumps(COMPLETION).encode()],
}
"""What each door takes, to be spoilt."""
CONTENT_TYPES = ("application/json", "application/x-ndjson", "application/x-protobuf", "text/plain", "")
ENCODINGS = ("", "gzip", "zstd")
ANSWERS = {200, 201, 400, 409, 413, 415, 422}
RULES = """\
- name: dear
  metric: total_cost
  window: 1h
  group_by: [customer]
  where: {provider: openai}
  when: "> 5"
  for: 10m
  notify: [slack]
"""


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Something good, with some of its bytes changed, left out, doubled or cut off; or any bytes."""
    content = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        until = at + draw(st.integers(0, 40))
        content[at:until] = draw(
            st.sampled_from([b"", bytes(content[at:until]) * 2, draw(st.binary(max_size=8))])
        )
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    installed = Settings(home=tmp_path_factory.mktemp("doors") / "home", _env_file=None)
    key = keys.create(installed, "tests").key
    assert key is not None
    with served(installed) as url, client(url, key) as http:
        yield http


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sent=st.sampled_from(sorted(BODIES)).flatmap(
        lambda path: st.tuples(st.just(path), spoilt(st.sampled_from(BODIES[path])))
    ),
    content_type=st.sampled_from(CONTENT_TYPES),
    encoding=st.sampled_from(ENCODINGS),
    is_packed=st.booleans(),
)
def test_any_bytes_at_any_door_are_answered_in_words(door, sent, content_type, encoding, is_packed) -> None:
    path, body = sent
    if is_packed and encoding:
        body = gzip.compress(body) if encoding == "gzip" else pa.compress(body, codec="zstd", asbytes=True)
    headers = {"content-type": content_type, "content-encoding": encoding}
    answer = door.post(path, content=body, headers={name: value for name, value in headers.items() if value})
    assert answer.status_code in ANSWERS, (answer.status_code, answer.text)
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json()["detail"]


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(form=st.sampled_from(("jsonl", "jsonl.gz", "jsonl.zst", "parquet")), data=st.data())
def test_any_file_is_accounted_for_line_by_line(form, data) -> None:
    good = st.lists(st.integers(0, 9), min_size=1, max_size=5).map(
        lambda numbers: pack([event(number) for number in numbers], form)
    )
    content = data.draw(spoilt(good))
    reading = read(content, f"a.{form}")
    assert reading.waiting_for is None
    assert all(reject["reason"] for reject in reading.rejects.to_pylist())
    if form == "jsonl":
        lines = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")
        assert reading.line_count == sum(1 for line in lines if line.strip())


@settings(deadline=None)
@given(spoilt(st.just(RULES.encode())))
def test_any_rules_file_is_rules_or_sentences(content: bytes) -> None:
    try:
        rules = parse_rules(content.decode("utf-8", "replace"), "rules.yaml")
    except RulesError as error:
        assert error.faults
        assert all(fault.startswith("rules.yaml:") for fault in error.faults)
    else:
        assert all(isinstance(rule, Rule | HealthRule) for rule in rules)


OWN_FILES = {
    parse_overrides: """\
prices:
  - {provider: openai, model: gpt-4o, from: 2026-07-01, to: 2026-12-31, usd_per_million: {input: 2.10, output: 8.40}}
discounts:
  - {provider: anthropic, percent: 10, tiers: [batch]}
aliases:
  - {provider: azure_openai, alias: prod-chat, model: gpt-4o}
""",
    parse_tags: """\
rules:
  - name: Search
    when: {key: sk-search-*, metadata.team: [search, ranking]}
    set: {product: search}
    copy: {customer: metadata.tenant}
    from: 2026-10-01
""",
    parse_units: """\
business_units:
  - {unit: search, name: Search, parent: engineering, from: 2026-01-01}
  - {unit: engineering, name: Engineering}
""",
}
"""What an installation writes itself beside its alert rules, to be spoilt."""


@settings(deadline=None)
@given(
    st.sampled_from(list(OWN_FILES)).flatmap(
        lambda parse: st.tuples(st.just(parse), spoilt(st.just(OWN_FILES[parse].encode())))
    )
)
def test_any_file_of_ones_own_is_read_or_said_to_be_wrong_line_by_line(sent) -> None:
    parse, content = sent
    try:
        parse(content.decode("utf-8", "replace"), "own.yaml")
    except MeterhouseError as error:
        assert error.faults
        assert all(fault.startswith("own.yaml:") for fault in error.faults)
