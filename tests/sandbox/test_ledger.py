"""The ledger: its identities, and that its causes are the complications the world was built with."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.books import emptied, repriced
from sandbox.cells import (
    Billed,
    Cell,
    Metered,
    Owner,
    attributed_by_owner,
    matched,
    rounded,
    timing_quantities,
    variance_usd,
)
from sandbox.ledger import build_ledger
from sandbox.world import build_world
from tests.sandbox.conftest import NOW

PARTS = ("attributed_usd", "unattributed_usd", "credits_usd", "other_usd")


@pytest.fixture(scope="module")
def ledger(running):
    return running.ledger


def amount(text):
    return Decimal(text)


def assert_identities(row):
    variance = sum(map(amount, row["variance"].values()))
    assert sum(amount(row[part]) for part in PARTS) == amount(row["billed_usd"])
    assert amount(row["billed_usd"]) - amount(row["metered_usd"]) == variance + amount(
        row["credits_usd"]
    ) + amount(row["other_usd"])


def test_identities_hold_in_every_total_and_day(ledger):
    for row in [*ledger["totals"].values(), *ledger["accounts"].values(), *ledger["daily"]]:
        assert_identities(row)


def test_identities_hold_in_every_matched_pair(ledger):
    for row in ledger["matches"]:
        assert_identities(row | {"credits_usd": "0", "other_usd": "0"})


def test_days_and_cells_add_up_to_the_totals(ledger):
    totals = ledger["totals"]["all"]
    for column in ("billed_usd", "metered_usd", *PARTS):
        assert sum(amount(row[column]) for row in ledger["daily"]) == amount(totals[column])
    used = sum(amount(row["billed_usd"]) for row in ledger["cells"])
    assert used == sum(amount(row["billed_usd"]) for row in ledger["lines"])
    assert used + amount(totals["credits_usd"]) + amount(totals["other_usd"]) == amount(totals["billed_usd"])
    for by in ledger["attributed_by"].values():
        assert sum(map(amount, by.values())) == pytest.approx(
            amount(totals["attributed_usd"]), abs=Decimal("1e-9")
        )


def test_each_cause_is_the_complication_the_world_was_built_with(ledger):
    variance, facts = ledger["totals"]["all"]["variance"], ledger["facts"]
    unmetered = amount(facts["unmetered_service"]["billed_usd"]) + amount(
        facts["streams_without_usage"]["billed_usd"]
    )
    agreed = -amount(facts["negotiated_discount"]["discount_usd"])
    assert amount(variance["quantity"]) == unmetered
    assert amount(variance["price"]) == amount(facts["other_prices"]["difference_usd"])
    assert abs(amount(variance["price"]) - agreed) < Decimal("0.001"), "the rest is rounding"
    assert amount(variance["unpriced"]) == amount(facts["model_without_list_price"]["billed_usd"])
    assert amount(variance["unexplained"]) == amount(variance["timing"]) == 0
    assert amount(ledger["totals"]["all"]["credits_usd"]) == amount(facts["credit"]["billed_usd"])
    assert amount(ledger["totals"]["openai"]["credits_usd"]) == Decimal("-3.5")


def test_both_accounts_of_one_provider_are_its_total(ledger):
    both = [ledger["accounts"][name] for name in ("openai", "openai-europe")]
    for column in ("billed_usd", "metered_usd", "provisional_usd", *PARTS):
        assert sum(amount(one[column]) for one in both) == amount(ledger["totals"]["openai"][column])
    assert all(amount(one["billed_usd"]) > 0 for one in both)


def test_a_proxys_estimate_is_in_no_sum_and_is_what_is_billed_upstream(ledger):
    assert "litellm" not in ledger["accounts"]
    estimated = sum(amount(row["estimated_usd"]) for row in ledger["gateways"])
    assert estimated == amount(ledger["facts"]["proxied"]["billed_usd"]) > 0


def test_a_world_of_fewer_accounts_has_a_ledger_of_those_alone():
    ledger = build_ledger(build_world(2, 3, NOW, accounts=("openai", "anthropic")))
    assert set(ledger["accounts"]) == {"openai", "anthropic"}
    assert ledger["gateways"] == []
    assert (ledger["events"]["context_tokens"], ledger["events"]["pieces"]) == (18_059_974, 0)


def test_late_bookings_are_the_timing_of_the_two_days_they_touch(ledger):
    late = ledger["facts"]["late_booking"]
    timing = {
        row["day"]: amount(row["variance"]["timing"]) for row in ledger["daily"] if row["account"] == "openai"
    }
    gained = {day for day, value in timing.items() if value > 0}
    assert gained == set(late["booked_on"])
    assert {day for day, value in timing.items() if value < 0} == {
        (date.fromisoformat(day) - timedelta(days=1)).isoformat() for day in gained
    }
    assert sum(timing[day] for day in gained) == amount(late["billed_usd"])


def test_every_complication_is_present(ledger):
    for name, fact in ledger["facts"].items():
        if name in ("credit", "not_usage"):
            assert fact["calls"] == 0
        else:
            assert fact["calls"] > 0, name


def test_counts_of_events_belong_together(ledger, running):
    events = ledger["events"]
    assert (events["context_tokens"], events["generated_tokens"]) == (18_059_974, 245_896)
    assert events["priced"] + events["unpriced"] == 8_819 + events["pieces"]
    assert events["transactions"] == 8_819 + events["usage_missing"] + events["pieces"]
    assert events["deliveries"] == events["transactions"] + events["duplicates"]
    assert events["deliveries"] == len(running.world.events) + len(running.world.runaway_events)


def test_the_expected_alert_names_the_crossing_event(ledger, running):
    (alert,) = ledger["alerts"]
    assert alert["first_event_id"] == running.world.runaway_events[3]["event_id"]
    assert (alert["value_usd"], alert["limit_usd"], alert["samples"]) == ("1.27575", "1.25", 4)


def test_today_is_estimated_and_never_billed(ledger, running):
    today = running.world.today.isoformat()
    assert today not in {row["day"] for row in ledger["cells"]}
    assert amount(ledger["totals"]["openai"]["provisional_usd"]) > 6  # the runaway calls alone
    assert amount(ledger["totals"]["anthropic"]["provisional_usd"]) > 0


def test_a_day_that_openrouter_does_not_tell_yet_is_an_estimate():
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    before, after = (
        build_ledger(build_world(2, 7, midnight + timedelta(minutes=minutes))) for minutes in (29, 30)
    )
    days = [{(row["account"], row["day"]) for row in ledger["daily"]} for ledger in (before, after)]
    assert days[1] - days[0] == {("openrouter", "2026-11-22")}
    router = before["accounts"]["openrouter"]
    assert amount(router["provisional_usd"]) > amount(after["accounts"]["openrouter"]["provisional_usd"])


def test_the_ledger_is_plain_json(ledger):
    assert json.loads(json.dumps(ledger)) == ledger


def test_an_emptied_day_leaves_only_what_was_metered(running):
    day = running.world.closed_days[1]
    ledger = build_ledger(running.world.restated("anthropic", day, emptied))
    row = next(r for r in ledger["daily"] if (r["provider"], r["day"]) == ("anthropic", day.isoformat()))
    assert row["billed_usd"] == "0"
    assert amount(row["variance"]["quantity"]) == -amount(row["metered_usd"]) < 0


def test_a_repriced_day_moves_the_price_variance_alone(running):
    day = running.world.closed_days[1]
    before, after = (
        next(
            row["variance"]
            for row in build_ledger(world)["daily"]
            if (row["provider"], row["day"]) == ("anthropic", day.isoformat())
        )
        for world in (running.world, running.world.restated("anthropic", day, repriced(Decimal("1.1"))))
    )
    assert {cause for cause in before if before[cause] != after[cause]} == {"price"}


DAY = date(2026, 11, 17)
PROJECTS = st.sampled_from([None, "p1", "p2"])
CELLS = st.builds(
    Cell,
    st.just("openai"),
    st.integers(0, 3).map(lambda days: DAY + timedelta(days=days)),
    st.just("m"),
    st.just("input"),
    st.just("standard"),
)
QUANTITIES = st.integers(1, 10**6)
MONEY = st.decimals(0, 1000, places=12)
BILLED = st.builds(Billed, CELLS, PROJECTS, MONEY, st.none() | QUANTITIES)
METERED = st.builds(
    Metered,
    CELLS,
    PROJECTS,
    st.builds(Owner, st.sampled_from("ab"), st.just("p"), st.just("g")),
    QUANTITIES,
    st.none() | MONEY,
)


@given(st.lists(BILLED, max_size=8), st.lists(METERED, max_size=8))
def test_whatever_is_billed_and_metered_the_rules_keep_every_cent(billed, metered):
    matches = matched(billed, metered)
    timing = timing_quantities(matches)
    assert sum(match.billed_usd for match in matches.values()) == sum(charge.amount_usd for charge in billed)
    assert sum(match.metered_quantity for match in matches.values()) == sum(part.quantity for part in metered)
    assert sum(timing.values()) == 0
    for key, match in matches.items():
        residual = match.residual_quantity
        assert timing[key] == 0 or 0 < timing[key] / residual <= 1
        variance = variance_usd(match, timing[key])
        assert sum(variance.values()) == match.billed_usd - match.metered_usd
        shares = attributed_by_owner(match)
        assert 0 <= sum(shares.values(), Fraction(0)) <= Fraction(match.billed_usd)


def test_quantities_are_matched_by_project_only_when_every_metered_one_names_its_project():
    cell, owner = Cell("openai", DAY, "m", "input", "standard"), Owner("c", "p", "a")
    billed = [Billed(cell, "p1", Decimal(1), 10), Billed(cell, "p2", Decimal(2), 10)]
    named = Metered(cell, "p1", owner, 10, Decimal(1))
    by_project = matched(billed, [named])
    assert {key.project: attributed_by_owner(match) for key, match in by_project.items()} == {
        "p1": {owner: 1},
        "p2": {},
    }
    (whole,) = matched(billed, [named, named._replace(project=None)]).values()
    assert attributed_by_owner(whole) == {owner: 3}


def test_even_days_find_their_next_day_before_odd_ones():
    owner = Owner("c", "p", "a")
    even = DAY if DAY.toordinal() % 2 == 0 else DAY + timedelta(days=1)
    days = [Cell("openai", even + timedelta(days=n), "m", "input", "standard") for n in (-1, 0, 1)]
    billed = [
        Billed(days[0], "p", Decimal(1), 10),
        Billed(days[1], "p", Decimal(1), 1),
        Billed(days[2], "p", Decimal(1), 4),
    ]
    metered = [
        Metered(cell, "p", owner, quantity, Decimal(1))
        for cell, quantity in zip(days, (5, 10, 1), strict=True)
    ]
    timing = {key.cell: quantity for key, quantity in timing_quantities(matched(billed, metered)).items()}
    assert [timing[day] for day in days] == [5, -8, 3]


@pytest.mark.parametrize(
    ("exact", "expected"), [("5e-13", "1e-12"), ("-5e-13", "-1e-12"), ("4.9e-13", "0"), ("1.25", "1.25")]
)
def test_amounts_are_rounded_half_away_from_zero_at_twelve_decimals(exact, expected):
    assert rounded(Fraction(Decimal(exact))) == Decimal(expected)
