{# Between two snapshots the balance falls by what the tasks made in between were charged; the rest is a top-up, a subscription or a hold. #}
with snapshots as (

    select
        connection_id,
        account_date,
        balance_usd,
        observed_at,
        lag(balance_usd) over (partition by connection_id order by account_date) as previous_balance_usd,
        lag(observed_at) over (partition by connection_id order by account_date) as previous_observed_at
    from {{ ref('stg_piapi__account') }}

),

falls as (

    select
        snapshots.connection_id,
        snapshots.account_date,
        snapshots.previous_balance_usd,
        snapshots.balance_usd,
        cast(snapshots.previous_balance_usd - snapshots.balance_usd as {{ type_money() }}) as fall_usd,
        cast(coalesce(sum(tasks.amount_usd), 0) as {{ type_money() }}) as charged_usd,
        count(case when tasks.cost_status <> 'charged' then 1 end) as unknown_task_count,
        snapshots.observed_at
    from snapshots
    left join {{ ref('stg_piapi__task_history') }} as tasks
        on tasks.connection_id = snapshots.connection_id
        and tasks.created_at > snapshots.previous_observed_at
        and tasks.created_at <= snapshots.observed_at
    where snapshots.previous_balance_usd is not null
    group by
        snapshots.connection_id, snapshots.account_date, snapshots.previous_balance_usd, snapshots.balance_usd, snapshots.observed_at

)

select
    *,
    cast(fall_usd - charged_usd as {{ type_money() }}) as difference_usd
from falls
