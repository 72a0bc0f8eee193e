{# What `dbt.safe_cast` is where dbt itself says `cast`, which fails on what is no number: NULL, and the rest of the build goes on. #}
{% macro duckdb__safe_cast(field, type) %}try_cast({{ field }} as {{ type }}){% endmacro %}

{# PostgreSQL has no cast that gives NULL: what is no number of the type, or no time, is found by its spelling. #}
{% macro postgres__safe_cast(field, type) -%}
{%- set text = 'cast(' ~ field ~ ' as text)' -%}
{%- set digits = modules.re.match('decimal[(]([0-9]+), ?([0-9]+)[)]$', type) -%}
{%- if digits or type == 'bigint' -%}
{%- set scale = digits.group(2) if digits else 0 -%}
{%- set limit = '1e' ~ (digits.group(1) | int - scale | int) if digits else '9223372036854775808' -%}
case
    when {{ text }} ~ '^\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?\s*$'
        then case
            when abs(round(cast({{ text }} as numeric), {{ scale }})) < {{ limit }} then cast(cast({{ text }} as numeric) as {{ type }})
        end
end
{%- elif type == 'timestamp with time zone' -%}
case
    when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
        then cast({{ text }} as {{ type }})
end
{%- else -%}
cast({{ field }} as {{ type }})
{%- endif -%}
{%- endmacro %}
