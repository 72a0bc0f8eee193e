"""The endpoint as OpenAPI: complete, true of what is answered to anything, and of what a record may hold."""

import json
from datetime import UTC, datetime

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from meterhouse.events.json_schema import record_schema
from meterhouse.events.kinds import EVENTS, OUTCOMES
from meterhouse.gateway import keys
from meterhouse.gateway.app import build_app
from meterhouse.gateway.keys import Scope
from meterhouse.gateway.openapi import document
from meterhouse.settings import Settings
from tests.events.making import event, jsonl, read
from tests.gateway.endpoint import served

EXAMPLES = settings.default.max_examples // 10
"""10, and more in `make faults`."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(
    document(),
    config=schemathesis.Config.from_dict(
        {"phases": {"examples": {"enabled": False}, "coverage": {"enabled": False}}}
    ),
)


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def as_text(_context, value):
    return str(value).encode()


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    installed = Settings(home=tmp_path_factory.mktemp("openapi") / "home", _env_file=None)
    key = keys.create(installed, "tests", scopes=(Scope.WRITE, Scope.READ)).key
    with served(installed) as url:
        yield url, key


def test_every_path_is_described_and_no_other():
    served_here = {
        (route.path, method.lower())
        for route in build_app(Settings(_env_file=None)).routes
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert described == served_here


def test_it_is_served_without_a_key_as_it_is(door):
    url, _ = door
    assert httpx.get(f"{url}/openapi.json").json() == json.loads(json.dumps(document()))


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_whatever_is_sent_is_answered_as_described(case, door):
    url, key = door
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
    case.call_and_validate(base_url=url, checks=CHECKS)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/key", "/metrics", "/v1/controls"])
def test_without_a_key_the_problem_is_as_described(door, path):
    url, _ = door
    operation = SCHEMA[path]["POST" if path == "/v1/events" else "GET"]
    case = (
        operation.Case(body=[event(1)], media_type="application/json")
        if path == "/v1/events"
        else operation.Case()
    )
    answer = case.call(base_url=url)
    assert answer.status_code == 401
    case.validate_response(answer, checks=CHECKS)


NOW = datetime(2026, 11, 20, tzinfo=UTC)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**13),
    st.decimals(-1, 2, places=6).map(float),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.sampled_from(
        ("", " ", "x", "1", "0.5", "1e3", "-1", "ok", "error", "chat", "batch", "standard", "true")
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.one_of(st.text("xyz"), st.integers(0, 9)), max_size=2),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([field.name for field in EVENTS.fields]), VALUES), min_size=1, max_size=40
    )
)
def test_what_the_schema_allows_is_taken(values):
    validator = jsonschema_rs.validator_for(record_schema(EVENTS))
    events = [event(number) | {name: value} for number, (name, value) in enumerate(values)]
    allowed = [one for one in events if validator.is_valid(one)]
    reading = read(jsonl(*allowed), "a.jsonl")
    assert reading.rejects.to_pylist() == []


def test_what_lacks_a_required_field_or_is_of_another_kind_is_not_allowed():
    validator = jsonschema_rs.validator_for(record_schema(EVENTS))
    assert validator.is_valid(event(1))
    for change in (
        {"provider": None},
        {"model": None},
        {"model": " "},
        {"started_at": "today"},
        {"input_tokens": -1},
        {"outcome": "fine"},
    ):
        assert not validator.is_valid(event(1) | change), change
    assert validator.is_valid(event(1) | {"operation": "tool", "model": None})
    assert set(record_schema(OUTCOMES)["required"]) == {"outcome_id", "trace_id", "name", "at"}
