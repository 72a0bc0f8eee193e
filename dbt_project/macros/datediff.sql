{# What `dbt.datediff` is on PostgreSQL: boundaries passed, as whole numbers. Dbt's own are floats. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
{%- if datepart == 'day' -%}
(cast({{ second_date }} as date) - cast({{ first_date }} as date))
{%- elif datepart in ('second', 'millisecond') -%}
{%- set whole = "extract(epoch from date_trunc('" ~ datepart ~ "', " -%}
cast(({{ whole }}{{ second_date }})) - {{ whole }}{{ first_date }}))) * {{ 1 if datepart == 'second' else 1000 }} as bigint)
{%- else -%}
{{ exceptions.raise_compiler_error('No difference in units of a ' ~ datepart ~ ' on PostgreSQL') }}
{%- endif -%}
{%- endmacro %}
