{# Only tokens of cells whose billed quantity is known, and only priced tokens, have a price. #}
with cells as (

    select
        reconciliation_date as report_date,
        provider,
        model,
        sum(billed_cost_usd) as billed_cost_usd,
        sum(billed_quantity) as billed_tokens,
        sum(case when billed_quantity is not null then billed_cost_usd end) as counted_cost_usd,
        sum(metered_cost_usd) as metered_cost_usd,
        sum(metered_quantity) as metered_tokens,
        sum(priced_quantity) as priced_tokens
    from {{ ref('fct_reconciliation') }}
    where token_type in ('tokens'{% for name in focus_meters() %}, '{{ name }}'{% endfor %}) and model is not null
    group by reconciliation_date, provider, model

)

select
    {{ surrogate_key(['report_date', 'provider', 'model']) }} as model_day_id,
    report_date,
    provider,
    model,
    cast(billed_cost_usd as {{ type_money() }}) as billed_cost_usd,
    cast(counted_cost_usd as {{ type_money() }}) as counted_cost_usd,
    cast(billed_tokens as {{ type_quantity() }}) as billed_tokens,
    case when billed_tokens <> 0 then {{ unit_price('counted_cost_usd', 'billed_tokens', 1000000) }} end as billed_usd_per_million_tokens,
    cast(metered_cost_usd as {{ type_money() }}) as metered_cost_usd,
    cast(metered_tokens as {{ type_quantity() }}) as metered_tokens,
    case when priced_tokens <> 0 then {{ unit_price('metered_cost_usd', 'priced_tokens', 1000000) }} end as list_usd_per_million_tokens
from cells
