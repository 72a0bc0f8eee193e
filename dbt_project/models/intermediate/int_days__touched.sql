{{ config(materialized='table', post_hook='{{ forget_touched_days() }}') }}

{% set built = built_days() %}
{% set is_anew = flags.FULL_REFRESH or not execute or adapter.get_relation(built.database, built.schema, built.identifier) is none %}

{# What holds for every day: a change here touches all of them. #}
{% set project = "'" ~ env_var('METERHOUSE_DBT_PROJECT', '') ~ "'" %}

{# Of when something was seen, only whether its day was over then makes a difference. #}
{% set charge_columns = [is_provisional('observed_at', 'charge_date')] %}
{% set usage_columns = [is_provisional('observed_at', 'usage_date')] %}
{% if execute %}
{% for column in adapter.get_columns_in_relation(ref('int_charges__unioned')) if column.name != 'observed_at' %}
{% do charge_columns.append(column.name) %}
{% endfor %}
{% for column in adapter.get_columns_in_relation(ref('int_usage__unioned')) if column.name != 'observed_at' %}
{% do usage_columns.append(column.name) %}
{% endfor %}
{% endif %}
{% set call_columns = ['event_id', 'started_hour', 'is_counted', 'counted_event_id', 'counted_started_hour'] + attributed_by_any_door() %}

with of_every_day as (

    select {{ surrogate_key(["'connection'", 'connection_id', 'connection_name', 'provider']) }} as part from {{ ref('int_connections__billed') }}
    union all
    select {{ surrogate_key(["'identifier'", 'provider', 'kind', 'identifier', 'connection_id']) }} from {{ ref('int_connections__identifiers') }}
    union all
    select {{ surrogate_key(["'name'", 'connection_id', 'name', 'model_name']) }} from {{ ref('int_connections__model_names') }}
    union all
    select {{ surrogate_key(["'alias'", 'provider', 'alias', 'model']) }} from {{ ref('int_model_aliases__unioned') }}
    union all
    select {{ surrogate_key(["'rule'", 'position', 'rule']) }} from {{ ref('stg_control__tagging_rules') }}
    union all
    select {{ surrogate_key(["'project'", 'connection_id', 'provider_project']) }}
    from (
        select distinct connection_id, provider_project
        from {{ ref('int_charges__unioned') }}
        where charge_category = 'usage' and provider_project is not null
    ) as billed_projects
    union all
    select {{ surrogate_key(["'build'", project]) }}

),

of_a_day as (

    select cast(slice_hour as date) as day, {{ surrogate_key(["'events'", 'slice_hour', 'built_in']) }} as part
    from (select distinct slice_hour, built_in from {{ ref('int_events__judged') }}) as slices
    union all
    select cast(started_hour as date), {{ surrogate_key(["'call'"] + call_columns) }}
    from {{ ref('int_events__repeated_calls') }}
    union all
    select charge_date, {{ surrogate_key(["'charge'"] + charge_columns) }} from {{ ref('int_charges__unioned') }}
    union all
    select usage_date, {{ surrogate_key(["'usage'"] + usage_columns) }} from {{ ref('int_usage__unioned') }}
    union all
    select billing_date, {{ surrogate_key(["'billed'", 'provider', 'connection_id', is_provisional('observed_at', 'billing_date')]) }}
    from {{ ref('int_billing_days__unioned') }}

),

every_day as (select {{ dbt.listagg('part', "''", 'order by part') }} as parts from of_every_day),

days as (

    select day, {{ dbt.listagg('part', "''", 'order by part') }} as parts
    from of_a_day
    group by day

),

versions as (

    select days.day, {{ dbt.hash(dbt.concat(['every_day.parts', 'days.parts'])) }} as version
    from days
    cross join every_day

)

{% if is_anew %}
select day, version, true as is_touched
from versions
{% else %}
select
    coalesce(versions.day, built.day) as day,
    versions.version,
    not {{ same('versions.version', 'built.version') }} as is_touched
from versions
full outer join {{ built }} as built on built.day = versions.day
{% endif %}
