select
    outcome_id,
    trace_id,
    outcome_name,
    is_success,
    value_usd,
    achieved_at,
    source,
    received_at,
    customer,
    product,
    agent,
    workflow,
    business_unit,
    environment,
    metadata,
    file_url,
    file_line,
    loaded_at
from {{ ref('int_outcomes__judged') }}
where verdict = 'stands'
