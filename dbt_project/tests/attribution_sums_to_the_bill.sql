{# attributed + unattributed + credits + other = billed: per cell, per connection and day, and therefore in total. #}
with cells as (

    select
        reconciliation.cell_id as place,
        reconciliation.billed_cost_usd,
        sum(attributed.billed_cost_usd) as shared_cost_usd
    from {{ ref('fct_reconciliation') }} as reconciliation
    left join {{ ref('fct_attributed_costs') }} as attributed on attributed.cell_id = reconciliation.cell_id
    where not reconciliation.is_provisional and {{ is_to_be_tested('reconciliation.reconciliation_date') }}
    group by reconciliation.cell_id, reconciliation.billed_cost_usd

),

days as (

    select
        {{ surrogate_key(['connection_id', 'day']) }} as place,
        sum(billed_cost_usd) as billed_cost_usd,
        sum(shared_cost_usd) as shared_cost_usd
    from (
        select connection_id, charge_date as day, coalesce(billed_cost_usd, 0) as billed_cost_usd, 0 as shared_cost_usd from {{ ref('fct_charges') }}
        where not is_provisional and {{ is_to_be_tested('charge_date') }}
        union all
        select connection_id, cost_date, 0, billed_cost_usd from {{ ref('fct_attributed_costs') }}
        where not is_provisional and {{ is_to_be_tested('cost_date') }}
    ) as costs
    group by connection_id, day

)

select * from cells where {{ same('billed_cost_usd', 'shared_cost_usd') }} is not true
union all
select * from days where {{ same('billed_cost_usd', 'shared_cost_usd') }} is not true
