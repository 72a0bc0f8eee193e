select
    row_id,
    connection_id,
    day as seen_date,
    month,
    category,
    content,
    start_date,
    end_date,
    upper(currency) as billing_currency,
    observed_at
from ({{ current_rows('mistral', 'usage') }}) as usage_rows
