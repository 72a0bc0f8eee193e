{# The only place that converts money. Amounts are DECIMAL(38,12) USD; exact shares are computed on whole units of 1e-12 USD. #}

{% macro type_money() %}{{ return(adapter.dispatch('type_money', 'meterhouse')()) }}{% endmacro %}
{% macro default__type_money() %}decimal(38, 12){% endmacro %}

{# Counts and other quantities, fractional only for seconds. #}
{% macro type_quantity() %}{{ return(adapter.dispatch('type_quantity', 'meterhouse')()) }}{% endmacro %}
{% macro default__type_quantity() %}decimal(38, 6){% endmacro %}

{# Whole numbers wide enough for the product of two sums. #}
{% macro type_wide_integer() %}{{ return(adapter.dispatch('type_wide_integer', 'meterhouse')()) }}{% endmacro %}
{% macro default__type_wide_integer() %}numeric(38, 0){% endmacro %}
{% macro duckdb__type_wide_integer() %}hugeint{% endmacro %}

{# Text in dollars as money; NULL when it is not a number, which a test on the staging model reports. #}
{% macro money_from_text(text) %}{{ dbt.safe_cast(text, type_money()) }}{% endmacro %}

{# Text in cents as money, exactly: a multiplication, because a division of decimals is a float in DuckDB. #}
{% macro money_from_cents_text(text) -%}
cast({{ dbt.safe_cast(text, 'decimal(30, 10)') }} * 0.01 as {{ type_money() }})
{%- endmacro %}

{# Text in a currency as dollars: as it stands in dollars, else divided by the currency's units for a dollar, in whole numbers. #}
{% macro money_in_usd(amount, currency, units_per_usd) -%}
case
    when upper({{ currency }}) = 'USD' then {{ money_from_text(amount) }}
    else {{ units_to_money(share_rounded(money_to_units(money_from_text(amount)), '1000000000000', money_to_units(money_from_text(units_per_usd)))) }}
end
{%- endmacro %}

{# Whole units as text, and billionths beside them, as money. #}
{% macro money_from_units_and_nanos(units, nanos) -%}
cast({{ dbt.safe_cast(units, 'decimal(20, 0)') }} + cast({{ nanos }} as decimal(10, 0)) * 0.000000001 as {{ type_money() }})
{%- endmacro %}

{# What a month's money so far has grown by since the day before it that was seen, over rows of one snapshot a day. #}
{% macro added_in_month(rows) -%}
{%- set so_far = 'cast(' ~ rows ~ '.total_usage as ' ~ type_money() ~ ')' -%}
{{ so_far }} - coalesce(
    lag({{ so_far }}) over (partition by {{ rows }}.connection_id, {{ rows }}.month, {{ rows }}.category order by {{ rows }}.day), 0
)
{%- endmacro %}

{# Money as a whole number of 1e-12 USD, and back. #}
{% macro money_to_units(amount) %}cast({{ amount }} * 1000000000000 as {{ type_wide_integer() }}){% endmacro %}
{% macro units_to_money(units) %}cast(cast({{ units }} as decimal(38, 0)) * 0.000000000001 as {{ type_money() }}){% endmacro %}

{# A quantity as a whole number of 1e-6, and back. #}
{% macro quantity_to_units(quantity) %}cast({{ quantity }} * 1000000 as {{ type_wide_integer() }}){% endmacro %}
{% macro units_to_quantity(units) %}cast(cast({{ units }} as decimal(38, 0)) * 0.000001 as {{ type_quantity() }}){% endmacro %}

{# Prices of a unit, or of a million units. #}
{% macro type_unit_price() %}{{ return(adapter.dispatch('type_unit_price', 'meterhouse')()) }}{% endmacro %}
{% macro default__type_unit_price() %}decimal(38, 18){% endmacro %}

{# What `per` (a whole number) of a quantity cost, to 18 decimals; the quantity is not 0. #}
{% macro unit_price(amount, quantity, per) -%}
cast(
    cast({{ share_rounded(money_to_units(amount), per ~ '000000000000', quantity_to_units(quantity)) }} as decimal(38, 0)) * 0.000000000000000001
    as {{ type_unit_price() }}
)
{%- endmacro %}
