{# Tagging rules: what the installation says of its calls after the fact. Read when the model is built, so that a new rule holds for all
   calls with the next build; each rule is a condition over columns, so that no call is looked at by itself. #}

{# The rules in their order, as meterhouse/tagging.py writes them. #}
{% macro tagging_rules() %}
{% set found = [] %}
{% set rules = ref('stg_control__tagging_rules') %}
{% if execute and adapter.get_relation(rules.database, rules.schema, rules.identifier) is not none %}
{% for row in run_query('select rule from ' ~ rules ~ ' order by position').rows %}
{% do found.append(fromjson(row[0])) %}
{% endfor %}
{% endif %}
{{ return(found) }}
{% endmacro %}

{# Whether a rule's conditions all hold. #}
{% macro rule_holds(rule) -%}
coalesce(
    {%- for condition in rule['when'] %}
    {{ ' and ' if not loop.first }}({% for value in condition['values'] %}{{ _looked_at(condition) }} = {{ sql_string(value) }}{{ ' or ' if not loop.last }}{% endfor %}
    {{- ' or ' if condition['values'] and condition.likes }}
    {%- for pattern in condition.likes %}{{ _looked_at(condition) }} like {{ sql_string(pattern) }} escape '!'{{ ' or ' if not loop.last }}{% endfor %})
    {%- endfor %}
    {%- if rule.first_day %} and event_date >= cast('{{ rule.first_day }}' as date){% endif %}
    {%- if rule.last_day %} and event_date <= cast('{{ rule.last_day }}' as date){% endif %}, false)
{%- endmacro %}

{# A column of an event as the first rule that holds, and may, says it; else as the event does. `rule_<n>` says whether rule n holds. #}
{% macro tagged(column, rules) -%}
{%- set cases = [] -%}
{%- for rule in rules -%}
{%- set allowed = 'rule_' ~ loop.index ~ ('' if rule.overwrite else ' and ' ~ column ~ ' is null') -%}
{%- if column in rule['set'] -%}
{%- do cases.append('when ' ~ allowed ~ ' then ' ~ sql_string(rule['set'][column])) -%}
{%- elif column in rule['copy'] -%}
{%- set copied = _looked_at(rule['copy'][column]) -%}
{%- do cases.append('when ' ~ allowed ~ ' and ' ~ copied ~ ' is not null then ' ~ copied) -%}
{%- endif -%}
{%- endfor -%}
{%- if cases %}case {{ cases | join(' ') }} else {{ column }} end{% else %}{{ column }}{% endif -%}
{%- endmacro %}

{# Names of the rules that hold for an event, NULL where none does. #}
{% macro names_of_rules(rules) -%}
{%- if not rules -%}
cast(null as {{ dbt.type_string() }})
{%- else -%}
nullif(substr({% for rule in rules %}case when rule_{{ loop.index }} then {{ sql_string(', ' ~ rule.name) }} else '' end{{ ' || ' if not loop.last }}{% endfor %}, 3), '')
{%- endif -%}
{%- endmacro %}

{% macro _looked_at(place) -%}
{{ place.column if place.column else json_text('metadata', place.metadata) }}
{%- endmacro %}

{# A value of a flat JSON object as text. The key holds letters, digits and `_.:-` only. #}
{% macro json_text(object, key) %}{{ return(adapter.dispatch('json_text', 'meterhouse')(object, key)) }}{% endmacro %}
{% macro default__json_text(object, key) %}(cast({{ object }} as json) ->> '{{ key }}'){% endmacro %}
{% macro duckdb__json_text(object, key) %}json_extract_string({{ object }}, '$."{{ key }}"'){% endmacro %}

{# Text of a user as an SQL literal. #}
{% macro sql_string(text) %}'{{ text | replace("'", "''") }}'{% endmacro %}
