{{ config(materialized='incremental', incremental_strategy='touched_traces', on_schema_change='append_new_columns') }}

-- depends_on: {{ ref('int_traces__touched') }}
with calls as (

    select *
    from {{ ref('fct_transactions') }}
    where trace_id is not null{% if is_incremental() %} and trace_id in (select touched.trace_id from {{ ref('int_traces__touched') }} as touched){% endif %}

),

called as (

    select
        trace_id,
        {{ the_only('trace_name') }} as trace_name,
        {{ the_only('customer') }} as customer,
        {{ the_only('product') }} as product,
        {{ the_only('workflow') }} as workflow,
        {{ the_only('business_unit') }} as business_unit,
        {{ the_only('environment') }} as environment,
        min(started_at) as started_at,
        max(case when ended_at > started_at then ended_at else started_at end) as ended_at,
        {{ call_count() }} as call_count,
        sum(case when outcome = 'error' then 1 else 0 end) as error_count,
        sum(case when cost_status = 'unpriced' then 1 else 0 end) as unpriced_count,
        sum(case when cost_status = 'usage_missing' then 1 else 0 end) as usage_missing_count,
        sum(case when cost_status in ('unpriced', 'usage_missing') and {{ is_call() }} then 1 else 0 end) as costless_call_count,
        cast(sum(cost_usd) as {{ type_money() }}) as cost_usd,
        cast(sum(case when outcome = 'error' then cost_usd end) as {{ type_money() }}) as error_cost_usd,
        cast(sum(case when retry_number > 0 then cost_usd end) as {{ type_money() }}) as retry_cost_usd
    from calls
    group by trace_id

),

agents as (

    select
        trace_id,
        count(*) as agent_count,
        {{ dbt.listagg('agent', "', '", 'order by agent') }} as agents
    from (select distinct trace_id, agent from calls where agent is not null) as named
    group by trace_id

),

achieved as (

    select
        trace_id,
        {{ the_only('customer') }} as customer,
        {{ the_only('product') }} as product,
        {{ the_only('workflow') }} as workflow,
        {{ the_only('business_unit') }} as business_unit,
        {{ the_only('environment') }} as environment,
        min(achieved_at) as achieved_at,
        count(*) as outcome_count,
        sum(case when is_success then 1 else 0 end) as success_count,
        min(case when is_success then 1 when not is_success then 0 end) = 1 as is_success,
        cast(sum(value_usd) as {{ type_money() }}) as value_usd
    from {{ ref('fct_outcomes') }}
    group by trace_id

),

outcome_names as (

    select
        trace_id,
        {{ dbt.listagg('outcome_name', "', '", 'order by outcome_name') }} as outcome_names
    from (select distinct trace_id, outcome_name from {{ ref('fct_outcomes') }}) as named
    group by trace_id

)

select
    coalesce(called.trace_id, achieved.trace_id) as trace_id,
    called.trace_name,
    coalesce(called.customer, achieved.customer) as customer,
    coalesce(called.product, achieved.product) as product,
    coalesce(called.workflow, achieved.workflow) as workflow,
    coalesce(called.business_unit, achieved.business_unit) as business_unit,
    coalesce(called.environment, achieved.environment) as environment,
    cast(coalesce(called.started_at, achieved.achieved_at) as date) as trace_date,
    called.started_at,
    called.ended_at,
    {{ dbt.datediff('called.started_at', 'called.ended_at', 'millisecond') }} as duration_ms,
    coalesce(called.call_count, 0) as call_count,
    cast(coalesce(called.error_count, 0) as bigint) as error_count,
    cast(coalesce(called.unpriced_count, 0) as bigint) as unpriced_count,
    cast(coalesce(called.usage_missing_count, 0) as bigint) as usage_missing_count,
    cast(coalesce(called.costless_call_count, 0) as bigint) as costless_call_count,
    coalesce(agents.agent_count, 0) as agent_count,
    agents.agents,
    called.cost_usd,
    called.error_cost_usd,
    called.retry_cost_usd,
    coalesce(achieved.outcome_count, 0) as outcome_count,
    cast(coalesce(achieved.success_count, 0) as bigint) as success_count,
    outcome_names.outcome_names,
    achieved.is_success,
    achieved.value_usd
from called
full outer join achieved on achieved.trace_id = called.trace_id
left join agents on agents.trace_id = called.trace_id
left join outcome_names on outcome_names.trace_id = achieved.trace_id
