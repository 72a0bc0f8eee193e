{# The canonical name of a model: an alias as it stands, else an alias without its trailing date, else the lowered name itself.
   `join_model_aliases` goes into the from clause, `canonical_model` into the select list of the same query. #}

{% macro canonical_model(name) -%}
coalesce(exact_alias.model, dated_alias.model, {{ _lowered(name) }})
{%- endmacro %}

{% macro join_model_aliases(provider, name) %}
left join {{ ref('int_model_aliases__unioned') }} as exact_alias
    on exact_alias.provider = {{ provider }}
    and exact_alias.alias = {{ _lowered(name) }}
left join {{ ref('int_model_aliases__unioned') }} as dated_alias
    on dated_alias.provider = {{ provider }}
    and dated_alias.alias = regexp_replace({{ _lowered(name) }}, '-([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$', '')
{% endmacro %}

{% macro _lowered(name) %}lower(trim({{ name }})){% endmacro %}
