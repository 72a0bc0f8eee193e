{# At list price, and named so. Tokens are billed in DBUs, which no call counts: their quantity is unknown, and cost is shared by list cost. #}
select
    records.charge_id,
    records.connection_id,
    'databricks' as provider,
    records.charge_date,
    'usage' as charge_category,
    'Databricks (list price)' as service_name,
    records.sku_name as sku,
    {{ canonical_model('records.endpoint_name') }} as model,
    coalesce(types.token_type, 'unmapped') as token_type,
    'standard' as tier,
    records.workspace_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    case when types.token_type <> 'tokens' then records.quantity end as quantity,
    case when types.token_type <> 'tokens' then lower(records.unit) end as quantity_unit,
    records.amount_usd as reported_cost_usd,
    records.list_price_currency as billing_currency,
    records.observed_at
from {{ ref('stg_databricks__usage') }} as records
left join {{ ref('billed_token_types') }} as types
    on types.provider = 'databricks' and types.matched_on = 'usage_type' and types.name = records.usage_type
{{ join_model_aliases("'databricks'", 'records.endpoint_name') }}
where records.is_priced
