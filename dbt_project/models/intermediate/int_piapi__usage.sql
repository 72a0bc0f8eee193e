select
    {{ surrogate_key(['tasks.connection_id', 'tasks.charge_date', 'tasks.model_name', 'tasks.action', 'tasks.api_key_id']) }} as usage_id,
    tasks.connection_id,
    'piapi' as provider,
    tasks.charge_date as usage_date,
    {{ canonical_model('tasks.model_name') }} as model,
    'requests' as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    tasks.api_key_id as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    cast(count(*) as {{ type_quantity() }}) as quantity,
    max(tasks.observed_at) as observed_at
from {{ ref('stg_piapi__task_history') }} as tasks
{{ join_model_aliases("'piapi'", 'tasks.model_name') }}
group by
    tasks.connection_id, tasks.charge_date, tasks.model_name, tasks.action, tasks.api_key_id, exact_alias.model, dated_alias.model
