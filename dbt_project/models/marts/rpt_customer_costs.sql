{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'report_date'}) }}

with costs as (

    select
        cost_date as report_date,
        customer,
        product,
        sum(billed_cost_usd) as billed_cost_usd,
        sum(estimated_usd) as estimated_usd
    from {{ ref('fct_attributed_costs') }}
    where allocation = 'attributed' and {{ is_touched('cost_date') }}
    group by cost_date, customer, product

),

calls as (

    select
        event_date as report_date,
        customer,
        product,
        {{ call_count() }} as call_count,
        sum(total_input_tokens) as input_tokens,
        sum(total_output_tokens) as output_tokens,
        sum(cost_usd) as list_cost_usd
    from {{ ref('fct_transactions') }}
    where {{ is_touched('event_date', 'started_hour') }}
    group by event_date, customer, product

),

days as (

    select report_date, customer, product from costs
    union
    select report_date, customer, product from calls

)

select
    {{ surrogate_key(['days.report_date', 'days.customer', 'days.product']) }} as customer_day_id,
    days.report_date,
    days.customer,
    days.product,
    cast(costs.billed_cost_usd as {{ type_money() }}) as billed_cost_usd,
    cast(costs.estimated_usd as {{ type_money() }}) as estimated_usd,
    cast(calls.list_cost_usd as {{ type_money() }}) as list_cost_usd,
    coalesce(calls.call_count, 0) as call_count,
    cast(calls.input_tokens as bigint) as input_tokens,
    cast(calls.output_tokens as bigint) as output_tokens
from days
left join costs
    on costs.report_date = days.report_date and {{ same('costs.customer', 'days.customer') }} and {{ same('costs.product', 'days.product') }}
left join calls
    on calls.report_date = days.report_date and {{ same('calls.customer', 'days.customer') }} and {{ same('calls.product', 'days.product') }}
