{# A unit as GitHub writes it (`ai-credits`, `user-months`, `UserMonths`), in lower case letters alone. #}
{% macro github_unit(unit) -%}
regexp_replace(lower({{ unit }}), '[^a-z]', '', 'g')
{%- endmacro %}

{# Of the whole bill, only seats are nowhere else: usage has reports of its own. #}
{% macro github_is_seat(unit) -%}
coalesce({{ github_unit(unit) }}, '') = 'usermonths'
{%- endmacro %}
