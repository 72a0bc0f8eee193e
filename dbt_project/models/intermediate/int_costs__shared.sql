{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'cell_date'}) }}

{# The claims on each billed cell, whole numbers throughout: every metered group by its quantity (by its list cost where the billed
   quantity is unknown), and what nobody metered as one more claim. The largest remainders get the last units. #}
with cells as (

    select
        *,
        {{ money_to_units('billed_cost_usd') }} as billed,
        {{ money_to_units('metered_cost_usd') }} as metered,
        {{ quantity_to_units('billed_quantity') }} as billed_units,
        {{ quantity_to_units('metered_quantity') }} as metered_units
    from {{ ref('int_cells__measured') }}
    where is_billed and {{ is_touched('cell_date') }}

),

claims as (

    select
        cells.cell_id,
        cells.cell_date,
        entries.entry_id as group_id,
        entries.quantity as metered_quantity,
        entries.cost_usd as metered_cost_usd,
        cells.billed,
        case
            when cells.billed_units is not null then {{ quantity_to_units('entries.quantity') }}
            else {{ money_to_units('coalesce(entries.cost_usd, 0)') }}
        end as weight
    from {{ ref('int_cells__entries') }} as entries
    inner join cells on cells.cell_id = entries.cell_id
    where entries.entry_kind = 'metered' and {{ is_touched('entries.cell_date') }}

    union all

    select
        cell_id,
        cell_date,
        null as group_id,
        null as metered_quantity,
        null as metered_cost_usd,
        billed,
        case
            when billed_units is not null then greatest(billed_units, metered_units) - metered_units
            else greatest(abs(billed), metered) - metered
        end as weight
    from cells

),

weighed as (

    select
        *,
        sum(weight) over (partition by cell_id) as total_weight
    from claims

),

floored as (

    select
        *,
        case when total_weight > 0 then {{ share_floor('abs(billed)', 'weight', 'total_weight') }} else 0 end as whole_units,
        case when total_weight > 0 then {{ share_remainder('abs(billed)', 'weight', 'total_weight') }} else 0 end as remainder
    from weighed

),

ranked as (

    select
        *,
        abs(billed) - sum(whole_units) over (partition by cell_id) as units_left,
        row_number() over (
            partition by cell_id order by remainder desc, case when group_id is null then 1 else 0 end, group_id
        ) as turn
    from floored

)

select
    cell_id,
    cell_date,
    group_id,
    metered_quantity,
    metered_cost_usd,
    {{ units_to_money("""
        sign(billed) * case
            when total_weight > 0 then whole_units + case when turn <= units_left then 1 else 0 end
            when group_id is null then abs(billed)
            else 0
        end
    """) }} as billed_cost_usd
from ranked
