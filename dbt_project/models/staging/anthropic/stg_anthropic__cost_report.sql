with lines as ({{ current_rows('anthropic', 'cost_report') }})

select
    ---------- ids
    lines.row_id as charge_id,
    lines.connection_id,
    lines.workspace_id,
    lines.api_key_id,

    ---------- what was billed
    lines.day as charge_date,
    lines.cost_type,
    coalesce(lines.description, lines.model || '/' || lines.token_type, lines.cost_type) as description,
    lines.model as model_name,
    lines.context_window,
    lines.inference_geo,
    coalesce(token_types.token_type, cost_types.token_type, 'unmapped') as token_type,
    case when lines.service_tier is null then 'standard' else coalesce(tiers.tier, 'unknown') end as tier,

    ---------- amounts
    lines.amount as amount_value,
    {{ money_from_cents_text('lines.amount') }} as amount_usd,
    {{ money_from_cents_text('lines.list_amount') }} as list_usd,
    upper(lines.currency) as billing_currency,

    ---------- times
    lines.observed_at
from lines
left join {{ ref('billed_token_types') }} as token_types
    on token_types.provider = 'anthropic' and token_types.matched_on = 'token_type' and token_types.name = lines.token_type
left join {{ ref('billed_token_types') }} as cost_types
    on cost_types.provider = 'anthropic' and cost_types.matched_on = 'cost_type' and cost_types.name = lines.cost_type
left join {{ ref('service_tiers') }} as tiers
    on tiers.provider = 'anthropic' and tiers.name = lines.service_tier
where lines.amount is not null
