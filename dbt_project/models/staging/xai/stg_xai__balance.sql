select
    connection_id,
    day as balance_date,
    {# cents with inverted sign #}
    -{{ money_from_cents_text('total_val') }} as balance_usd,
    observed_at
from ({{ current_rows('xai', 'balance') }}) as balance
