{# billed - metered = timing + quantity + unpriced + price + unexplained, per cell; and with credits and other per day of a connection. #}
with cells as (

    select
        cell_id as place,
        billed_cost_usd - metered_cost_usd as difference_usd,
        timing_usd + quantity_usd + unpriced_usd + price_usd + unexplained_usd as explained_usd
    from {{ ref('fct_reconciliation') }}
    where not is_provisional

),

days as (

    select
        {{ surrogate_key(['connection_id', 'day']) }} as place,
        sum(difference_usd) as difference_usd,
        sum(explained_usd) as explained_usd
    from (
        select connection_id, charge_date as day, billed_cost_usd as difference_usd, 0 as explained_usd
        from {{ ref('fct_charges') }}
        where not is_provisional and billed_cost_usd is not null
        union all
        select connection_id, reconciliation_date, -metered_cost_usd, timing_usd + quantity_usd + unpriced_usd + price_usd + unexplained_usd
        from {{ ref('fct_reconciliation') }}
        where not is_provisional
        union all
        select connection_id, cost_date, 0, billed_cost_usd
        from {{ ref('fct_attributed_costs') }}
        where allocation in ('credits', 'other')
    ) as parts
    group by connection_id, day

)

select * from cells where {{ same('difference_usd', 'explained_usd') }} is not true
union all
select * from days where {{ same('difference_usd', 'explained_usd') }} is not true
