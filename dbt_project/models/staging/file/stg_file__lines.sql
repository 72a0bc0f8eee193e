with lines as (

    select
        *,
        regexp_replace(lower(trim(quantity_unit)), '^[0-9]+ ', '') as unit,
        {{ dbt.safe_cast("nullif(regexp_replace(lower(trim(quantity_unit)), '^([0-9]+ )?.*$', '\\1'), '')", 'bigint') }} as unit_count
    from ({{ current_rows('file', 'lines') }}) as lines

)

select
    ---------- ids
    lines.row_id as charge_id,
    lines.connection_id,
    lines.billed_provider,
    lines.file as file_name,
    lines.project as project_id,
    lines.api_key as api_key_id,

    ---------- what was billed
    lines.day as charge_date,
    lines.charge_category,
    lines.service as service_name,
    lines.sku,
    lines.model as model_name,
    lines.token_type_sent,
    coalesce(lines.token_type, 'unmapped') as token_type,
    lines.tier,
    cast(
        {{ dbt.safe_cast('lines.quantity', 'decimal(28, 12)') }} * coalesce(lines.unit_count, 1) * scales.scale as {{ type_quantity() }}
    ) as quantity,
    scales.quantity_unit,
    lines.quantity as quantity_value,
    lines.quantity_unit as quantity_unit_sent,

    ---------- amounts
    {{ money_from_text('lines.amount') }} as amount,
    lines.currency as billing_currency,
    {{ money_from_text('lines.amount_usd') }} as amount_usd,

    ---------- times
    lines.observed_at
from lines
left join {{ ref('quantity_units') }} as scales on scales.provider = 'file' and scales.unit = lines.unit
