select
    row_id,
    connection_id,
    day as spend_date,
    email as user_email,
    role as member_role,
    {{ money_from_cents_text('spend_cents') }} as spend_usd,
    {{ money_from_cents_text('overall_spend_cents') }} as overall_spend_usd,
    {{ money_from_cents_text('included_spend_cents') }} as included_spend_usd,
    {{ money_from_text('hard_limit_override_dollars') }} as hard_limit_usd,
    {{ money_from_text('monthly_limit_dollars') }} as monthly_limit_usd,
    subscription_cycle_start as cycle_start_ms,
    observed_at
from ({{ current_rows('cursor', 'member_spend') }}) as member_spend
