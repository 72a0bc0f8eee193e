{# The one value of a column in a group; NULL where there is none or they differ. #}
{% macro the_only(column) -%}
case when min({{ column }}) = max({{ column }}) then min({{ column }}) end
{%- endmacro %}
