with costs as (

    select
        cost_date as spend_date,
        connection_id,
        provider,
        sum(billed_cost_usd) as billed_cost_usd,
        sum(case when allocation = 'attributed' then billed_cost_usd end) as attributed_cost_usd,
        sum(case when allocation = 'unattributed' then billed_cost_usd end) as unattributed_cost_usd,
        sum(case when allocation = 'credits' then billed_cost_usd end) as credits_usd,
        sum(case when allocation = 'other' then billed_cost_usd end) as other_cost_usd,
        sum(estimated_usd) as estimated_usd
    from {{ ref('fct_attributed_costs') }}
    group by cost_date, connection_id, provider

),

variances as (

    select
        reconciliation_date as spend_date,
        connection_id,
        provider,
        sum(case when not is_provisional then metered_cost_usd end) as metered_cost_usd,
        sum(timing_usd) as timing_usd,
        sum(quantity_usd) as quantity_usd,
        sum(price_usd) as price_usd,
        sum(unpriced_usd) as unpriced_usd,
        sum(unexplained_usd) as unexplained_usd
    from {{ ref('fct_reconciliation') }}
    group by reconciliation_date, connection_id, provider

),

transactions as (

    select
        event_date as spend_date,
        connection_id,
        provider,
        {{ call_count() }} as transaction_count,
        sum(total_input_tokens) as input_tokens,
        sum(total_output_tokens) as output_tokens
    from {{ ref('fct_transactions') }}
    group by event_date, connection_id, provider

),

days as (

    select spend_date, connection_id, provider from costs
    union
    select spend_date, connection_id, provider from variances
    union
    select spend_date, connection_id, provider from transactions

)

select
    {{ surrogate_key(['days.spend_date', 'days.connection_id', 'days.provider']) }} as daily_spend_id,
    days.spend_date,
    days.connection_id,
    connections.connection_name,
    days.provider,
    costs.billed_cost_usd,
    costs.attributed_cost_usd,
    costs.unattributed_cost_usd,
    costs.credits_usd,
    costs.other_cost_usd,
    costs.estimated_usd,
    variances.metered_cost_usd,
    variances.timing_usd,
    variances.quantity_usd,
    variances.price_usd,
    variances.unpriced_usd,
    variances.unexplained_usd,
    coalesce(transactions.transaction_count, 0) as transaction_count,
    cast(transactions.input_tokens as bigint) as input_tokens,
    cast(transactions.output_tokens as bigint) as output_tokens
from days
left join costs
    on costs.spend_date = days.spend_date
    and {{ same('costs.connection_id', 'days.connection_id') }}
    and costs.provider = days.provider
left join variances
    on variances.spend_date = days.spend_date
    and {{ same('variances.connection_id', 'days.connection_id') }}
    and variances.provider = days.provider
left join transactions
    on transactions.spend_date = days.spend_date
    and {{ same('transactions.connection_id', 'days.connection_id') }}
    and transactions.provider = days.provider
left join {{ ref('dim_connection') }} as connections on connections.connection_id = days.connection_id
