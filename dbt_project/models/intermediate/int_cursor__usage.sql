{% set kept = ['connection_id', 'charge_date', 'model_name', 'team_id', 'user_email', 'observed_at'] %}

{# Included and failed uses are usage too, whatever is billed for them. #}
with quantities as (

    {{ unpivot(ref('stg_cursor__usage_events'), kept, ['input', 'cache_read', 'cache_write_5m', 'output', 'requests']) }}

),

days as (

    select
        connection_id,
        charge_date,
        model_name,
        team_id,
        user_email,
        token_type,
        cast(sum(quantity) as {{ type_quantity() }}) as quantity,
        max(observed_at) as observed_at
    from quantities
    group by connection_id, charge_date, model_name, team_id, user_email, token_type

)

select
    {{ surrogate_key([
        'days.connection_id', 'days.charge_date', 'days.model_name', 'days.team_id', 'days.user_email', 'days.token_type'
    ]) }} as usage_id,
    days.connection_id,
    'cursor' as provider,
    days.charge_date as usage_date,
    {{ canonical_model('days.model_name') }} as model,
    days.token_type,
    'standard' as tier,
    days.team_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    days.user_email as provider_user,
    days.quantity,
    days.observed_at
from days
{{ join_model_aliases("'cursor'", 'days.model_name') }}
