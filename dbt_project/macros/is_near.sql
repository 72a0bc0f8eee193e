{# Whether a start hour lies within some hours of another, either way. #}
{% macro is_near(one, other, hours) -%}
{{ one }} between {{ dbt.dateadd('hour', -hours, other) }} and {{ dbt.dateadd('hour', hours, other) }}
{%- endmacro %}
