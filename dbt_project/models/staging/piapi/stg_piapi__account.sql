select
    connection_id,
    day as account_date,
    id as account_id,
    plan,
    {{ money_from_text('equivalent_in_usd') }} as balance_usd,
    {{ dbt.safe_cast('credit_pack_info_available_credits', type_quantity()) }} as available_credits,
    observed_at
from ({{ current_rows('piapi', 'account') }}) as account
