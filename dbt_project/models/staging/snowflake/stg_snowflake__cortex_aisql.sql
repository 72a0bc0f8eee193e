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

    ---------- quantities
    {{ dbt.safe_cast('tokens', type_quantity()) }} as tokens,
    {{ dbt.safe_cast('token_credits', 'decimal(20, 12)') }} as credits,

    ---------- times
    usage_time as used_at_value,
    observed_at
from ({{ current_rows('snowflake', 'cortex_aisql') }}) as aisql
