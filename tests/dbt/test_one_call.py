"""One call that several doors metered counts once, whichever event comes first; and no other call is lost by it."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.dbt import raw
from tests.dbt.test_exactly_once import SELECT, START, event

CHANGING = ("int_events__judged", "int_events__repeated_calls", "duplicate_events")
STATUSES = ("priced", "client_reported", "skipped", "unpriced", "usage_missing")
SOURCES = ("sdk", "http", "revenium", "otlp", "litellm", "bedrock_log", "file")
WINDOW_HOURS = 48


def metered(event_id, source, request_id="r1", hour=0, cost="1", status="priced", **fields):
    return {
        **event(event_id, hour, file=f"file-{event_id}", cost=cost or "0"),
        "cost_usd": cost and Decimal(cost),
        "cost_status": status,
        "operation": "chat",
        "source": source,
        "provider_request_id": request_id,
        **fields,
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("one-call") / "warehouse.duckdb"
    raw.create(path, providers=())
    assert raw.dbt(path, "run", *SELECT, *CHANGING, "int_events__counted") == []
    return path


@pytest.fixture
def warehouse(built):
    with raw.connect(built) as connection:
        connection.execute("delete from raw_metering.events; delete from intermediate.int_events__judged")
    return built


def load(path, *loads):
    for number, events in enumerate(loads, start=1):
        raw.load_events(path, events, number)
        assert raw.dbt(path, "run", "--select", *CHANGING) == []


def counted(path):
    return {
        row["event_id"]: row
        for row in raw.rows(
            path,
            "select event_id, customer, workflow, cost_usd, cost_status from intermediate.int_events__counted",
        )
    }


def duplicates(path):
    found = raw.rows(
        path, "select event_id, counted_event_id, uncounted_cost_usd from marts.duplicate_events"
    )
    return {row["event_id"]: (row["counted_event_id"], row["uncounted_cost_usd"]) for row in found}


def test_the_copy_that_knows_its_cost_counts_and_takes_what_the_others_know_of_whom_it_was_for(warehouse):
    stream = [
        metered("proxy", "litellm", cost="3", customer="team", provider="anthropic"),
        metered("app", "sdk", cost=None, status="usage_missing", customer="acme", workflow="mail"),
    ]
    load(warehouse, stream[:1], stream[1:])
    assert counted(warehouse) == {
        "proxy": {
            "event_id": "proxy",
            "customer": "team",
            "workflow": "mail",
            "cost_usd": Decimal(3),
            "cost_status": "priced",
        }
    }
    assert duplicates(warehouse) == {"app": ("proxy", None)}


def test_other_calls_are_left_alone(warehouse):
    events = [
        metered("far-1", "sdk", "far", hour=0),
        metered("far-2", "otlp", "far", hour=WINDOW_HOURS + 1),
        metered("openai", "sdk", "same"),
        metered("anthropic", "otlp", "same", provider="anthropic"),
        metered("tool-1", "sdk", "tools", operation="tool"),
        metered("tool-2", "http", "tools", operation="tool"),
        metered("none-1", "sdk", None),
        metered("none-2", "litellm", None),
    ]
    load(warehouse, events)
    assert counted(warehouse).keys() == {one["event_id"] for one in events}
    assert duplicates(warehouse) == {}


def test_a_price_that_comes_later_may_let_the_other_copy_count(warehouse):
    app = metered("app", "sdk", cost=None, status="unpriced")
    load(warehouse, [app, metered("proxy", "litellm", hour=30, cost="3")])
    assert duplicates(warehouse) == {"app": ("proxy", None)}
    raw.load_events(warehouse, [{**app, "cost_usd": Decimal(2), "cost_status": "priced"}], 2)
    assert raw.dbt(warehouse, "run", "--select", *CHANGING) == []
    assert duplicates(warehouse) == {"proxy": ("app", Decimal(3))}
    assert counted(warehouse)["app"]["cost_usd"] == Decimal(2)


def expected(events):
    """The rule in plain Python: the counted event of each, of events without LiteLLM's."""
    calls = {}
    for one in sorted(events, key=lambda one: (one["started_at"], one["event_id"])):
        same = calls.setdefault((one["provider"], one["provider_request_id"]), [])
        hours = timedelta(hours=WINDOW_HOURS)
        if same and one["started_at"] - same[-1][-1]["started_at"] <= hours:
            same[-1].append(one)
        else:
            same.append([one])
    return {
        one["event_id"]: min(
            call,
            key=lambda one: (
                STATUSES.index(one["cost_status"]),
                SOURCES.index(one["source"]),
                one["received_at"],
                one["content_hash"],
                one["event_id"],
            ),
        )["event_id"]
        for same in calls.values()
        for call in same
        for one in call
    }


def test_any_order_of_loads_built_step_by_step_and_at_once_ends_as_the_rule_says(warehouse):
    chance = random.Random(7)
    events = []
    for number in range(300):
        status = chance.choice(STATUSES)
        cost = f"{chance.randrange(1, 10**9)}e-12" if status in ("priced", "client_reported") else None
        events.append(
            metered(
                f"e{number}",
                chance.choice([source for source in SOURCES if source != "litellm"]),
                f"r{chance.randrange(70)}",
                chance.choice([0, 1, 20, 47, 48, 49, 96, 97, 200]),
                cost,
                status,
                provider=chance.choice(("openai", "openai", "anthropic")),
                received_at=START + timedelta(minutes=chance.randrange(3)),
            )
        )
    rule = expected(events)
    chance.shuffle(events)
    load(warehouse, events[:120], events[120:200], events[200:])
    step_by_step = counted(warehouse), duplicates(warehouse)
    assert {
        **{name: name for name in step_by_step[0]},
        **{n: c for n, (c, _) in step_by_step[1].items()},
    } == rule
    assert 50 < len(step_by_step[1]) < 250
    known = sum((one["cost_usd"] or 0 for one in events), Decimal(0))
    kept = sum((row["cost_usd"] or 0 for row in step_by_step[0].values()), Decimal(0))
    left = sum((cost or 0 for _, cost in step_by_step[1].values()), Decimal(0))
    assert kept + left == known
    assert raw.dbt(warehouse, "run", "--full-refresh", "--select", *CHANGING) == []
    assert (counted(warehouse), duplicates(warehouse)) == step_by_step
