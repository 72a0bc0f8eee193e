{# Per connection and day the FOCUS rows hold the lines and the money of fct_charges. #}
select
    connection_id,
    charge_date
from (
    select connection_id, charge_date, billed_cost_usd, 1 as line_count from {{ ref('fct_charges') }} where billed_cost_usd is not null
    union all
    select x_ConnectionId, cast(ChargePeriodStart as date), -BilledCost, -1 from {{ ref('focus_costs') }}
) as lines
group by connection_id, charge_date
having sum(billed_cost_usd) <> 0 or sum(line_count) <> 0
