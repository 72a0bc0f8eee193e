{# Equality in which NULL equals NULL, by which engines can join: of two columns, an `or` would compare every row with every other. #}
{% macro same(one, other) %}{{ return(adapter.dispatch('same', 'meterhouse')(one, other)) }}{% endmacro %}
{% macro default__same(one, other) %}({{ one }} is not distinct from {{ other }}){% endmacro %}
{% macro spark__same(one, other) %}({{ one }} <=> {{ other }}){% endmacro %}
