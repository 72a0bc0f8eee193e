{# What a record of use costs at list price: both factors exact, the product in dollars. #}
{% macro databricks_list_cost(quantity, price) -%}
{{ dbt.safe_cast(quantity, 'decimal(20, 12)') }} * {{ dbt.safe_cast(price, 'decimal(18, 12)') }}
{%- endmacro %}

{# Whether a record has a list price in dollars; another cannot be said to cost anything. #}
{% macro databricks_is_priced(price, currency) -%}
({{ price }} is not null and upper({{ currency }}) = 'USD')
{%- endmacro %}
