{# Text of a pattern's group (0 is all of it) where a text matches first; '' where it does not. #}
{% macro first_match(text, pattern, group=0) %}{{ return(adapter.dispatch('first_match', 'meterhouse')(text, pattern, group)) }}{% endmacro %}
{% macro default__first_match(text, pattern, group) %}regexp_extract({{ text }}, '{{ pattern }}', {{ group }}){% endmacro %}
{% macro postgres__first_match(text, pattern, group) -%}
case when {{ text }} is not null then coalesce(regexp_substr({{ text }}, '{{ pattern }}', 1, 1, '', {{ group }}), '') end
{%- endmacro %}
