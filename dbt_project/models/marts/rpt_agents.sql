{# What failed or was tried again is spent for nothing; what a cache could have served is spent at the full price. #}
with outcomes as (

    select
        cast(outcomes.achieved_at as date) as report_date,
        coalesce(outcomes.workflow, traces.workflow) as workflow,
        coalesce(outcomes.agent, case when traces.agent_count = 1 then traces.agents end) as agent,
        count(*) as outcome_count,
        sum(case when outcomes.is_success then 1 else 0 end) as success_count,
        sum(outcomes.value_usd) as value_usd
    from {{ ref('fct_outcomes') }} as outcomes
    left join {{ ref('fct_traces') }} as traces on traces.trace_id = outcomes.trace_id
    group by 1, 2, 3

),

days as (

    select report_date, workflow, agent from {{ ref('int_agents__metered') }}
    union
    select report_date, workflow, agent from outcomes

)

select
    {{ surrogate_key(['days.report_date', 'days.workflow', 'days.agent']) }} as agent_day_id,
    days.report_date,
    days.workflow,
    days.agent,
    coalesce(calls.call_count, 0) as call_count,
    coalesce(calls.trace_count, 0) as trace_count,
    cast(calls.cost_usd as {{ type_money() }}) as cost_usd,
    coalesce(outcomes.outcome_count, 0) as outcome_count,
    cast(coalesce(outcomes.success_count, 0) as bigint) as success_count,
    cast(outcomes.value_usd as {{ type_money() }}) as value_usd,
    cast(coalesce(calls.error_count, 0) as bigint) as error_count,
    cast(calls.error_cost_usd as {{ type_money() }}) as error_cost_usd,
    cast(coalesce(calls.retry_count, 0) as bigint) as retry_count,
    cast(calls.retry_cost_usd as {{ type_money() }}) as retry_cost_usd,
    cast(calls.uncached_input_tokens as bigint) as uncached_input_tokens,
    cast(calls.cache_read_tokens as bigint) as cache_read_tokens,
    cast(calls.cache_write_tokens as bigint) as cache_write_tokens
from days
left join {{ ref('int_agents__metered') }} as calls
    on calls.report_date = days.report_date and {{ same('calls.workflow', 'days.workflow') }} and {{ same('calls.agent', 'days.agent') }}
left join outcomes
    on outcomes.report_date = days.report_date
    and {{ same('outcomes.workflow', 'days.workflow') }}
    and {{ same('outcomes.agent', 'days.agent') }}
