select
    tasks.charge_id,
    tasks.connection_id,
    'piapi' as provider,
    tasks.charge_date,
    'usage' as charge_category,
    'PiAPI' as service_name,
    {{ dbt.concat(["coalesce(tasks.model_name, 'unknown')", "'/'", "coalesce(tasks.action, 'unknown')"]) }} as sku,
    {{ canonical_model('tasks.model_name') }} as model,
    'tasks' as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    tasks.api_key_id as provider_key,
    cast(1 as {{ type_quantity() }}) as quantity,
    'tasks' as quantity_unit,
    tasks.amount_usd as reported_cost_usd,
    case when tasks.cost_status <> 'unknown_unit' then 'USD' else upper(tasks.usage_type) end as billing_currency,
    tasks.observed_at
from {{ ref('stg_piapi__task_history') }} as tasks
{{ join_model_aliases("'piapi'", 'tasks.model_name') }}
