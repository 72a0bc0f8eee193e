{# A unit as GitHub writes it (`ai-credits`, `user-months`, `UserMonths`), in lower case letters alone. #}
{% macro github_unit(unit) -%}
{{ replace_matches('lower(' ~ unit ~ ')', '[^a-z]', '') }}
{%- endmacro %}

{# Of the whole bill, only seats are nowhere else: usage has reports of its own. #}
{% macro github_is_seat(unit) -%}
coalesce({{ github_unit(unit) }}, '') = 'usermonths'
{%- endmacro %}
