"""What outcomes cost, for the page of costs: by workflow, and by what was achieved.

Its numbers are sums over `rpt_workflows` and `fct_outcomes` as published. What does not belong here: which call belongs
to which run (`fct_traces`).
"""

from typing import Any

from meterhouse.console import marts
from meterhouse.console.periods import Period
from meterhouse.settings import Settings

_ROWS_SHOWN = 50
_WORKFLOWS = """
    select
        workflow,
        sum(run_count) as runs,
        sum(failed_run_count) as failed_runs,
        sum(call_count) as calls,
        sum(costless_call_count) as costless_calls,
        sum(cost_usd) as cost_usd,
        sum(failed_run_cost_usd) as failed_run_cost_usd,
        sum(success_count) as successes,
        sum(value_usd) as value_usd,
        sum(return_usd) as return_usd
    from marts.rpt_workflows
    where report_date between $first and $last
    group by workflow
    having runs > 0
    order by cost_usd desc nulls last, workflow
    limit $rows_shown
"""
_OUTCOMES = """
    select
        outcome_name,
        count(*) as outcomes,
        count(*) filter (where is_success) as successes,
        count(*) filter (where not is_success) as failures,
        sum(value_usd) as value_usd,
        count(*) filter (where value_usd is null) as worth_unknown
    from marts.fct_outcomes
    where cast(achieved_at as date) between $first and $last
    group by outcome_name
    order by outcomes desc, outcome_name
    limit $rows_shown
"""


def outcomes(settings: Settings, period: Period) -> dict[str, Any]:
    """The `workflows` whose runs began in the period, dearest first, and the `achieved` outcomes of it.

    `usd_per_success` of a workflow is None where nothing succeeded or no cost is known.

    Raises:
        NothingPublishedError: Nothing is published yet.
    """
    asked = {"first": period.first, "last": period.last, "rows_shown": _ROWS_SHOWN}
    return {
        "workflows": [
            row
            | {
                "usd_per_success": row["cost_usd"] / row["successes"]
                if row["cost_usd"] is not None and row["successes"]
                else None
            }
            for row in marts.rows(settings, _WORKFLOWS, asked)
        ],
        "achieved": marts.rows(settings, _OUTCOMES, asked),
    }
