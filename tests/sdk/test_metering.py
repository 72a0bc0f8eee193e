"""`meter()` writes any event in the fields of the schema, and never harms its caller."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from meterhouse_sdk import attribute, configure, meter, stats
from meterhouse_sdk.fields import FIELD_KINDS, TOKEN_FIELDS

from meterhouse.events.schema import BUCKETS, EVENT_FIELDS


def test_the_sdk_knows_exactly_the_fields_of_the_event_schema_and_their_kinds():
    assert {field.name: field.kind.value for field in EVENT_FIELDS} == FIELD_KINDS
    assert [bucket.field for bucket in BUCKETS if bucket.field.endswith("_tokens")] == list(TOKEN_FIELDS)


def test_an_event_gets_a_uuid7_the_time_the_source_and_the_schema_version(landing):
    before = datetime.now(UTC)
    event_id = meter(provider="openai", model="gpt-5", input_tokens=5)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event_id)
    event = landing.event()
    assert (event["event_id"], event["source"], event["schema_version"]) == (event_id, "sdk", "1")
    assert (
        before <= datetime.fromisoformat(event["started_at"]) <= datetime.fromisoformat(event["received_at"])
    )
    assert (event["input_tokens"], event.get("output_tokens")) == (5, None)


def test_ten_thousand_ids_made_at_once_differ(landing):
    assert len({meter(provider="p", model="m") for _ in range(10_000)}) == 10_000


def test_the_caller_may_give_id_and_start_of_a_call_long_past(landing):
    started_at = datetime(2023, 11, 16, 19, 15, 46, 680590, timezone(timedelta(hours=2)))
    assert meter(event_id="call-1", provider="openai", model="gpt-4", started_at=started_at) == "call-1"
    event = landing.event()
    assert event["event_id"] == "call-1"
    assert event["started_at"] == "2023-11-16T17:15:46.680590+00:00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.1") + Decimal("0.2"), "0.3"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (12, "12"),
        ("1.50", "1.50"),
    ],
)
def test_money_travels_as_plain_decimal_text(value, text, landing):
    meter(provider="p", model="m", client_cost_usd=value)
    assert landing.event()["client_cost_usd"] == text


def test_names_that_are_no_field_are_kept_under_metadata_flat_and_counted_but_logged_once(landing, caplog):
    for _ in range(3):
        meter(
            provider="p",
            model="m",
            ticket=7,
            score=0.5,
            is_new=True,
            cost=Decimal("1E-7"),
            tags=["a"],
            none=None,
        )
    metadata = json.loads(landing.events()[0]["metadata"])
    assert metadata == {"ticket": 7, "score": 0.5, "is_new": "true", "cost": "0.0000001", "tags": '["a"]'}
    assert stats()["unknown_fields"] == 15
    assert sum("'ticket' is no field" in record.message for record in caplog.records) == 1


def test_the_call_wins_over_the_block_the_block_over_configure_and_that_over_the_environment(
    landing, monkeypatch
):
    monkeypatch.setenv("METERHOUSE_ENVIRONMENT", "environment")
    monkeypatch.setenv("METERHOUSE_PRODUCT", "environment")
    monkeypatch.setenv("METERHOUSE_AGENT", "environment")
    monkeypatch.setenv("METERHOUSE_WORKFLOW", "environment")
    monkeypatch.setenv("METERHOUSE_LANDING_URL", str(landing.path))
    configure(
        product="configure", agent="configure", workflow="configure", metadata={"a": "configure", "b": 1}
    )
    with attribute(agent="block", workflow="block", metadata={"a": "block"}):
        meter(provider="p", model="m", workflow="call", metadata={"c": "call"})
    event = landing.event()
    names = ("environment", "product", "agent", "workflow")
    assert [event[name] for name in names] == ["environment", "configure", "block", "call"]
    assert json.loads(event["metadata"]) == {"a": "block", "b": 1, "c": "call"}


class Hostile:
    def __str__(self):
        raise RuntimeError("no text")


def test_values_of_any_kind_neither_raise_nor_hold_up_the_events_around_them(landing):
    meter(provider="first", model="m")
    assert meter(provider="p", model=Hostile())
    meter(
        provider="\ud800 torn",
        model=3,
        started_at="yesterday",
        input_tokens="many",
        client_cost_usd=float("nan"),
    )
    meter(
        provider="p",
        model="m",
        metadata={1: float("inf"), "o": object()},
        usage_raw={"when": {1}},
    )
    assert meter(provider="p", model="m", input_tokens=10**5000)
    meter(provider="last", model="m", input_tokens=10**30)
    events = landing.events()
    assert [event["provider"] for event in events] == ["first", "? torn", "p", "last"]
    assert events[1]["input_tokens"] == "many"
    assert events[3]["input_tokens"] == "1" + "0" * 30
    assert stats()["failed"] == 2
