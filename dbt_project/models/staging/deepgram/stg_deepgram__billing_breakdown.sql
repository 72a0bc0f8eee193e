with lines as (

    select
        *,
        {# product and model with two colons between; without them there is no model #}
        split_part(grouping_line_item, ':', 1) as product,
        nullif(nullif(regexp_replace(grouping_line_item, '^[^:]*:{2}', ''), grouping_line_item), '') as product_model
    from ({{ current_rows('deepgram', 'billing_breakdown') }}) as breakdown

)

select
    ---------- ids
    lines.row_id as charge_id,
    lines.connection_id,
    lines.project_id,
    lines.grouping_accessor as api_key_id,

    ---------- what was billed
    lines.day as charge_date,
    lines.grouping_line_item as line_item,
    case when products.token_type is not null then lines.product_model end as model_name,
    coalesce(products.token_type, 'unmapped') as token_type,

    ---------- amounts
    {{ money_from_text('lines.dollars') }} as amount_usd,

    ---------- times
    lines.observed_at
from lines
left join {{ ref('billed_token_types') }} as products
    on products.provider = 'deepgram'
    and products.matched_on = 'product'
    and products.name = lower(lines.product)
    and lines.product_model is not null
