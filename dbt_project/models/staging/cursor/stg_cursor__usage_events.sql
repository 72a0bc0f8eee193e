select
    ---------- ids
    row_id as charge_id,
    connection_id,
    user_email,
    team_id,

    ---------- what was used
    day as charge_date,
    "timestamp" as event_at_ms,
    model as model_name,
    kind,
    is_chargeable,
    coalesce(is_token_based_call, token_usage_total_cents is not null) as is_token_based,
    requests_costs as requests_value,

    ---------- disjoint tokens
    token_usage_input_tokens as input,
    token_usage_cache_read_tokens as cache_read,
    token_usage_cache_write_tokens as cache_write_5m,
    token_usage_output_tokens as output,
    1 as requests,

    ---------- amounts
    case when is_chargeable then {{ money_from_cents_text('charged_cents') }} end as amount_usd,
    {{ money_from_cents_text('charged_cents') }} as list_cost_usd,
    {{ money_from_cents_text('token_usage_total_cents') }} as token_cost_usd,
    {{ money_from_cents_text('cursor_token_fee') }} as token_fee_usd,

    ---------- times
    observed_at
from ({{ current_rows('cursor', 'usage_events') }}) as usage_events
