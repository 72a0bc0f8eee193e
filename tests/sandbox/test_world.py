"""The world: the same for the same arguments, built on every recorded call exactly once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from meterhouse.events.schema import EVENT_FIELDS
from sandbox.books import charges_of
from sandbox.calls import Metering
from sandbox.facts import call_cost_usd
from sandbox.trace import read_trace
from sandbox.traffic import FIELD_BY_TOKEN_TYPE
from sandbox.world import build_world
from tests.sandbox.conftest import NOW

CONTEXT_FIELDS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")


@pytest.fixture(scope="module")
def world(running):
    return running.world


@pytest.fixture(scope="module")
def events(world):
    return [*world.events, *world.runaway_events]


def once(events):
    return list({event["event_id"]: event for event in events}.values())


def test_the_same_arguments_give_the_same_world_and_another_seed_another(world):
    again = build_world(world.days, world.seed, NOW)
    assert (again.calls, again.charges) == (world.calls, world.charges)
    other = build_world(world.days, world.seed + 1, NOW)
    assert not {call.event_id for call in other.calls} & {call.event_id for call in world.calls}


@pytest.mark.parametrize(
    "now", [NOW, datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 3, 1, 0, 20, tzinfo=UTC)]
)
@pytest.mark.parametrize("days", [1, 2, 9])
def test_metered_usage_sums_to_the_recorded_trace_whatever_the_arguments(days, now):
    world = build_world(days, 1, now)
    with_usage = [event for event in once([*world.events, *world.runaway_events]) if "input_tokens" in event]
    assert len(with_usage) == 8_819
    assert sum(event.get(name, 0) for event in with_usage for name in CONTEXT_FIELDS) == 18_059_974
    assert sum(event["output_tokens"] for event in with_usage) == 245_896


def test_every_recorded_call_is_metered_exactly_once(events):
    sizes = Counter(
        (sum(event.get(name, 0) for name in CONTEXT_FIELDS), event["output_tokens"])
        for event in once(events)
        if "input_tokens" in event
    )
    assert sizes == Counter(tuple(size) for size in read_trace())


def test_calls_lie_between_the_first_day_and_now(world):
    first = datetime.combine(world.closed_days[0], datetime.min.time(), UTC)
    assert all(first <= call.started_at < NOW for call in world.calls)
    assert {call.started_at.date() for call in world.calls} == {*world.closed_days, world.today}


def test_a_duplicate_is_the_same_body_again(events):
    deliveries = Counter(event["event_id"] for event in events)
    bodies = {(event["event_id"], repr(event)) for event in events}
    assert max(deliveries.values()) == 2
    assert len(bodies) == len(deliveries)


def test_events_use_only_fields_of_the_event_schema(events):
    known = {field.name: field for field in EVENT_FIELDS}
    for event in events:
        assert event.keys() <= known.keys()
    required = {name for name, field in known.items() if field.is_required}
    assert required <= events[0].keys()
    assert set(FIELD_BY_TOKEN_TYPE.values()) <= known.keys()


def test_streams_without_usage_are_metered_with_no_quantity_and_billed_with_all(world, events):
    missing = {call.event_id for call in world.calls if call.metering is Metering.USAGE_MISSING}
    counted = set(FIELD_BY_TOKEN_TYPE.values())
    assert missing == {event["event_id"] for event in events if not counted & event.keys()}
    assert all(list(charges_of(call)) for call in world.calls if call.event_id in missing)


def test_the_unmetered_service_is_billed_and_sends_no_event(world, events):
    unmetered = {call.event_id for call in world.calls if call.metering is Metering.NONE}
    assert unmetered <= {charge.call_id for charge in world.charges}
    assert not unmetered & {event["event_id"] for event in events}


def test_the_runaway_average_stands_at_exactly_the_limit_before_it_crosses(world):
    costs = [call_cost_usd(call) for call in world.runaway_calls]
    averages = [sum(costs[:count]) / count for count in range(1, len(costs) + 1)]
    assert averages[:4] == [Decimal("1.2489"), Decimal("1.1958"), Decimal("1.25"), Decimal("1.27575")]
    assert all(NOW - timedelta(hours=1) < call.started_at < NOW for call in world.runaway_calls)


def test_late_calls_start_before_a_midnight_and_are_booked_after_it(world):
    late = [call for call in world.calls if call.booked_at != call.started_at]
    assert len(late) == 12
    assert all(call.service.model.provider == "openai" for call in late)
    assert all((call.booked_at.date() - call.started_at.date()).days == 1 for call in late)
    assert all(call.booked_at.date() < world.today for call in late)


@pytest.mark.parametrize(("days", "now"), [(0, NOW), (1, NOW.replace(tzinfo=None))])
def test_a_world_without_days_or_time_zone_is_refused(days, now):
    with pytest.raises(ValueError, match="a world needs"):
        build_world(days, 1, now)
