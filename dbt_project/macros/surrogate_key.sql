{# One key for several columns, NULLs told apart from every text: the hash of the columns written as quoted CSV. #}
{% macro surrogate_key(columns) -%}
{%- set parts = [] -%}
{%- for column in columns -%}
    {%- do parts.append("coalesce('\"' || replace(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '\"', '\"\"') || '\"', '')") -%}
    {%- if not loop.last %}{% do parts.append("','") %}{% endif -%}
{%- endfor -%}
{{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}
