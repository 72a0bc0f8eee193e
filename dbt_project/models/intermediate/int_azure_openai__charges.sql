with lines as (

    select
        charge_id, connection_id, charge_date, 'usage' as charge_category, meter, account_name, amount_usd, billing_currency,
        quantity_value, observed_at
    from {{ ref('stg_azure_openai__costs') }}

    union all

    select
        charge_id, connection_id, charge_date, charge_category, meter, null, amount_usd, billing_currency,
        null, observed_at
    from {{ ref('stg_azure_openai__charge_types') }}
    where charge_category <> 'usage'

),

{# A meter that counted in two units on one day counts in none we know. #}
units as (

    select
        connection_id,
        usage_date,
        meter,
        min(unit) as unit
    from {{ ref('stg_azure_openai__meter_units') }}
    group by connection_id, usage_date, meter
    having count(distinct unit) = 1

),

{# Tokens are counted in the billed unit, unless the meter's own name contradicts it. #}
scaled as (

    select
        lines.*,
        meters.model_name,
        coalesce(meters.token_type, 'unmapped') as token_type,
        coalesce(meters.tier, 'standard') as tier,
        scales.quantity_unit,
        cast({{ dbt.safe_cast('lines.quantity_value', 'decimal(30, 12)') }} * scales.scale as {{ type_quantity() }}) as quantity
    from lines
    left join {{ ref('int_azure_openai__meters') }} as meters on meters.meter = lines.meter
    left join units
        on units.connection_id = lines.connection_id and units.usage_date = lines.charge_date and units.meter = lines.meter
    left join {{ ref('quantity_units') }} as scales
        on scales.provider = 'azure_openai'
        and scales.unit = units.unit
        and scales.unit = coalesce(meters.named_unit, units.unit)
        and meters.model_name is not null

)

select
    scaled.charge_id,
    scaled.connection_id,
    'azure_openai' as provider,
    scaled.charge_date,
    scaled.charge_category,
    'Azure OpenAI' as service_name,
    scaled.meter as sku,
    {{ canonical_model('scaled.model_name') }} as model,
    scaled.token_type,
    scaled.tier,
    scaled.account_name as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    scaled.quantity,
    case when scaled.quantity is not null then scaled.quantity_unit end as quantity_unit,
    scaled.amount_usd as reported_cost_usd,
    scaled.billing_currency,
    scaled.observed_at
from scaled
{{ join_model_aliases("'azure_openai'", 'scaled.model_name') }}
