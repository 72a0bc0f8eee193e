select
    {{ surrogate_key(['provider', 'model', 'tier', 'region', 'token_type', 'above_input_tokens', 'valid_from', 'recorded_at']) }} as price_id,
    provider,
    model,
    tier,
    region,
    token_type,
    above_input_tokens,
    valid_from,
    valid_to,
    unit_price_usd,
    price_version,
    source,
    source_version,
    retrieved_at,
    recorded_at,
    superseded_at,
    superseded_at is null as is_current
from {{ ref('stg_control__prices') }}
