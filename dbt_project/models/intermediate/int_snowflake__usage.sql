{% set token_types = {
    'cortex_ai_functions': ['input', 'output', 'unmapped', 'tokens', 'credits'],
    'cortex_aisql': ['tokens', 'credits'],
    'cortex_functions': ['tokens', 'credits'],
} %}

{# One table per view, newest first: Snowflake tells the same use in several of them. #}
with quantities as (

    {% for table, columns in token_types.items() %}
    {% set place = loop.index %}
    {% for column in columns %}
    select
        connection_id, usage_date, model_name, {{ place }} as place,
        {{ 'cast(null as ' ~ dbt.type_string() ~ ')' if table == 'cortex_functions' else 'user_id' }} as user_id,
        '{{ column }}' as token_type, cast({{ column }} as {{ type_quantity() }}) as quantity, observed_at
    from {{ ref('stg_snowflake__' ~ table) }}
    where {{ column }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

newest as (

    select
        connection_id,
        usage_date,
        min(place) as place
    from quantities
    group by connection_id, usage_date

),

days as (

    select
        quantities.connection_id,
        quantities.usage_date,
        quantities.model_name,
        quantities.user_id,
        quantities.token_type,
        cast(sum(quantities.quantity) as {{ type_quantity() }}) as quantity,
        max(quantities.observed_at) as observed_at
    from quantities
    inner join newest
        on newest.connection_id = quantities.connection_id
        and newest.usage_date = quantities.usage_date
        and newest.place = quantities.place
    group by
        quantities.connection_id, quantities.usage_date, quantities.model_name, quantities.user_id, quantities.token_type

)

select
    {{ surrogate_key(['days.connection_id', 'days.usage_date', 'days.model_name', 'days.user_id', 'days.token_type']) }} as usage_id,
    days.connection_id,
    'snowflake' as provider,
    days.usage_date,
    {{ canonical_model('days.model_name') }} as model,
    days.token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    days.user_id as provider_user,
    days.quantity,
    days.observed_at
from days
{{ join_model_aliases("'snowflake'", 'days.model_name') }}
