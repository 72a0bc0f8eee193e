select
    connection_id,
    day as credits_date,
    {{ money_from_text('balance') }} as balance_usd,
    {{ money_from_text('total_used') }} as total_used_usd,
    observed_at
from ({{ current_rows('vercel', 'credits') }}) as credits
