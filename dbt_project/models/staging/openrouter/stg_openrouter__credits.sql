select
    connection_id,
    day as credits_date,
    {{ money_from_text('total_credits') }} as total_credits_usd,
    {{ money_from_text('total_usage') }} as total_usage_usd,
    observed_at
from ({{ current_rows('openrouter', 'credits') }}) as credits
