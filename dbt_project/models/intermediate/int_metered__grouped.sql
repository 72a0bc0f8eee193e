{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'event_date'}) }}

{% set kept = ['connection_id', 'connection_match', 'provider', 'event_date', 'model', 'tier'] + attribution_columns() %}

{# A bucket counts as priced when its event is; a cost without buckets, as a client reports it, stays whole as `unmapped`. #}
with sums as (

    select
        {{ kept | join(',\n        ') }},
        {% for field, token_type in buckets() %}
        sum({{ field }}) as {{ token_type }}_quantity,
        sum(case when cost_usd is not null and {{ token_type }}_cost_usd is not null then {{ field }} end) as {{ token_type }}_priced_quantity,
        sum(case when cost_usd is not null then {{ token_type }}_cost_usd end) as {{ token_type }}_cost_usd,
        {% endfor %}
        sum(
            cost_usd{% for _, token_type in buckets() %} - coalesce({{ token_type }}_cost_usd, 0){% endfor %}
        ) as unmapped_cost_usd
    from {{ ref('fct_transactions') }}
    where {{ is_touched('event_date', 'started_hour') }}
    group by {{ kept | join(', ') }}

),

quantities as (

    {% for _, token_type in buckets() %}
    select
        {{ kept | join(', ') }},
        '{{ token_type }}' as token_type,
        cast({{ token_type }}_quantity as {{ type_quantity() }}) as quantity,
        cast(coalesce({{ token_type }}_priced_quantity, 0) as {{ type_quantity() }}) as priced_quantity,
        cast({{ token_type }}_cost_usd as {{ type_money() }}) as cost_usd
    from sums
    where {{ token_type }}_quantity <> 0 or {{ token_type }}_cost_usd <> 0

    union all

    {% endfor %}
    select
        {{ kept | join(', ') }},
        'unmapped' as token_type,
        cast(0 as {{ type_quantity() }}) as quantity,
        cast(0 as {{ type_quantity() }}) as priced_quantity,
        cast(unmapped_cost_usd as {{ type_money() }}) as cost_usd
    from sums
    where unmapped_cost_usd <> 0

)

select
    {{ surrogate_key(kept + ['token_type']) }} as group_id,
    connection_id,
    connection_match,
    provider,
    event_date,
    model,
    token_type,
    tier,
    {{ attribution_columns() | join(',\n    ') }},
    quantity,
    priced_quantity,
    cost_usd
from quantities
