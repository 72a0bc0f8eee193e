{# Whole numbers throughout: money in 1e-12 USD, parts of the score in ten-thousandths. #}
{% set weights = {'coverage': 4, 'pricing': 2, 'freshness': 2, 'agreement': 2} %}

with days as (

    select connection_id, provider, spend_date as trust_date from {{ ref('rpt_daily_spend') }} where connection_id is not null
    union
    select connection_id, provider, billing_date from {{ ref('int_billing_days__unioned') }}

),

final_days as (

    select connection_id, billing_date, max(observed_at) as observed_at
    from {{ ref('int_billing_days__unioned') }}
    where not {{ is_provisional('observed_at', 'billing_date') }}
    group by connection_id, billing_date

),

costs as (

    select
        cost_date,
        connection_id,
        coalesce(sum(case when allocation = 'attributed' then billed_cost_usd end), 0) as attributed_cost_usd,
        coalesce(sum(case when allocation = 'unattributed' then billed_cost_usd end), 0) as unattributed_cost_usd
    from {{ ref('fct_attributed_costs') }}
    where not is_provisional
    group by cost_date, connection_id

),

{# What was metered and does not meet the bill, cell by cell, so that one cell does not excuse another; what was not metered is
   coverage, what is booked on the neighbouring day settles itself. #}
variances as (

    select
        reconciliation_date,
        connection_id,
        sum(abs(least(quantity_usd, 0)) + abs(price_usd) + abs(unpriced_usd) + abs(unexplained_usd)) as open_variance_usd,
        sum(greatest(abs(billed_cost_usd), metered_cost_usd)) as compared_usd
    from {{ ref('fct_reconciliation') }}
    where not is_provisional and metered_cost_usd + metered_quantity <> 0
    group by reconciliation_date, connection_id

),

calls as (

    select
        event_date,
        connection_id,
        {{ call_count() }} as call_count,
        sum(case when cost_status in ('unpriced', 'usage_missing') and {{ is_call() }} then 1 else 0 end) as costless_call_count
    from {{ ref('fct_transactions') }}
    group by event_date, connection_id

),

measured as (

    select
        days.*,
        final_days.observed_at as billed_at,
        costs.attributed_cost_usd,
        costs.unattributed_cost_usd,
        variances.open_variance_usd,
        coalesce(calls.call_count, 0) as call_count,
        coalesce(calls.costless_call_count, 0) as costless_call_count,
        {{ ten_thousandths(
            money_to_units('abs(costs.attributed_cost_usd)'),
            money_to_units('(abs(costs.attributed_cost_usd) + abs(costs.unattributed_cost_usd))')
        ) }} as coverage,
        {{ ten_thousandths('(calls.call_count - calls.costless_call_count)', 'calls.call_count') }} as pricing,
        case when final_days.connection_id is not null then 10000 else 0 end as freshness,
        case
            when variances.compared_usd <> 0
                then 10000 - least(10000, {{ ten_thousandths(
                    money_to_units('variances.open_variance_usd'), money_to_units('variances.compared_usd')
                ) }})
        end as agreement
    from days
    left join final_days on final_days.connection_id = days.connection_id and final_days.billing_date = days.trust_date
    left join costs on costs.connection_id = days.connection_id and costs.cost_date = days.trust_date
    left join variances on variances.connection_id = days.connection_id and variances.reconciliation_date = days.trust_date
    left join calls on calls.connection_id = days.connection_id and calls.event_date = days.trust_date

)

select
    {{ surrogate_key(['connection_id', 'provider', 'trust_date']) }} as data_trust_id,
    trust_date,
    connection_id,
    provider,
    {{ as_share('coverage') }} as coverage_share,
    {{ as_share('pricing') }} as priced_share,
    {{ as_share('freshness') }} as freshness_share,
    {{ as_share('agreement') }} as agreement_share,
    {{ as_share(integer_divide(
        '(' ~ weights.coverage ~ ' * coalesce(coverage, 0) + ' ~ weights.pricing ~ ' * coalesce(pricing, 0) + '
        ~ weights.freshness ~ ' * freshness + ' ~ weights.agreement ~ ' * coalesce(agreement, 0))',
        '(case when coverage is not null then ' ~ weights.coverage ~ ' else 0 end + case when pricing is not null then '
        ~ weights.pricing ~ ' else 0 end + ' ~ weights.freshness ~ ' + case when agreement is not null then '
        ~ weights.agreement ~ ' else 0 end)'
    )) }} as trust_score,
    cast(attributed_cost_usd as {{ type_money() }}) as attributed_cost_usd,
    cast(unattributed_cost_usd as {{ type_money() }}) as unattributed_cost_usd,
    cast(open_variance_usd as {{ type_money() }}) as open_variance_usd,
    cast(call_count as bigint) as call_count,
    cast(costless_call_count as bigint) as costless_call_count,
    billed_at
from measured
