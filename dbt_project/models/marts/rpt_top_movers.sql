{# The seven days before the newest one that has any cost, which is not over, against the seven before them. #}
{% set dimensions = {
    'connection': 'connection_id', 'provider': 'provider', 'model': 'model', 'project': 'provider_project', 'customer': 'customer',
    'product': 'product', 'agent': 'agent', 'business_unit': 'business_unit'
} %}

with newest as (

    select max(cost_date) as newest_date
    from {{ ref('fct_attributed_costs') }}

),

costs as (

    select
        costs.*,
        coalesce(costs.billed_cost_usd, costs.estimated_usd) as spend_usd,
        costs.cost_date >= {{ dbt.dateadd('day', -7, 'newest.newest_date') }} as is_recent
    from {{ ref('fct_attributed_costs') }} as costs
    cross join newest
    where
        costs.charge_category = 'usage'
        and costs.cost_date < newest.newest_date
        and costs.cost_date >= {{ dbt.dateadd('day', -14, 'newest.newest_date') }}

),

sums as (

    {% for dimension, column in dimensions.items() %}
    select
        '{{ dimension }}' as dimension,
        {{ column }} as member,
        sum(case when is_recent then spend_usd end) as spend_usd,
        sum(case when not is_recent then spend_usd end) as former_spend_usd
    from costs
    group by {{ column }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

changes as (

    select
        *,
        coalesce(spend_usd, 0) - coalesce(former_spend_usd, 0) as change_usd
    from sums

)

select
    {{ surrogate_key(['dimension', 'member']) }} as mover_id,
    dimension,
    member,
    cast({{ dbt.dateadd('day', -7, 'newest.newest_date') }} as date) as first_date,
    cast({{ dbt.dateadd('day', -1, 'newest.newest_date') }} as date) as last_date,
    cast(spend_usd as {{ type_money() }}) as spend_usd,
    cast(former_spend_usd as {{ type_money() }}) as former_spend_usd,
    cast(change_usd as {{ type_money() }}) as change_usd,
    {{ as_share(ten_thousandths(money_to_units('change_usd'), money_to_units('former_spend_usd'))) }} as change_share,
    row_number() over (partition by dimension order by abs(change_usd) desc, member) as mover_rank
from changes
cross join newest
