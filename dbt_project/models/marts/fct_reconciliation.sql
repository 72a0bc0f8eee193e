{# Whole numbers throughout: amounts in 1e-12 USD, quantities in 1e-6. `rest` is what billed exceeds metered by, in quantity. #}
with cells as (

    select
        *,
        {{ surrogate_key(['connection_id', 'provider', 'model', 'token_type', 'tier', 'is_by_project', 'provider_project']) }} as series_id,
        {{ dbt.datediff("cast('0001-01-01' as date)", 'cell_date', 'day') }} + 1 as day_number,
        {{ money_to_units('billed_cost_usd') }} as billed,
        {{ money_to_units('metered_cost_usd') }} as metered,
        {{ quantity_to_units('billed_quantity') }} as billed_units,
        {{ quantity_to_units('metered_quantity') }} as metered_units,
        {{ quantity_to_units('priced_quantity') }} as priced_units
    from {{ ref('int_cells__measured') }}

),

{# Neighbouring days with opposite rests settle each other: pairs that begin on an even day first, the others on what is left. #}
even_pairs as (

    select
        *,
        billed_units - metered_units as rest,
        sum(billed_units - metered_units) over (partition by series_id, day_number - mod(day_number, 2))
            - (billed_units - metered_units) as even_partner_rest
    from cells

),

even_settled as (

    select
        *,
        {{ opposite_part('rest', 'even_partner_rest') }} as even_timing_units
    from even_pairs

),

odd_pairs as (

    select
        *,
        sum(rest - even_timing_units) over (partition by series_id, day_number + mod(day_number, 2))
            - (rest - even_timing_units) as odd_partner_rest
    from even_settled

),

settled as (

    select
        *,
        even_timing_units + {{ opposite_part('(rest - even_timing_units)', 'odd_partner_rest') }} as timing_units,
        {# the unit price: billed, or the list price where nothing was billed #}
        case when billed_units = 0 then metered else billed end as price_dividend,
        case when billed_units = 0 then priced_units else billed_units end as price_divisor
    from odd_pairs

),

causes as (

    select
        *,
        case when price_divisor <> 0 then {{ share_rounded('price_dividend', 'timing_units', 'price_divisor') }} else 0 end as timing,
        case
            when price_divisor <> 0
                then {{ share_rounded('price_dividend', '(billed_units - timing_units - metered_units)', 'price_divisor') }}
            else 0
        end as quantity_cause,
        case
            when price_divisor <> 0 then {{ share_rounded('price_dividend', '(metered_units - priced_units)', 'price_divisor') }}
            else 0
        end as unpriced
    from settled

),

usage_missing as (

    select
        connection_id,
        provider,
        event_date,
        model,
        count(*) as event_count
    from {{ ref('fct_transactions') }}
    where cost_status = 'usage_missing'
    group by connection_id, provider, event_date, model

)

select
    causes.cell_id,
    causes.cell_date as reconciliation_date,
    causes.connection_id,
    causes.provider,
    causes.model,
    causes.token_type,
    causes.tier,
    causes.is_by_project,
    causes.provider_project,
    not causes.is_billed as is_provisional,
    causes.billed_cost_usd,
    causes.reported_cost_usd,
    causes.metered_cost_usd,
    case when not causes.is_billed then causes.estimated_usd end as estimated_usd,
    cast(causes.billed_cost_usd - causes.metered_cost_usd as {{ type_money() }}) as difference_usd,
    causes.billed_quantity,
    causes.usage_quantity,
    causes.metered_quantity,
    causes.priced_quantity,
    cast(causes.metered_quantity - causes.priced_quantity as {{ type_quantity() }}) as unpriced_quantity,
    {{ units_to_quantity('case when causes.billed_units is not null then causes.timing_units end') }} as timing_quantity,
    cast(
        case when causes.metered_units > causes.billed_units then causes.metered_quantity - causes.billed_quantity else 0 end
        as {{ type_quantity() }}
    ) as over_metered_quantity,
    coalesce(usage_missing.event_count, 0) as usage_missing_event_count,
    case when causes.is_billed then {{ units_to_money('case when causes.billed_units is null then 0 else causes.timing end') }} end as timing_usd,
    case when causes.is_billed then {{ units_to_money('case when causes.billed_units is null then 0 else causes.quantity_cause end') }} end as quantity_usd,
    case when causes.is_billed then {{ units_to_money('case when causes.billed_units is null then 0 else causes.unpriced end') }} end as unpriced_usd,
    case when causes.is_billed then {{ units_to_money(
        'case when causes.billed_units is null then 0 else causes.billed - causes.metered - causes.timing - causes.quantity_cause - causes.unpriced end'
    ) }} end as price_usd,
    case when causes.is_billed then {{ units_to_money(
        'case when causes.billed_units is null then causes.billed - causes.metered else 0 end'
    ) }} end as unexplained_usd
from causes
left join usage_missing
    on {{ same('usage_missing.connection_id', 'causes.connection_id') }}
    and usage_missing.provider = causes.provider
    and usage_missing.event_date = causes.cell_date
    and {{ same('usage_missing.model', 'causes.model') }}
