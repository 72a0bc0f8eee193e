{# Events with what the tagging rules say of them; a column that no rule speaks of is as it was sent. #}
{% set rules = tagging_rules() %}
{% set events = ref('int_events__connected') %}

with named as (

    select
        events.*,
        connections.connection_name
    from {{ events }} as events
    left join {{ ref('stg_control__connections') }} as connections on connections.connection_id = events.connection_id

),

judged as (

    select
        {% for rule in rules %}
        {{ rule_holds(rule) }} as rule_{{ loop.index }},
        {% endfor %}
        named.*
    from named

)

select
    {% for column in adapter.get_columns_in_relation(events) if execute %}
    {{ tagged(column.name, rules) }} as {{ column.name }},
    {% endfor %}
    {{ names_of_rules(rules) }} as tagging_rules
from judged
