{# What PiAPI's tasks cost. #}

{# Dollars of an amount in the unit of its usage type, by the var `piapi_points_per_usd`; NULL for a unit without a value. Whole
   numbers throughout: millionths of a point by units of 1e-12 dollars. #}
{% macro piapi_usd(amount, usage_type) -%}
case lower({{ usage_type }})
    {% for name, points in var('piapi_points_per_usd').items() -%}
    when '{{ name }}' then {{ units_to_money(share_rounded(_piapi_millionths(amount), '1000000', points)) }}
    {% endfor %}
end
{%- endmacro %}

{% macro _piapi_millionths(amount) -%}
cast({{ dbt.safe_cast(amount, 'decimal(30, 6)') }} * 1000000 as {{ type_wide_integer() }})
{%- endmacro %}

{# Points a task was charged: what itself says once it has ended, else the history's usage of a finished task and of a failed one
   that cost nothing. NULL while it is open: what is frozen then is held, not charged. #}
{% macro piapi_charged_points() -%}
case
    when lower(task_status) in ('completed', 'finished', 'failed') then task_meta_usage_consume
    when lower(status) in ('completed', 'finished') then usage
    when lower(status) = 'failed' and {{ dbt.safe_cast('usage', 'decimal(30, 6)') }} = 0 then usage
end
{%- endmacro %}

{# A time as PiAPI writes it; NULL for its year 1, which means never. #}
{% macro piapi_time(text) -%}
case when {{ text }} not like '0001-01-01%' then cast({{ text }} as timestamp with time zone) end
{%- endmacro %}
