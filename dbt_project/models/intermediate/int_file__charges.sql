select
    lines.charge_id,
    lines.connection_id,
    lines.billed_provider as provider,
    lines.charge_date,
    lines.charge_category,
    lines.service_name,
    coalesce(lines.sku, lines.token_type_sent) as sku,
    {{ canonical_model('lines.model_name') }} as model,
    lines.token_type,
    lines.tier,
    lines.project_id as provider_project,
    lines.api_key_id as provider_key,
    lines.quantity,
    case when lines.quantity is not null then lines.quantity_unit end as quantity_unit,
    lines.amount_usd as reported_cost_usd,
    case when lines.amount_usd is null then lines.billing_currency else 'USD' end as billing_currency,
    lines.observed_at
from {{ ref('stg_file__lines') }} as lines
{{ join_model_aliases('lines.billed_provider', 'lines.model_name') }}
