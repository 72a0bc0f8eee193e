with charges as (

    select
        costs.*,
        {{ canonical_model('costs.model_name') }} as model
    from {{ ref('stg_aws_bedrock__costs') }} as costs
    {{ join_model_aliases("'aws_bedrock'", 'costs.model_name') }}

),

{# The bill names no unit. Where anybody lists a price for the model, a quantity whose unit price is more than three times off
   it was scaled wrongly, and is unknown. #}
list_prices as (

    select
        model,
        token_type,
        min(unit_price_usd) as lowest_price_usd,
        max(unit_price_usd) as highest_price_usd
    from {{ ref('price_book') }}
    where tier = 'standard' and above_input_tokens = 0 and unit_price_usd > 0
    group by model, token_type

),

judged as (

    select
        charges.*,
        charges.amount_usd > 0 and (
            charges.amount_usd * 3 < charges.quantity * list_prices.lowest_price_usd
            or charges.amount_usd > charges.quantity * list_prices.highest_price_usd * 3
        ) as is_scale_wrong
    from charges
    left join list_prices on list_prices.model = charges.model and list_prices.token_type = charges.token_type

)

select
    charge_id,
    connection_id,
    'aws_bedrock' as provider,
    charge_date,
    charge_category,
    'Amazon Bedrock' as service_name,
    coalesce(usage_type, record_type) as sku,
    model,
    token_type,
    tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    case when is_scale_wrong is not true then quantity end as quantity,
    case when is_scale_wrong is not true then quantity_unit end as quantity_unit,
    amount_usd as reported_cost_usd,
    billing_currency,
    observed_at
from judged
