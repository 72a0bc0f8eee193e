select
    provider,
    model,
    tier,
    region,
    hours,
    token_type,
    above_input_tokens,
    valid_from,
    valid_to,
    unit_price_usd,
    price_version,
    source,
    source_version,
    retrieved_at
from {{ raw_table('control', 'listed_prices') }} as prices
