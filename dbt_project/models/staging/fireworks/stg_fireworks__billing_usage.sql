select
    row_id,
    connection_id,
    day as usage_date,
    kind,
    coalesce(model_name, group_model_name) as model_name,
    deployment_id,

    ---------- disjoint tokens
    coalesce(
        {{ dbt.safe_cast('uncached_prompt_tokens', type_quantity()) }},
        {{ dbt.safe_cast('prompt_tokens', type_quantity()) }} - coalesce({{ dbt.safe_cast('cached_prompt_tokens', type_quantity()) }}, 0)
    ) as input,
    {{ dbt.safe_cast('cached_prompt_tokens', type_quantity()) }} as cache_read,
    {{ dbt.safe_cast('completion_tokens', type_quantity()) }} as output,
    {{ dbt.safe_cast('accelerator_seconds', type_quantity()) }} as accelerator_seconds,

    observed_at
from ({{ current_rows('fireworks', 'billing_usage') }}) as usage_rows
