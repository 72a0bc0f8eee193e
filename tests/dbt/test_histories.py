"""A history built step by step ends in the marts that a full rebuild of the same raw tables makes, row for row, and a
step makes anew the days it touches and no other."""

import pytest

from tests.dbt import raw
from tests.dbt.histories import WITH_MEMORY, History

BUILDS = 4


@pytest.mark.parametrize("seed", [1])
def test_late_repeated_restated_vanished_repriced_and_renamed_end_as_a_full_rebuild_does(
    built, tmp_path, seed
):
    world, path, _, _ = built
    (tmp_path / "whole").mkdir()
    history = History(world, path, tmp_path, seed)
    steps = list(history.steps())
    for number, (_, step) in enumerate(steps, 1):
        step()
        if number % (len(steps) // BUILDS) == 0:
            history.build(*WITH_MEMORY)
    history.build()
    whole = history.rebuilt(tmp_path / "whole")
    assert history.differences(whole) == {}
    [sums] = raw.rows(
        whole,
        "select (select sum(billed_cost_usd) from marts.fct_charges) as billed,"
        " (select count(*) - count(distinct (event_id, started_at)) from marts.fct_transactions) as twice",
    )
    assert (sums["billed"], sums["twice"]) == (history.billed(), 0)


def test_a_late_call_makes_its_own_day_anew_and_no_other(built, tmp_path):
    world, path, _, _ = built
    history = History(world, path, tmp_path, seed=3)
    history.build(*WITH_MEMORY)
    history.late()
    days = {event["started_at"].date() for event in history.events if event["file_url"] == f"f{history.load}"}
    marts = {
        "fct_transactions": "event_date",
        "fct_attributed_costs": "cost_date",
        "rpt_customer_costs": "report_date",
    }
    with raw.connect(history.path) as database:
        for mart in marts:
            database.execute(f"update marts.{mart} set product = 'as it was'")
    history.build(*WITH_MEMORY)
    for mart, day in marts.items():
        sql = f"select distinct {day} as day from marts.{mart} where product is distinct from 'as it was'"
        assert {row["day"] for row in raw.rows(history.path, sql)} == days, mart
