{# A run belongs to the day it started on and to its own workflow, with all its calls; calls outside any run stand by themselves. #}
with sums as (

    select
        trace_date as report_date,
        workflow,
        call_count,
        costless_call_count,
        cost_usd,
        case when is_success then cost_usd end as success_run_cost_usd,
        case when not is_success then cost_usd end as failed_run_cost_usd,
        cast(null as {{ type_money() }}) as outside_runs_cost_usd,
        error_cost_usd,
        retry_cost_usd
    from {{ ref('fct_traces') }}

    union all

    select
        event_date,
        workflow,
        {{ call_count() }},
        sum(case when cost_status in ('unpriced', 'usage_missing') and {{ is_call() }} then 1 else 0 end),
        sum(cost_usd),
        null,
        null,
        sum(cost_usd),
        sum(case when outcome = 'error' then cost_usd end),
        sum(case when retry_number > 0 then cost_usd end)
    from {{ ref('fct_transactions') }}
    where trace_id is null
    group by event_date, workflow

),

calls as (

    select
        report_date,
        workflow,
        sum(call_count) as call_count,
        sum(costless_call_count) as costless_call_count,
        sum(cost_usd) as cost_usd,
        sum(success_run_cost_usd) as success_run_cost_usd,
        sum(failed_run_cost_usd) as failed_run_cost_usd,
        sum(outside_runs_cost_usd) as outside_runs_cost_usd,
        sum(error_cost_usd) as error_cost_usd,
        sum(retry_cost_usd) as retry_cost_usd
    from sums
    group by report_date, workflow

),

runs as (

    select
        trace_date as report_date,
        workflow,
        count(*) as run_count,
        sum(case when is_success then 1 else 0 end) as success_run_count,
        sum(case when not is_success then 1 else 0 end) as failed_run_count,
        sum(outcome_count) as outcome_count,
        sum(success_count) as success_count,
        sum(value_usd) as value_usd
    from {{ ref('fct_traces') }}
    group by trace_date, workflow

),

days as (

    select report_date, workflow from calls
    union
    select report_date, workflow from runs

)

select
    {{ surrogate_key(['days.report_date', 'days.workflow']) }} as workflow_day_id,
    days.report_date,
    days.workflow,
    coalesce(runs.run_count, 0) as run_count,
    cast(coalesce(runs.success_run_count, 0) as bigint) as success_run_count,
    cast(coalesce(runs.failed_run_count, 0) as bigint) as failed_run_count,
    cast(coalesce(calls.call_count, 0) as bigint) as call_count,
    cast(coalesce(calls.costless_call_count, 0) as bigint) as costless_call_count,
    cast(calls.cost_usd as {{ type_money() }}) as cost_usd,
    cast(calls.success_run_cost_usd as {{ type_money() }}) as success_run_cost_usd,
    cast(calls.failed_run_cost_usd as {{ type_money() }}) as failed_run_cost_usd,
    cast(calls.outside_runs_cost_usd as {{ type_money() }}) as outside_runs_cost_usd,
    cast(calls.error_cost_usd as {{ type_money() }}) as error_cost_usd,
    cast(calls.retry_cost_usd as {{ type_money() }}) as retry_cost_usd,
    cast(coalesce(runs.outcome_count, 0) as bigint) as outcome_count,
    cast(coalesce(runs.success_count, 0) as bigint) as success_count,
    cast(runs.value_usd as {{ type_money() }}) as value_usd,
    cast(runs.value_usd - coalesce(calls.cost_usd, 0) as {{ type_money() }}) as return_usd,
    case when runs.success_count > 0 then {{ unit_price('calls.cost_usd', 'runs.success_count', 1) }} end as usd_per_success
from days
left join calls on calls.report_date = days.report_date and {{ same('calls.workflow', 'days.workflow') }}
left join runs on runs.report_date = days.report_date and {{ same('runs.workflow', 'days.workflow') }}
