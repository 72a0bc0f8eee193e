{# The wide tables hold the money and the calls of the facts they are made of. #}
with sums as (

    select
        'rpt_agents cost' as finding,
        (select sum(cost_usd) from {{ ref('rpt_agents') }}) as report,
        (select sum(cost_usd) from {{ ref('fct_transactions') }}) as fact
    union all
    select 'rpt_agents value', (select sum(value_usd) from {{ ref('rpt_agents') }}), (select sum(value_usd) from {{ ref('fct_outcomes') }})
    union all
    select 'rpt_agents calls', (select sum(call_count) from {{ ref('rpt_agents') }}), (select {{ call_count() }} from {{ ref('fct_transactions') }})
    union all
    select 'rpt_workflows cost', (select sum(cost_usd) from {{ ref('rpt_workflows') }}), (select sum(cost_usd) from {{ ref('fct_transactions') }})
    union all
    select 'rpt_workflows value', (select sum(value_usd) from {{ ref('rpt_workflows') }}), (select sum(value_usd) from {{ ref('fct_outcomes') }})
    union all
    select 'rpt_workflows calls', (select sum(call_count) from {{ ref('rpt_workflows') }}), (select {{ call_count() }} from {{ ref('fct_transactions') }})
    union all
    select 'rpt_workflows runs', (select sum(run_count) from {{ ref('rpt_workflows') }}), (select count(*) from {{ ref('fct_traces') }})
    union all
    select
        'rpt_customer_costs',
        (select sum(billed_cost_usd) from {{ ref('rpt_customer_costs') }}),
        (select sum(billed_cost_usd) from {{ ref('fct_attributed_costs') }} where allocation = 'attributed')
    union all
    select
        'rpt_customer_costs calls',
        (select sum(call_count) from {{ ref('rpt_customer_costs') }}),
        (select {{ call_count() }} from {{ ref('fct_transactions') }})

)

select finding
from sums
where coalesce(report, 0) <> coalesce(fact, 0)
