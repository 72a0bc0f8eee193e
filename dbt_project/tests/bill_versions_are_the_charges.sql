{# The versions believed now hold the money of fct_charges, per connection and day. #}
with days_without_amounts as (

    select distinct connection_id
    from {{ ref('fct_bill_versions') }}
    where reported_cost_usd is null

),

sums as (

    select connection_id, charge_date, sum(amount_usd) as amount_usd
    from (
        select connection_id, charge_date, coalesce(reported_cost_usd, 0) as amount_usd from {{ ref('fct_charges') }}
        union all
        select connection_id, charge_date, -reported_cost_usd from {{ ref('fct_bill_versions') }} where is_current
    ) as amounts
    where connection_id not in (select connection_id from days_without_amounts)
    group by connection_id, charge_date

)

select * from sums where amount_usd <> 0
