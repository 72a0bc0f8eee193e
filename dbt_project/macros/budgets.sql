{# Budgets of the rules file, read when the model is built: each is a sum over the calls or charges that it counts. #}

{# The budgets in their order, as meterhouse/alerts/budgets.py writes them. #}
{% macro budgets() %}
{% set found = [] %}
{% set budgets = ref('stg_control__budgets') %}
{% if execute and adapter.get_relation(budgets.database, budgets.schema, budgets.identifier) is not none %}
{% for row in run_query('select budget from ' ~ budgets ~ ' order by position').rows %}
{% do found.append(fromjson(row[0])) %}
{% endfor %}
{% endif %}
{{ return(found) }}
{% endmacro %}

{# Whether a budget counts a row: all of its conditions hold, and a missing value meets `is_not` only. #}
{% macro budget_counts(budget) -%}
{%- set tests = [] -%}
{%- for condition in budget['where'] -%}
{%- set column = condition['column'] -%}
{%- if condition['is'] is not none %}{% do tests.append(column ~ ' = ' ~ sql_string(condition['is'])) %}{% endif -%}
{%- if condition['is_not'] is not none %}{% do tests.append('(' ~ column ~ ' is null or ' ~ column ~ ' <> ' ~ sql_string(condition['is_not']) ~ ')') %}{% endif -%}
{%- if condition['in'] is not none -%}
{%- set values = [] -%}
{%- for value in condition['in'] %}{% do values.append(sql_string(value)) %}{% endfor -%}
{%- do tests.append(column ~ ' in (' ~ values | join(', ') ~ ')') -%}
{%- endif -%}
{%- for pattern in condition['likes'] %}{% do tests.append(column ~ ' like ' ~ sql_string(pattern) ~ " escape '!'") %}{% endfor -%}
{%- endfor -%}
coalesce({{ tests | join(' and ') or 'true' }}, false)
{%- endmacro %}

{# The group of a row as the incidents name it: canonical JSON of its fields. #}
{% macro budget_group(budget) -%}
{%- set parts = [] -%}
{%- for one in budget['group_by'] -%}
{%- do parts.append(sql_string('"' ~ one.field ~ '":') ~ ' || coalesce(' ~ json_string(one.column) ~ ", 'null')") -%}
{%- endfor -%}
'{' || {{ parts | join(" || ',' || ") or "''" }} || '}'
{%- endmacro %}

{# The calendar of a time zone: what a clock there shows, and the moment when it shows that. #}
{% macro local_time(moment, timezone) %}({{ moment }} at time zone {{ timezone }}){% endmacro %}
{% macro moment_of(local, timezone) %}(cast({{ local }} as timestamp) at time zone {{ timezone }}){% endmacro %}

{# Now, or the moment that a test says. #}
{% macro now() %}cast('{{ var('now', none) or run_started_at }}' as timestamp with time zone){% endmacro %}

{# How many of the first `days` days from a day of week on (1 is Monday) are of another day of week. #}
{% macro weekdays_among(day_of_week, first_day_of_week, days) -%}
({{ integer_divide(days, 7) }} + case when mod({{ day_of_week }} - {{ first_day_of_week }} + 7, 7) < mod({{ days }}, 7) then 1 else 0 end)
{%- endmacro %}
