"""The marts of a random world against an oracle in plain Python: money to the last of its twelve decimals."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from tests.dbt import oracle, raw
from tests.dbt.world import DAYS, PROVISIONAL_DAY, UNPULLED_DAY

CELL = "connection_id, reconciliation_date, model, token_type, tier, is_by_project, provider_project"
CAUSES = ("timing", "quantity", "unpriced", "price", "unexplained")


def by_cell(path):
    found = raw.rows(path, f"select {CELL}, * exclude ({CELL}) from marts.fct_reconciliation")
    return {tuple(row[name] for name in CELL.split(", ")): row for row in found}


def test_the_world_holds_every_case_the_oracle_knows(built):
    _, _, cells, measures = built
    billed = [m for m in measures.values() if m["is_billed"]]
    assert {key[5] for key in cells} == {True, False}, "refined and whole cells"
    assert any(m["Qb"] is None for m in billed)
    assert any(m["Qb"] == 0 and m["M"] for m in billed)
    assert any(m["Qb"] and m["Qm"] > m["Qb"] for m in billed)
    assert any(oracle.timings(measures).values())
    assert {key[1] for key in cells} == {*DAYS, UNPULLED_DAY}


def test_every_cell_holds_what_was_billed_and_metered_and_its_variance_by_cause(built):
    _, path, cells, measures = built
    found, timing = by_cell(path), oracle.timings(measures)
    assert found.keys() == cells.keys()
    for key, m in measures.items():
        row = found[key]
        assert row["is_provisional"] is not m["is_billed"]
        assert Fraction(row["metered_cost_usd"]) == m["M"]
        assert (row["metered_quantity"], row["priced_quantity"]) == (m["Qm"], m["Qp"])
        if m["is_billed"]:
            assert Fraction(row["billed_cost_usd"]) == m["B"]
            assert row["billed_quantity"] == m["Qb"], key
            expected = oracle.variance(m, timing[key])
            assert {cause: Fraction(row[f"{cause}_usd"]) for cause in CAUSES} == expected, key
            assert sum(expected.values()) == m["B"] - m["M"] == Fraction(row["difference_usd"])
        else:
            assert row["billed_cost_usd"] is None
            assert [row[f"{cause}_usd"] for cause in CAUSES] == [None] * 5
            assert Fraction(row["estimated_usd"] or 0) == m["M"]


def test_every_billed_cent_goes_to_who_caused_it_or_is_unattributed(built):
    _, path, cells, measures = built
    keys = {row["cell_id"]: key for key, row in by_cell(path).items()}
    found = defaultdict(Decimal)
    for row in raw.rows(
        path,
        "select * from marts.fct_attributed_costs where charge_category = 'usage' and not is_provisional",
    ):
        group = None if row["allocation"] == "unattributed" else (row["customer"], row["provider_project"])
        found[keys[row["cell_id"]], group] += row["billed_cost_usd"]
    for key, m in measures.items():
        if not m["is_billed"]:
            continue
        expected = oracle.shares(cells[key], m)
        assert sum(Fraction(found[key, group]) for group in expected) == m["B"]
        for group, share in expected.items():
            assert (
                abs(Fraction(found[key, group]) - share) < len(cells[key].metered) * oracle.UNIT + oracle.UNIT
            ), (key, group)


def test_attributed_unattributed_credits_and_other_are_the_bill(built):
    world, path, _, _ = built
    final = [charge for charge in world.charges if charge.day < PROVISIONAL_DAY]
    parts = raw.rows(
        path, "select allocation, sum(billed_cost_usd) as usd from marts.fct_attributed_costs group by 1"
    )
    sums = {part["allocation"]: part["usd"] for part in parts}
    assert sum(sums.values()) == sum(charge.amount for charge in final)
    assert sums["credits"] == sum(charge.amount for charge in final if charge.category == "credit")
    [total] = raw.rows(
        path,
        "select sum(billed_cost_usd) as billed, sum(reported_cost_usd) as reported from marts.fct_charges",
    )
    assert total["billed"] == sum(charge.amount for charge in final)
    assert total["reported"] == sum(charge.amount for charge in world.charges)


def test_daily_spend_is_the_same_money_by_day(built):
    world, path, _, _ = built
    found = {
        (row["connection_id"], row["spend_date"]): row
        for row in raw.rows(path, "select * from marts.rpt_daily_spend")
    }
    assert len(found) == 2 * (len(DAYS) + 1)
    for (connection, day), row in found.items():
        billed = (
            sum(c.amount for c in world.charges if (c.connection, c.day) == (connection, day))
            if day < PROVISIONAL_DAY
            else None
        )
        assert row["billed_cost_usd"] == billed
        if billed is not None:
            assert billed == row["attributed_cost_usd"] + row["unattributed_cost_usd"] + (
                row["credits_usd"] or 0
            )
            assert billed - row["metered_cost_usd"] == sum(row[f"{cause}_usd"] for cause in CAUSES) + (
                row["credits_usd"] or 0
            )
        assert row["transaction_count"] == 25


def test_days_without_a_final_bill_carry_the_list_cost_apart(built):
    world, path, _, _ = built
    [row] = raw.rows(
        path,
        "select sum(estimated_usd) as usd, count(billed_cost_usd) as billed from marts.fct_attributed_costs"
        " where is_provisional",
    )
    open_costs = [m.cost for m in world.metered if m.day >= PROVISIONAL_DAY and m.cost is not None]
    assert (row["usd"], row["billed"]) == (sum(open_costs), 0)


def test_the_transaction_log_has_every_event_with_its_tokens_and_cost(built):
    world, path, _, _ = built
    found = {row["event_id"]: row for row in raw.rows(path, "select * from marts.fct_transactions")}
    assert found.keys() == {event["event_id"] for event in world.events}
    inputs = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    for event in world.events:
        row = found[event["event_id"]]
        known = [event[name] for name in inputs if event.get(name) is not None]
        assert row["total_input_tokens"] == (sum(known) if known else None)
        assert (row["cost_usd"], row["total_output_tokens"]) == (
            event["cost_usd"],
            event.get("output_tokens"),
        )
        assert (row["connection_match"], row["model"]) == (
            "named",
            event["model"].strip().lower().removesuffix("-20260102"),
        )
