{# Building by days: a build makes anew the rows of the days that something changed for, and leaves all others as they stand.
   `int_days__touched` says which days those are. A model that is built so has `incremental_strategy='touched_days'`, names the column of
   its day in `meta.day`, and reads what `is_touched` lets through. #}

{# Whether a row belongs to a touched day; of every row when the model is made whole. `hour`, a timestamp of the same row, spares reading
   the other days of a table that lies in the order of time. #}
{% macro is_touched(day, hour=none) -%}
{% set touched = ref('int_days__touched') %}
{{- _is_of(_touched_days(touched), day, hour) if is_incremental() else '1 = 1' -}}
{%- endmacro %}

{# The same for a model that is made whole, of touched days alone. #}
{% macro is_in_touched_days(day, hour=none) -%}
{{ _is_of(_touched_days(ref('int_days__touched')), day, hour) }}
{%- endmacro %}

{# Whether a touched day lies between two days, both included. #}
{% macro spans_touched_days(first_day, last_day) -%}
{% set touched = _touched_days(ref('int_days__touched')) %}
{%- if touched.is_every_day -%}
1 = 1
{%- else -%}
({% for one in touched.days %}cast('{{ one }}' as date) between {{ first_day }} and {{ last_day }}{{ ' or ' if not loop.last }}{% else %}1 = 0{% endfor %})
{%- endif -%}
{%- endmacro %}

{# The same for a test of data, which looks at what the build that it is part of has made; at every row when it runs by itself. #}
{% macro is_to_be_tested(day, hour=none) -%}
{% set touched = ref('int_days__touched') %}
{{- _is_of(_touched_days(touched), day, hour) if flags.WHICH == 'build' else '1 = 1' -}}
{%- endmacro %}

{# Generic tests too look at touched days alone where a model is built by days. #}
{% macro get_where_subquery(relation) -%}
{% set ns = namespace(day=none) %}
{% if execute and flags.WHICH == 'build' %}
{% for node in models_by_days() if node.relation_name == relation | string and node.config.meta.day %}
{% set ns.day = node.config.meta.day %}
{% endfor %}
{% endif %}
{% if ns.day is none %}
{{ return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) }}
{% endif %}
{{ return('(select * from ' ~ relation ~ ' where ' ~ _is_of(_touched_days(_beside_events('int_days__touched')), ns.day) ~ ') as of_touched_days') }}
{%- endmacro %}

{# Every model that is built by days. #}
{% macro models_by_days() %}
{{ return(graph.nodes.values() | selectattr('config.incremental_strategy', 'in', ['touched_days', 'touched_traces']) | list) }}
{% endmacro %}

{# dbt's hook for a strategy of this name: the touched days go, the rows that were made for them come, in one transaction. #}
{% macro get_incremental_touched_days_sql(arguments) %}
{% set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) %}
delete from {{ arguments.target_relation }} where {{ is_touched(config.get('meta').day) }};
insert into {{ arguments.target_relation }} ({{ columns }}) select {{ columns }} from {{ arguments.temp_relation }}
{% endmacro %}

{# dbt's hook for a strategy of this name: touched traces go, what became of them comes, in one transaction. #}
{% macro get_incremental_touched_traces_sql(arguments) %}
{% set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) %}
delete from {{ arguments.target_relation }} where trace_id in (select touched.trace_id from {{ ref('int_traces__touched') }} as touched);
insert into {{ arguments.target_relation }} ({{ columns }}) select {{ columns }} from {{ arguments.temp_relation }}
{% endmacro %}

{# Of what version each day was when a build last ended well: the memory of all models that are built by days. #}
{% macro built_days() %}
{{ return(_beside_events('built_days')) }}
{% endmacro %}

{% macro _beside_events(name) %}
{{ return(api.Relation.create(database=target.database, schema='intermediate', identifier=name, type='table')) }}
{% endmacro %}

{# Before any model is built: what may now be made of something else is of no version that is known, and stays touched until a build ends well. #}
{% macro forget_touched_days() %}
create table if not exists {{ built_days() }} (day date, version {{ dbt.type_string() }});
delete from {{ built_days() }} where day in (select touched.day from {{ this }} as touched where touched.is_touched);
insert into {{ built_days() }} (day, version) select touched.day, 'unknown' from {{ this }} as touched where touched.is_touched
{% endmacro %}

{# After a build: days are of their version when all models that are built by days were made, and no test failed. #}
{% macro remember_built_days(results) %}
{% if execute and results is not none %}
{% set done = results | selectattr('status', 'equalto', 'success') | map(attribute='node.unique_id') | list %}
{% set failed = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list %}
{% set wanted = models_by_days() | map(attribute='unique_id') | list + ['model.meterhouse.int_days__touched'] %}
{% if not failed and wanted | reject('in', done) | list == [] %}
{% set touched = _beside_events('int_days__touched') %}
delete from {{ built_days() }};
insert into {{ built_days() }} (day, version) select day, version from {{ touched }} where version is not null;
update {{ touched }} set is_touched = false
{% endif %}
{% endif %}
{% endmacro %}

{% macro _touched_days(touched) %}
{% set days = [] %}
{% set ns = namespace(is_every_day=true) %}
{% if execute %}
{% for row in run_query('select day, is_touched from ' ~ touched ~ ' order by day').rows %}
{% if row[1] %}{% do days.append(row[0] | string) %}{% else %}{% set ns.is_every_day = false %}{% endif %}
{% endfor %}
{% endif %}
{{ return({'days': days, 'is_every_day': ns.is_every_day}) }}
{% endmacro %}

{% macro _is_of(touched, day, hour=none) -%}
{%- if touched.is_every_day -%}
1 = 1
{%- elif not touched.days -%}
1 = 0
{%- else -%}
{{ day }} in ({% for one in touched.days %}cast('{{ one }}' as date){{ ', ' if not loop.last }}{% endfor %})
{%- if hour %} and {{ hour }} between cast('{{ touched.days[0] }} 00:00:00' as timestamp) and cast('{{ touched.days[-1] }} 23:59:59' as timestamp){% endif %}
{%- endif -%}
{%- endmacro %}
