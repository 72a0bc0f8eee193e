select
    ---------- ids
    row_id,
    connection_id,

    ---------- who used what
    day as usage_date,
    actor_type,
    actor_email_address as user_email,
    actor_api_key_name as api_key_name,
    customer_type,
    subscription_type,
    terminal_type,
    model as model_name,

    ---------- disjoint tokens
    tokens_input as input,
    tokens_cache_read as cache_read,
    tokens_cache_creation as cache_write,
    tokens_output as output,

    ---------- an estimate, never a bill
    case
        when upper(estimated_cost_currency) = 'USD' then {{ money_from_cents_text('estimated_cost_amount') }}
    end as estimated_usd,
    upper(estimated_cost_currency) as estimated_currency,

    ---------- times
    observed_at
from ({{ current_rows('anthropic', 'usage_report_claude_code') }}) as claude_code_rows
