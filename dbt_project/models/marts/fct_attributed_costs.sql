{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'cost_date'}) }}

{% set group_columns = attribution_columns() | reject('equalto', 'provider_project') | list %}

with attributed as (

    select
        cells.cell_id,
        shares.group_id,
        case when shares.group_id is null then 'unattributed' else 'attributed' end as allocation,
        shares.billed_cost_usd,
        cast(null as {{ type_money() }}) as estimated_usd,
        cells.billed_quantity is null and shares.group_id is not null as is_estimated,
        shares.metered_quantity,
        shares.metered_cost_usd
    from {{ ref('int_costs__shared') }} as shares
    inner join {{ ref('int_cells__measured') }} as cells on cells.cell_id = shares.cell_id
    where
        (shares.group_id is not null or shares.billed_cost_usd <> 0 or cells.metered_group_count = 0)
        and {{ is_touched('shares.cell_date') }}

),

{# Days without a final bill: the list price of what was metered, outside every billed sum. #}
provisional as (

    select
        cells.cell_id,
        entries.entry_id as group_id,
        'attributed' as allocation,
        cast(null as {{ type_money() }}) as billed_cost_usd,
        entries.cost_usd as estimated_usd,
        true as is_estimated,
        entries.quantity as metered_quantity,
        entries.cost_usd as metered_cost_usd
    from {{ ref('int_cells__entries') }} as entries
    inner join {{ ref('int_cells__measured') }} as cells on cells.cell_id = entries.cell_id
    where entries.entry_kind = 'metered' and not cells.is_billed and {{ is_touched('entries.cell_date') }}

),

metered as (

    select * from {{ ref('int_metered__grouped') }} where {{ is_touched('event_date') }}

),

usage_rows as (

    select * from attributed
    union all
    select * from provisional

),

other_charges as (

    select
        charges.charge_date,
        charges.connection_id,
        charges.provider,
        charges.charge_category,
        charges.model,
        charges.token_type,
        charges.tier,
        charges.provider_project,
        sum(charges.reported_cost_usd) as billed_cost_usd
    from {{ ref('int_charges__unioned') }} as charges
    where
        charges.charge_category <> 'usage'
        and not {{ is_provisional('charges.observed_at', 'charges.charge_date') }}
        and {{ is_touched('charges.charge_date') }}
    group by
        charges.charge_date, charges.connection_id, charges.provider, charges.charge_category, charges.model, charges.token_type,
        charges.tier, charges.provider_project

)

select
    {{ surrogate_key(['usage_rows.cell_id', 'usage_rows.group_id']) }} as attributed_cost_id,
    usage_rows.cell_id,
    cells.cell_date as cost_date,
    cells.connection_id,
    cells.provider,
    'usage' as charge_category,
    usage_rows.allocation,
    cells.model,
    cells.token_type,
    cells.tier,
    {% for column in group_columns %}
    metered.{{ column }},
    {% endfor %}
    coalesce(metered.provider_project, cells.provider_project) as provider_project,
    usage_rows.metered_quantity,
    usage_rows.metered_cost_usd,
    usage_rows.billed_cost_usd,
    usage_rows.estimated_usd,
    usage_rows.is_estimated,
    not cells.is_billed as is_provisional
from usage_rows
inner join {{ ref('int_cells__measured') }} as cells on cells.cell_id = usage_rows.cell_id
left join metered on metered.group_id = usage_rows.group_id

union all

select
    {{ surrogate_key(['charge_date', 'connection_id', 'charge_category', 'model', 'token_type', 'tier', 'provider_project']) }},
    null,
    charge_date,
    connection_id,
    provider,
    charge_category,
    case when charge_category = 'credit' then 'credits' else 'other' end,
    model,
    token_type,
    tier,
    {% for column in group_columns %}
    null,
    {% endfor %}
    provider_project,
    null,
    null,
    cast(billed_cost_usd as {{ type_money() }}),
    null,
    false,
    false
from other_charges
