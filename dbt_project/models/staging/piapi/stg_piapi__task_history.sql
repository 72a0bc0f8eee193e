with tasks as (

    select
        *,
        {{ piapi_charged_points() }} as charged_points,
        lower(coalesce(task_status, status)) as state
    from ({{ current_rows('piapi', 'task_history') }}) as tasks

)

select
    ---------- ids
    row_id as charge_id,
    connection_id,
    coalesce(id, task_id) as task_id,
    api_key_id,

    ---------- what was done
    day as charge_date,
    coalesce(task_model, detail_model) as model_name,
    action,
    state,
    nullif(nullif(task_error_code, '0'), '') as error_code,

    ---------- amounts
    lower(usage_type) as usage_type,
    charged_points,
    {{ piapi_usd('charged_points', 'usage_type') }} as amount_usd,
    case
        when charged_points is null then 'open'
        when {{ piapi_usd('charged_points', 'usage_type') }} is null then 'unknown_unit'
        else 'charged'
    end as cost_status,
    case
        when charged_points is null then {{ piapi_usd('coalesce(task_meta_usage_frozen, usage)', 'usage_type') }}
    end as held_usd,

    ---------- times
    {{ piapi_time('created_at') }} as created_at,
    {{ piapi_time('task_meta_started_at') }} as started_at,
    {{ piapi_time('task_meta_ended_at') }} as ended_at,
    observed_at
from tasks
