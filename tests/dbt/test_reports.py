"""Trust and the wide tables of the random world, against sums in plain Python."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from tests.dbt import oracle, raw
from tests.dbt.world import DAYS, PROVISIONAL_DAY, UNPULLED_DAY

FOUR_PLACES = Fraction(1, 10**4)
TOKENS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
WEIGHTS = {"coverage_share": 4, "priced_share": 2, "freshness_share": 2, "agreement_share": 2}


def cells_by_day(measures):
    days = defaultdict(list)
    for key, measure in measures.items():
        days[key[:2]].append((key, measure))
    return days


def test_trust_is_made_of_what_is_metered_priced_fresh_and_agreed(built):
    world, path, cells, measures = built
    found = {
        (row["connection_id"], row["trust_date"]): row
        for row in raw.rows(path, "select * from marts.fct_data_trust")
    }
    timing = oracle.timings(measures)
    names = {f"name of {connection}": connection for connection in ("c-openai", "c-anthropic")}
    calls = defaultdict(list)
    for event in world.events:
        calls[names[event["connection"]], event["started_at"].date()].append(event["cost_status"])
    assert found.keys() == calls.keys()
    for (connection, day), at in cells_by_day(measures).items():
        row, statuses = found[connection, day], calls[connection, day]
        is_final = day < PROVISIONAL_DAY
        costless = sum(status in ("unpriced", "usage_missing") for status in statuses)
        expected = {
            "coverage_share": None,
            "priced_share": Fraction(len(statuses) - costless, len(statuses)),
            "freshness_share": Fraction(int(is_final)),
            "agreement_share": None,
        }
        if is_final:
            shared = [oracle.shares(cells[key], m) for key, m in at]
            unattributed = sum(one[None] for one in shared)
            attributed = sum(sum(one.values()) - one[None] for one in shared)
            expected["coverage_share"] = abs(attributed) / (abs(attributed) + abs(unattributed))
            metered = [(m, oracle.variance(m, timing[key])) for key, m in at if m["M"] + m["Qm"]]
            open_variance = sum(
                abs(min(causes["quantity"], 0))
                + abs(causes["price"])
                + abs(causes["unpriced"])
                + abs(causes["unexplained"])
                for _, causes in metered
            )
            compared = sum(max(abs(m["B"]), m["M"]) for m, _ in metered)
            assert Fraction(row["open_variance_usd"]) == open_variance
            expected["agreement_share"] = 1 - min(Fraction(1), open_variance / compared)
        for name, share in expected.items():
            if share is None:
                assert row[name] is None
            else:
                assert abs(Fraction(row[name]) - share) <= FOUR_PLACES, (connection, day, name)
        known = {name: weight for name, weight in WEIGHTS.items() if row[name] is not None}
        score = Fraction(sum(row[name] * weight for name, weight in known.items())) / sum(known.values())
        assert 0 <= score - Fraction(row["trust_score"]) < FOUR_PLACES


def test_movers_compare_two_weeks_of_whole_days(built):
    world, path, _, _ = built
    spend = defaultdict(Decimal)
    for charge in world.charges:
        if charge.day < PROVISIONAL_DAY and charge.category == "usage":
            spend[charge.connection, charge.day] += charge.amount
    for metered in world.metered:
        if metered.day == PROVISIONAL_DAY:
            spend[metered.connection, metered.day] += metered.cost or 0
    first = UNPULLED_DAY - timedelta(days=7)
    movers = raw.rows(path, "select * from marts.rpt_top_movers order by dimension, mover_rank")
    assert {(row["first_date"], row["last_date"]) for row in movers} == {(first, PROVISIONAL_DAY)}
    for row in (one for one in movers if one["dimension"] == "connection"):
        of_it = {day: usd for (connection, day), usd in spend.items() if connection == row["member"]}
        recent = sum(usd for day, usd in of_it.items() if day >= first)
        former = sum(usd for day, usd in of_it.items() if day < first)
        assert (row["spend_usd"], row["former_spend_usd"], row["change_usd"]) == (
            recent,
            former,
            recent - former,
        )
        assert abs(row["change_share"] - (recent - former) / former) <= Decimal("0.0001")
    for dimension in {row["dimension"] for row in movers}:
        members = [row for row in movers if row["dimension"] == dimension]
        total = sum((row["spend_usd"] or 0) + (row["former_spend_usd"] or 0) for row in members)
        assert total == sum(spend.values()), dimension
        changes = [abs(row["change_usd"]) for row in members]
        assert changes == sorted(changes, reverse=True)


def test_a_million_tokens_cost_what_counted_tokens_were_billed(built):
    _, path, _, measures = built
    billed, tokens = defaultdict(Fraction), defaultdict(Fraction)
    for (_, day, model, token_type, *_), m in measures.items():
        if m["Qb"] is not None and model and token_type in TOKENS:
            billed[day, model] += m["B"]
            tokens[day, model] += m["Qb"]
    rows = raw.rows(
        path, "select * from marts.rpt_model_costs where billed_usd_per_million_tokens is not null"
    )
    assert {(row["report_date"], row["model"]) for row in rows} == {
        key for key, count in tokens.items() if count
    }
    for row in rows:
        key = row["report_date"], row["model"]
        price = billed[key] * 10**6 / tokens[key]
        assert abs(Fraction(row["billed_usd_per_million_tokens"]) - price) <= Fraction(1, 10**18)


def test_an_agents_errors_and_retries_are_what_they_cost(built):
    world, path, _, _ = built
    rows = raw.rows(path, "select * from marts.rpt_agents")
    assert {row["report_date"] for row in rows} == {*DAYS, UNPULLED_DAY}
    for agent, count, cost in (
        ("reader", "error_count", "error_cost_usd"),
        ("writer", "retry_count", "retry_cost_usd"),
    ):
        events = [event for event in world.events if event.get("agent") == agent]
        of_it = [row for row in rows if row["agent"] == agent]
        assert {row["workflow"] for row in of_it} == {"triage"}
        assert sum(row[count] for row in of_it) == sum(row["call_count"] for row in of_it) == len(events)
        spent = sum(event["cost_usd"] for event in events if event["cost_usd"] is not None)
        assert sum(row[cost] or 0 for row in of_it) == sum(row["cost_usd"] or 0 for row in of_it) == spent
    assert sum(row["error_count"] for row in rows) == sum(
        event.get("outcome") == "error" for event in world.events
    )
