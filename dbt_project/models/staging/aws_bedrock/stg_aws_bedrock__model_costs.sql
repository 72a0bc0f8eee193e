select
    ---------- ids
    row_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    model as model_title,
    inference_type,

    ---------- amounts
    {{ money_from_text('unblended_cost_amount') }} as amount_usd,
    upper(unblended_cost_unit) as billing_currency,
    is_estimated,

    ---------- times
    observed_at
from ({{ current_rows('aws_bedrock', 'model_costs') }}) as costs
