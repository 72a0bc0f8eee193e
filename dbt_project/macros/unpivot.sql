{# One row per column of `columns` that is not NULL: the kept columns, the column's name as `token_type`, its value as `quantity`. #}
{% macro unpivot(relation, kept, columns) %}
{% for column in columns %}
select
    {{ kept | join(',\n    ') }},
    '{{ column }}' as token_type,
    cast({{ column }} as {{ type_quantity() }}) as quantity
from {{ relation }}
where {{ column }} is not null
{{ 'union all' if not loop.last }}
{% endfor %}
{% endmacro %}
