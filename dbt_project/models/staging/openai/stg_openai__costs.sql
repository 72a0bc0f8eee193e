with lines as (

    select
        *,
        lower(trim(line_item)) as line,
        line_item like '%, %' and line_item not like '%|%' as has_suffix
    from ({{ current_rows('openai', 'costs') }}) as costs

),

parts as (

    select
        *,
        case when has_suffix then regexp_replace(line_item, ', [^,]*$', '') end as text_before_suffix,
        {# `cached_input_tokens` and `cached input` are two spellings of one suffix #}
        case when has_suffix then regexp_replace(replace(regexp_replace(line, '^.*, ', ''), '_', ' '), ' tokens$', '') end as suffix
    from lines

)

select
    ---------- ids
    parts.row_id as charge_id,
    parts.connection_id,
    parts.project_id,
    parts.api_key_id,
    parts.user_id,

    ---------- what was billed
    parts.day as charge_date,
    parts.line_item,
    case when suffixes.token_type is not null then parts.text_before_suffix end as model_name,
    coalesce(suffixes.token_type, whole_lines.token_type, 'unmapped') as token_type,
    coalesce(suffixes.tier, whole_lines.tier, 'standard') as tier,
    case when parts.line like '%credit%' then 'credit' else 'usage' end as charge_category,

    ---------- amounts
    parts.amount_value,
    {{ money_from_text('parts.amount_value') }} as amount_usd,
    upper(parts.amount_currency) as billing_currency,
    parts.quantity as quantity_value,
    cast({{ dbt.safe_cast('parts.quantity', type_quantity()) }} * units.scale as {{ type_quantity() }}) as quantity,
    units.quantity_unit,

    ---------- times
    parts.observed_at
from parts
left join {{ ref('billed_token_types') }} as suffixes
    on suffixes.provider = 'openai' and suffixes.matched_on = 'suffix' and suffixes.name = parts.suffix
left join {{ ref('billed_token_types') }} as whole_lines
    on whole_lines.provider = 'openai' and whole_lines.matched_on = 'line' and whole_lines.name = parts.line
left join {{ ref('quantity_units') }} as units
    on units.provider = 'openai' and units.unit = parts.quantity_unit
where parts.amount_value is not null
