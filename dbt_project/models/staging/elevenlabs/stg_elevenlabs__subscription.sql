select
    connection_id,
    day as subscription_date,
    tier,
    status,
    character_count,
    character_limit,
    upper(currency) as billing_currency,
    current_overage,
    next_invoice,
    observed_at
from ({{ current_rows('elevenlabs', 'subscription') }}) as subscription
