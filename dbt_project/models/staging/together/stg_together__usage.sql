with lines as (

    select
        *,
        {# `Serverless Inference - Input Tokens`: a display name whose end says what is counted #}
        lower(trim(regexp_replace(product_name, '^.* - ', ''))) as product_end
    from ({{ current_rows('together', 'usage') }}) as usage_rows

)

select
    ---------- ids
    lines.row_id as charge_id,
    lines.connection_id,
    lines.attributes_api_key_id as api_key_id,

    ---------- what was billed
    lines.day as charge_date,
    lines.product_name,
    case when product_ends.token_type is not null then lines.pricing_dimensions_model end as model_name,
    coalesce(product_ends.token_type, 'unmapped') as token_type,

    ---------- amounts
    lines.cost as amount_value,
    upper(lines.currency) as billing_currency,
    case when upper(lines.currency) = 'USD' then {{ money_from_text('lines.cost') }} end as amount_usd,
    {# counted in single tokens where the price of one unit times the quantity is the cost; else the unit is not known #}
    case
        when
            product_ends.token_type is not null
            and abs(
                cast({{ dbt.safe_cast('lines.quantity', 'decimal(18, 3)') }} as decimal(18, 3))
                * {{ dbt.safe_cast('lines.unit_price', 'decimal(19, 15)') }}
                - {{ dbt.safe_cast('lines.cost', 'decimal(19, 15)') }}
            ) <= {{ dbt.safe_cast('lines.cost', 'decimal(19, 15)') }} * 0.01
            then {{ dbt.safe_cast('lines.quantity', type_quantity()) }}
    end as quantity,

    ---------- times
    lines.observed_at
from lines
left join {{ ref('billed_token_types') }} as product_ends
    on product_ends.provider = 'together' and product_ends.matched_on = 'suffix' and product_ends.name = lines.product_end
