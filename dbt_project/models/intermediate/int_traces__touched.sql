{{ config(materialized='table') }}

{% set traces = api.Relation.create(database=target.database, schema='marts', identifier='fct_traces') %}

{# Traces with a call on a touched day, now or when they were last made, and all that outcomes speak or spoke of. #}
select trace_id
from {{ ref('fct_transactions') }}
where trace_id is not null and {{ is_in_touched_days('event_date', 'started_hour') }}

union

select trace_id
from {{ ref('fct_outcomes') }}

{% if execute and adapter.get_relation(traces.database, traces.schema, traces.identifier) is not none %}
union

select trace_id
from {{ traces }}
where outcome_count > 0 or {{ spans_touched_days('cast(started_at as date)', 'cast(ended_at as date)') }}
{% endif %}
