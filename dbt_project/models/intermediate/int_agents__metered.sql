{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'report_date'}) }}

select
    event_date as report_date,
    workflow,
    agent,
    {{ call_count() }} as call_count,
    count(distinct trace_id) as trace_count,
    sum(cost_usd) as cost_usd,
    sum(case when outcome = 'error' then 1 else 0 end) as error_count,
    sum(case when outcome = 'error' then cost_usd end) as error_cost_usd,
    sum(case when retry_number > 0 then 1 else 0 end) as retry_count,
    sum(case when retry_number > 0 then cost_usd end) as retry_cost_usd,
    sum(input_tokens) as uncached_input_tokens,
    sum(cache_read_tokens) as cache_read_tokens,
    sum(coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)) as cache_write_tokens
from {{ ref('fct_transactions') }}
where {{ is_touched('event_date', 'started_hour') }}
group by event_date, workflow, agent
