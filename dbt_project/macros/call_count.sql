{# What a cost control held back, or would have, is an event and no call. #}
{% macro is_call() -%}
(outcome is null or outcome not in ('blocked', 'would_block'))
{%- endmacro %}

{% macro call_count() -%}
count(case when {{ is_call() }} then 1 end)
{%- endmacro %}
