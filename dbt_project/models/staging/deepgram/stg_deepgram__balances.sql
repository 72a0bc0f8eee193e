select
    connection_id,
    project_id,
    day as balance_date,
    balance_id,
    {{ dbt.safe_cast('amount', type_money()) }} as amount,
    units,
    purchase_order_id,
    observed_at
from ({{ current_rows('deepgram', 'balances') }}) as balances
