{{ config(severity='warn') }}

{# A day's rated costs by model, and its summary by billing category, are the same money; where they are not, the summary knows
   costs that no model has. #}
select
    coalesce(costs.connection_id, summary.connection_id) as connection_id,
    coalesce(costs.charge_date, summary.charge_date) as charge_date
from (
    select connection_id, charge_date, sum(amount_usd) as amount_usd
    from {{ ref('stg_fireworks__usage_costs') }}
    group by connection_id, charge_date
) as costs
full outer join (
    select connection_id, charge_date, sum(amount_usd) as amount_usd
    from {{ ref('stg_fireworks__billing_summary') }}
    group by connection_id, charge_date
) as summary on summary.connection_id = costs.connection_id and summary.charge_date = costs.charge_date
where coalesce(costs.amount_usd, 0) <> coalesce(summary.amount_usd, 0)
