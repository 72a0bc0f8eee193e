select
    row_id,
    connection_id,
    day as usage_date,
    model as model_name,
    product_type,
    measures,
    observed_at
from ({{ current_rows('elevenlabs', 'credit_usage') }}) as usage_rows
