select
    ---------- ids
    row_id,
    connection_id,
    query_id,
    user_id,
    warehouse_id,

    ---------- what was used
    day as usage_date,
    function_name,
    model_name,
    query_tag,

    ---------- quantities
    {{ dbt.safe_cast('input_tokens', type_quantity()) }} as input,
    {{ dbt.safe_cast('output_tokens', type_quantity()) }} as output,
    {{ dbt.safe_cast('other_tokens', type_quantity()) }} as unmapped,
    {{ dbt.safe_cast('tokens', type_quantity()) }} as tokens,
    {{ dbt.safe_cast('coalesce(credits, token_credits)', 'decimal(20, 12)') }} as credits,
    metrics,

    ---------- times
    start_time as started_at_value,
    observed_at
from ({{ current_rows('snowflake', 'cortex_ai_functions') }}) as ai_functions
