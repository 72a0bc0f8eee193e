select
    connection_id,
    day as balance_date,
    upper(currency) as currency,
    {{ money_from_text('total_balance') }} as total_balance,
    {{ money_from_text('granted_balance') }} as granted_balance,
    {{ money_from_text('topped_up_balance') }} as topped_up_balance,
    is_available,
    observed_at
from ({{ current_rows('deepseek', 'balances') }}) as balances
