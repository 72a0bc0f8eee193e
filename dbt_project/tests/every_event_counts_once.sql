{# Of the days that the build touched: ids and costs of the deduplicated events are those of the transaction log and the duplicates together; costs and tokens
   are the same in the transaction log and the cells; and no id is lost but that of a line whose file said something else of
   it later. #}
with duplicates as (

    select count(*) as event_count, coalesce(sum(uncounted_cost_usd), 0) as cost_usd
    from {{ ref('duplicate_events') }}
    where {{ is_to_be_tested('cast(started_at as date)') }}

),

transactions as (

    select * from {{ ref('fct_transactions') }} where {{ is_to_be_tested('event_date', 'started_hour') }}

),

sums as (

    select
        'deduplicated' as layer,
        count(*) - (select event_count from duplicates) as event_count,
        coalesce(sum(cost_usd), 0) - (select cost_usd from duplicates) as cost_usd
    from {{ ref('int_events__deduplicated') }}
    where {{ is_to_be_tested('cast(started_hour as date)', 'started_hour') }}
    union all
    select 'transactions', count(*), sum(cost_usd) from transactions
    union all
    select 'cells', (select count(*) from transactions), sum(case when metered_cost_usd <> 0 then metered_cost_usd end)
    from {{ ref('fct_reconciliation') }}
    where {{ is_to_be_tested('reconciliation_date') }}

),

tokens as (

    select
        sum(coalesce(total_input_tokens, 0) + coalesce(total_output_tokens, 0)) as transaction_tokens,
        (
            select coalesce(sum(metered_quantity), 0) from {{ ref('fct_reconciliation') }}
            where {{ is_to_be_tested('reconciliation_date') }} and token_type in (
                'input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'audio_input', 'image_input', 'video_input',
                'output', 'audio_output', 'image_output', 'tokens'
            )
        ) as cell_tokens
    from transactions

)

select 'events or cost differ between layers' as finding
from sums
having count(distinct event_count) > 1 or min(coalesce(cost_usd, 0)) <> max(coalesce(cost_usd, 0))

union all

select 'tokens differ between layers'
from tokens
where coalesce(transaction_tokens, 0) <> cell_tokens

union all

select {{ dbt.concat(["'lost: '", 'raw_events.event_id']) }}
from {{ raw_table('metering', 'events') }} as raw_events
where {{ is_to_be_tested('cast(raw_events.started_at as date)') }}
and not exists (
    select 1 from {{ ref('int_events__deduplicated') }} as kept where kept.event_id = raw_events.event_id
)
and not exists (
    select 1 from {{ raw_table('metering', 'rejected_events') }} as refused
    where refused.file_url = raw_events.file_url and refused.file_line = raw_events.file_line and refused.loaded_at > raw_events.loaded_at
)
and not exists (
    select 1 from {{ raw_table('metering', 'events') }} as reread
    where reread.file_url = raw_events.file_url and reread.file_line = raw_events.file_line and reread.loaded_at > raw_events.loaded_at
)
