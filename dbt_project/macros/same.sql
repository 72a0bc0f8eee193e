{# Equality in which NULL equals NULL. #}
{% macro same(one, other) -%}
({{ one }} = {{ other }} or ({{ one }} is null and {{ other }} is null))
{%- endmacro %}
