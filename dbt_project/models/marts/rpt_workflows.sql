{# A run belongs to the day it started on and to its own workflow, with all its calls; calls outside any run stand by themselves. #}
with calls as (

    select
        coalesce(traces.trace_date, calls.event_date) as report_date,
        case when traces.trace_id is null then calls.workflow else traces.workflow end as workflow,
        {{ call_count() }} as call_count,
        sum(case when calls.cost_status in ('unpriced', 'usage_missing') and {{ is_call() }} then 1 else 0 end) as costless_call_count,
        sum(calls.cost_usd) as cost_usd,
        sum(case when traces.is_success then calls.cost_usd end) as success_run_cost_usd,
        sum(case when not traces.is_success then calls.cost_usd end) as failed_run_cost_usd,
        sum(case when traces.trace_id is null then calls.cost_usd end) as outside_runs_cost_usd,
        sum(case when calls.outcome = 'error' then calls.cost_usd end) as error_cost_usd,
        sum(case when calls.retry_number > 0 then calls.cost_usd end) as retry_cost_usd
    from {{ ref('fct_transactions') }} as calls
    left join {{ ref('fct_traces') }} as traces on traces.trace_id = calls.trace_id
    group by 1, 2

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
    coalesce(calls.call_count, 0) as call_count,
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
