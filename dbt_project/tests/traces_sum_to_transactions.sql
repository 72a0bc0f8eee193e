{# The traces hold the calls, the cost, the outcomes and the value of what they are made of. #}
with traces as (

    select
        coalesce(sum(call_count), 0) as call_count,
        coalesce(sum(cost_usd), 0) as cost_usd,
        coalesce(sum(outcome_count), 0) as outcome_count,
        coalesce(sum(success_count), 0) as success_count,
        coalesce(sum(value_usd), 0) as value_usd
    from {{ ref('fct_traces') }}

),

transactions as (

    select {{ call_count() }} as call_count, coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('fct_transactions') }}
    where trace_id is not null

),

outcomes as (

    select
        count(*) as outcome_count,
        coalesce(sum(case when is_success then 1 else 0 end), 0) as success_count,
        coalesce(sum(value_usd), 0) as value_usd
    from {{ ref('fct_outcomes') }}

)

select traces.*
from traces
cross join transactions
cross join outcomes
where
    traces.call_count <> transactions.call_count
    or traces.cost_usd <> transactions.cost_usd
    or traces.outcome_count <> outcomes.outcome_count
    or traces.success_count <> outcomes.success_count
    or traces.value_usd <> outcomes.value_usd
