{# Exact arithmetic on whole numbers: nothing here rounds before the last step, nothing passes through a float. #}

{# Quotient of two non-negative whole numbers, without its remainder. #}
{% macro integer_divide(dividend, divisor) %}{{ return(adapter.dispatch('integer_divide', 'meterhouse')(dividend, divisor)) }}{% endmacro %}
{% macro default__integer_divide(dividend, divisor) %}div({{ dividend }}, {{ divisor }}){% endmacro %}
{% macro duckdb__integer_divide(dividend, divisor) %}({{ dividend }}) // ({{ divisor }}){% endmacro %}
{% macro spark__integer_divide(dividend, divisor) %}({{ dividend }}) div ({{ divisor }}){% endmacro %}

{# amount x numerator / denominator of non-negative whole numbers, rounded down. Splitting off the whole part of amount / denominator keeps the product small. #}
{% macro share_floor(amount, numerator, denominator) -%}
{{ integer_divide(amount, denominator) }} * ({{ numerator }}) + {{ integer_divide(_share_rest(amount, numerator, denominator), denominator) }}
{%- endmacro %}

{# What share_floor leaves over, as a numerator over the same denominator. #}
{% macro share_remainder(amount, numerator, denominator) -%}
mod({{ _share_rest(amount, numerator, denominator) }}, {{ denominator }})
{%- endmacro %}

{# amount x numerator / denominator of signed whole numbers, rounded half away from zero. #}
{% macro share_rounded(amount, numerator, denominator) -%}
{{ _sign(amount) }} * {{ _sign(numerator) }} * {{ _sign(denominator) }} * (
    {{ integer_divide('abs(' ~ amount ~ ')', 'abs(' ~ denominator ~ ')') }} * abs({{ numerator }})
    + {{ integer_divide(
        '2 * ' ~ _share_rest('abs(' ~ amount ~ ')', 'abs(' ~ numerator ~ ')', 'abs(' ~ denominator ~ ')') ~ ' + abs(' ~ denominator ~ ')',
        '2 * abs(' ~ denominator ~ ')'
    ) }}
)
{%- endmacro %}

{# As a wide integer: the sign of a plain one is a float in some databases. #}
{% macro _sign(number) %}sign(cast({{ number }} as {{ type_wide_integer() }})){% endmacro %}

{% macro _share_rest(amount, numerator, denominator) -%}
(mod({{ amount }}, {{ denominator }}) * ({{ numerator }}))
{%- endmacro %}

{# The part of `rest` that a neighbour's rest of the opposite sign settles, with the sign of `rest`; 0 when there is none. #}
{% macro opposite_part(rest, neighbour) -%}
case
    when {{ rest }} > 0 and {{ neighbour }} < 0 then least({{ rest }}, -{{ neighbour }})
    when {{ rest }} < 0 and {{ neighbour }} > 0 then greatest({{ rest }}, -{{ neighbour }})
    else 0
end
{%- endmacro %}

{# part / whole of two whole numbers in ten-thousandths, rounded; NULL where the whole is 0. #}
{% macro ten_thousandths(part, whole) -%}
case when {{ whole }} <> 0 then {{ share_rounded(part, '10000', whole) }} end
{%- endmacro %}

{# Ten-thousandths as a share with four decimals. #}
{% macro as_share(ten_thousandths) -%}
cast(cast({{ ten_thousandths }} as decimal(38, 0)) * 0.0001 as decimal(18, 4))
{%- endmacro %}
