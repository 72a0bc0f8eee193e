select
    {{ surrogate_key(['charge_id']) }} as usage_id,
    connection_id,
    provider,
    charge_date as usage_date,
    model,
    token_type,
    tier,
    provider_project,
    provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    quantity,
    observed_at
from {{ ref('int_file__charges') }}
where charge_category = 'usage' and quantity is not null
