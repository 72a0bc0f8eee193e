{% set events = ref('stg_metering__events') %}

select
    {% for column in adapter.get_columns_in_relation(events) if execute %}
    {{ column.name }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('int_events__judged') }}
where verdict = 'stands'
