{% set without_model = ['unmapped', 'cache_storage', 'web_searches', 'provisioned_throughput'] %}

with lines as (

    select
        costs.*,
        coalesce({{ google_model_of_label('costs.model_label') }}, skus.model_name, lower(costs.model_label)) as model_name,
        coalesce(skus.token_type, 'unmapped') as named_token_type,
        coalesce(skus.tier, 'standard') as tier
    from {{ ref('stg_google__costs') }} as costs
    left join {{ ref('int_google__skus') }} as skus
        on skus.sku_description = costs.sku_description
        and {{ same('skus.service_description', 'costs.service_description') }}

),

{# Tokens of no known model are no cell's. A SKU never says that a model is a preview. #}
typed as (

    select
        lines.*,
        coalesce(previews.model, lines.model_name) as known_model_name,
        case
            when lines.model_name is null and named_token_type not in ('{{ without_model | join("', '") }}') then 'unmapped'
            else named_token_type
        end as token_type
    from lines
    left join {{ ref('int_model_aliases__unioned') }} as released
        on released.provider = 'google' and released.alias = lines.model_name
    left join {{ ref('int_model_aliases__unioned') }} as previews
        on previews.provider = 'google' and previews.alias = lines.model_name || '-preview' and released.alias is null

),

{# The kind of SKU decides which units can be meant: tokens and searches come as `count` or `requests`. #}
scaled as (

    select
        typed.*,
        coalesce(priced.quantity_unit, used.quantity_unit) as unit_name,
        cast(coalesce(
            {{ dbt.safe_cast('typed.pricing_value', 'decimal(30, 12)') }} * priced.scale,
            {{ dbt.safe_cast('typed.usage_value', 'decimal(30, 12)') }} * used.scale
        ) as {{ type_quantity() }}) as scaled_quantity
    from typed
    left join {{ ref('quantity_units') }} as priced on priced.provider = 'google' and priced.unit = lower(typed.pricing_unit)
    left join {{ ref('quantity_units') }} as used on used.provider = 'google' and used.unit = lower(typed.usage_unit)
    where typed.charge_category = 'usage'

),

counted as (

    select
        charge_id,
        scaled_quantity as quantity,
        case when token_type = 'web_searches' then 'searches' else unit_name end as quantity_unit
    from scaled
    where
        unit_name = case
            when token_type = 'unmapped' then null
            when token_type = 'cache_storage' then 'token_hours'
            when token_type = 'provisioned_throughput' then 'months'
            else 'tokens'
        end

)

select
    typed.charge_id,
    typed.connection_id,
    'google' as provider,
    typed.charge_date,
    typed.charge_category,
    coalesce(typed.service_description, 'Google Cloud') as service_name,
    case when typed.charge_category = 'credit' then coalesce(typed.credit_name, typed.sku_description) else typed.sku_description end as sku,
    {{ canonical_model('typed.known_model_name') }} as model,
    typed.token_type,
    typed.tier,
    typed.project_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    counted.quantity,
    case when counted.quantity is not null then counted.quantity_unit end as quantity_unit,
    typed.amount_usd as reported_cost_usd,
    typed.billing_currency,
    typed.observed_at
from typed
left join counted on counted.charge_id = typed.charge_id
{{ join_model_aliases("'google'", 'typed.known_model_name') }}
