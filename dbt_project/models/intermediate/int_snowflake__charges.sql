{# The bill names services, no model: one amount for all tokens. By contract where the connection reads that, else by credits at its price;
   the loader sees to it that a day has money from one of the two. #}
with lines as (

    select
        charge_id, connection_id, charge_date, charge_category, service_type, account_name, amount_usd, billing_currency, observed_at
    from {{ ref('stg_snowflake__usage_in_currency') }}
    where is_billed

    union all

    select
        charge_id, connection_id, charge_date, 'usage', service_type, null, amount_usd, 'USD', observed_at
    from {{ ref('stg_snowflake__metering_daily') }}
    where is_priced

)

select
    charge_id,
    connection_id,
    'snowflake' as provider,
    charge_date,
    charge_category,
    'Snowflake AI services' as service_name,
    service_type as sku,
    cast(null as {{ dbt.type_string() }}) as model,
    case when service_type = 'AI_SERVICES' then 'tokens' else 'unmapped' end as token_type,
    'standard' as tier,
    account_name as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    amount_usd as reported_cost_usd,
    billing_currency,
    observed_at
from lines
