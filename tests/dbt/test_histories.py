"""A history built step by step ends in the marts that a full rebuild of the same raw tables makes, row for row."""

import pytest

from tests.dbt import raw
from tests.dbt.histories import WITH_MEMORY, History

BUILDS = 5


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
