{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'cell_date'}) }}

{% set cell = ['cell_id', 'connection_id', 'provider', 'cell_date', 'model', 'token_type', 'tier', 'is_by_project', 'provider_project'] %}

with sums as (

    select
        {{ cell | join(',\n        ') }},
        sum(case when entry_kind = 'charge' then 1 else 0 end) as charge_count,
        sum(case when entry_kind = 'charge' and quantity is null then 1 else 0 end) as charge_without_quantity_count,
        sum(case when entry_kind = 'charge' and cost_usd is null then 1 else 0 end) as charge_without_cost_count,
        sum(case when entry_kind = 'metered' then 1 else 0 end) as metered_group_count,
        sum(case when entry_kind = 'charge' then cost_usd end) as reported_cost_usd,
        sum(case when entry_kind = 'charge' then quantity end) as charged_quantity,
        sum(case when entry_kind = 'usage' then quantity end) as usage_quantity,
        coalesce(sum(case when entry_kind = 'metered' then quantity end), 0) as metered_quantity,
        coalesce(sum(case when entry_kind = 'metered' then priced_quantity end), 0) as priced_quantity,
        sum(case when entry_kind = 'metered' then cost_usd end) as estimated_usd
    from {{ ref('int_cells__entries') }}
    where {{ is_touched('cell_date') }}
    group by {{ cell | join(', ') }}

),

billed as (

    select
        sums.*,
        days.billing_date is not null as is_billed,
        case when days.billing_date is not null then coalesce(sums.reported_cost_usd, 0) end as billed_cost_usd,
        case
            when days.billing_date is null then null
            when sums.charge_count = 0 then 0
            when sums.charge_without_quantity_count = 0 then sums.charged_quantity
            else sums.usage_quantity
        end as quantity_of_bill
    from sums
    left join {{ ref('int_billing_days__unioned') }} as days
        on days.connection_id = sums.connection_id
        and days.billing_date = sums.cell_date
        and not {{ is_provisional('days.observed_at', 'days.billing_date') }}
        {# a bill whose every line is of unknown cost is no bill of 0 #}
        and (sums.charge_count = 0 or sums.charge_without_cost_count < sums.charge_count)
    where sums.charge_count > 0 or sums.metered_group_count > 0

)

select
    {{ cell | join(',\n    ') }},
    is_billed,
    cast(reported_cost_usd as {{ type_money() }}) as reported_cost_usd,
    cast(billed_cost_usd as {{ type_money() }}) as billed_cost_usd,
    cast(estimated_usd as {{ type_money() }}) as estimated_usd,
    cast(coalesce(estimated_usd, 0) as {{ type_money() }}) as metered_cost_usd,
    {# a cost without any quantity, billed or metered, has no unit price: its quantity counts as unknown #}
    cast(
        case
            when quantity_of_bill = 0 and billed_cost_usd <> 0 then null
            when quantity_of_bill = 0 and priced_quantity = 0 and coalesce(estimated_usd, 0) <> 0 then null
            else quantity_of_bill
        end as {{ type_quantity() }}
    ) as billed_quantity,
    cast(usage_quantity as {{ type_quantity() }}) as usage_quantity,
    cast(metered_quantity as {{ type_quantity() }}) as metered_quantity,
    cast(priced_quantity as {{ type_quantity() }}) as priced_quantity,
    metered_group_count
from billed
