{# Text with every match of a pattern replaced, which some databases do only when told, and others without a word for it. #}
{% macro replace_matches(text, pattern, replacement) %}{{ return(adapter.dispatch('replace_matches', 'meterhouse')(text, pattern, replacement)) }}{% endmacro %}
{% macro default__replace_matches(text, pattern, replacement) %}regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g'){% endmacro %}
{% macro bigquery__replace_matches(text, pattern, replacement) %}regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}'){% endmacro %}
{% macro spark__replace_matches(text, pattern, replacement) %}regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}'){% endmacro %}
