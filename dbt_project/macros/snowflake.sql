{# Credits of a service on a day at the price of a credit that the connection's form gives: both factors exact. #}
{% macro snowflake_credit_cost(billed, used, price) -%}
{{ dbt.safe_cast('coalesce(' ~ billed ~ ', ' ~ used ~ ')', 'decimal(20, 12)') }} * {{ dbt.safe_cast(price, 'decimal(18, 12)') }}
{%- endmacro %}

{# Whether a line of the contract is billed in dollars: what free credits pay is not, and other currencies are not understood. #}
{% macro snowflake_is_billed(amount, currency, balance_source) -%}
({{ amount }} is not null and upper({{ currency }}) = 'USD' and coalesce(lower({{ balance_source }}), '') <> 'free usage')
{%- endmacro %}
