select
    ---------- ids
    row_id,
    connection_id,
    warehouse_id,

    ---------- what was used
    day as usage_date,
    function_name,
    model_name,

    ---------- quantities
    {{ dbt.safe_cast('tokens', type_quantity()) }} as tokens,
    {{ dbt.safe_cast('token_credits', 'decimal(20, 12)') }} as credits,

    ---------- times
    start_time as started_at_value,
    observed_at
from ({{ current_rows('snowflake', 'cortex_functions') }}) as functions
