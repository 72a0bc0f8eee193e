-- depends_on: {{ ref('fct_transactions') }}, {{ ref('fct_attributed_costs') }}
{% set budgets = budgets() %}
{% set by_day = ['budget_name', 'source', 'amount_usd', 'period', 'timezone', 'group_key', 'local_date'] %}
{% set series = 'budget_name, group_key, period_start_date' %}

with spent as (

    {% for budget in budgets %}
    {% set timezone = sql_string(budget.timezone) %}
    {% set is_billed = budget.source == 'billed' %}
    select
        {{ sql_string(budget.name) }} as budget_name,
        '{{ budget.source }}' as source,
        cast('{{ budget.amount }}' as {{ type_money() }}) as amount_usd,
        '{{ budget.period }}' as period,
        {{ timezone }} as timezone,
        {{ budget_group(budget) }} as group_key,
        {{ 'cost_date' if is_billed else 'cast(' ~ local_time('started_at', timezone) ~ ' as date)' }} as local_date,
        {{ 'billed_cost_usd' if is_billed else 'cost_usd' }} as cost_usd,
        {{ '0' if is_billed else "case when cost_status = 'unpriced' then 1 else 0 end" }} as is_unpriced
    from {{ ref('fct_attributed_costs') if is_billed else ref('fct_transactions') }}
    where {{ budget_counts(budget) }}{{ ' and billed_cost_usd is not null' if is_billed }}
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as budget_name,
        cast(null as {{ dbt.type_string() }}) as source,
        cast(null as {{ type_money() }}) as amount_usd,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as {{ dbt.type_string() }}) as timezone,
        cast(null as {{ dbt.type_string() }}) as group_key,
        cast(null as date) as local_date,
        cast(null as {{ type_money() }}) as cost_usd,
        0 as is_unpriced
    from {{ ref('fct_transactions') }}
    where false
    {% endfor %}

),

days as (

    select
        {{ by_day | join(', ') }},
        sum(cost_usd) as used_usd,
        sum(is_unpriced) as unpriced_count
    from spent
    group by {{ by_day | join(', ') }}

),

placed as (

    select
        *,
        {{ moment_of('max(local_date) over (partition by budget_name) + 1', 'timezone') }} as bills_end_at,
        min(local_date) over (partition by budget_name, group_key) as first_date,
        cast(date_trunc(period, local_date) as date) as period_start_date,
        cast(date_trunc(period, local_date) + case period
            when 'day' then interval '1' day
            when 'week' then interval '7' day
            when 'month' then interval '1' month
            else interval '3' month
        end as date) as period_end_date
    from days

),

periods as (

    select
        budget_name,
        source,
        amount_usd,
        period,
        timezone,
        group_key,
        period_start_date,
        period_end_date,
        first_date,
        {{ moment_of('period_start_date', 'timezone') }} as period_started_at,
        {{ moment_of('period_end_date', 'timezone') }} as period_ends_at,
        case when source = 'billed' then least(bills_end_at, {{ now() }}) else {{ now() }} end as known_until,
        cast(coalesce(sum(used_usd), 0) as {{ type_money() }}) as used_usd,
        cast(sum(unpriced_count) as {{ dbt.type_bigint() }}) as unpriced_count
    from placed
    group by
        budget_name, source, amount_usd, period, timezone, group_key, period_start_date, period_end_date, first_date,
        bills_end_at

),

timed as (

    select
        *,
        {{ now() }} < period_ends_at as is_current,
        {{ money_to_units('amount_usd') }} as amount,
        {{ money_to_units('used_usd') }} as used,
        {{ dbt.datediff('period_started_at', 'period_ends_at', 'second') }} as whole_seconds,
        greatest(0, {{ dbt.datediff('period_started_at', 'least(known_until, period_ends_at)', 'second') }}) as gone_seconds,
        cast({{ local_time('least(known_until, period_ends_at)', 'timezone') }} as date) as known_date,
        {{ local_time('least(known_until, period_ends_at)', 'timezone') }} as known_local
    from periods

),

weekdays as (

    select
        timed.budget_name,
        timed.group_key,
        timed.period_start_date,
        extract(isodow from placed.local_date) as day_of_week,
        greatest(0, sum({{ money_to_units('placed.used_usd') }})) as spent
    from timed
    inner join placed
        on placed.budget_name = timed.budget_name
        and placed.group_key = timed.group_key
        and placed.local_date < timed.period_start_date
        and placed.local_date >= timed.period_start_date - 28
    where timed.is_current and timed.first_date <= timed.period_start_date - 28
    group by timed.budget_name, timed.group_key, timed.period_start_date, extract(isodow from placed.local_date)

),

weighed as (

    select
        *,
        {{ share_rounded('spent', '1000000', 'sum(spent) over (partition by ' ~ series ~ ')') }} as weight
    from weekdays
    where spent > 0

),

seasons as (

    select
        timed.budget_name,
        timed.group_key,
        timed.period_start_date,
        sum(weighed.weight * 86400 * {{ weekdays_among('weighed.day_of_week', 'extract(isodow from timed.period_start_date)', '(timed.period_end_date - timed.period_start_date)') }}) as whole_weight,
        sum(
            weighed.weight * 86400 * {{ weekdays_among('weighed.day_of_week', 'extract(isodow from timed.period_start_date)', '(timed.known_date - timed.period_start_date)') }}
            + case
                when extract(isodow from timed.known_date) = weighed.day_of_week
                    then weighed.weight * {{ dbt.datediff('cast(timed.known_date as timestamp)', 'timed.known_local', 'second') }}
                else 0
            end
        ) as gone_weight
    from timed
    inner join weighed
        on weighed.budget_name = timed.budget_name
        and weighed.group_key = timed.group_key
        and weighed.period_start_date = timed.period_start_date
    group by timed.budget_name, timed.group_key, timed.period_start_date

),

projected as (

    select
        timed.*,
        {{ share_rounded('timed.amount', 'timed.gone_seconds', 'timed.whole_seconds') }} as expected,
        case when timed.gone_seconds > 0 then {{ share_rounded('timed.used', 'timed.whole_seconds', 'timed.gone_seconds') }} end as projected_simple,
        case
            when not timed.is_current then timed.used
            when seasons.gone_weight > 0
                then {{ share_rounded('timed.used', 'cast(seasons.whole_weight as ' ~ type_wide_integer() ~ ')', 'cast(seasons.gone_weight as ' ~ type_wide_integer() ~ ')') }}
        end as projected_seasonal
    from timed
    left join seasons
        on seasons.budget_name = timed.budget_name
        and seasons.group_key = timed.group_key
        and seasons.period_start_date = timed.period_start_date

)

select
    {{ surrogate_key(['budget_name', 'period_start_date', 'group_key']) }} as budget_period_id,
    budget_name,
    source,
    period,
    timezone,
    group_key,
    period_started_at,
    period_ends_at,
    is_current,
    amount_usd,
    used_usd,
    {{ as_share(ten_thousandths('used * 100', 'amount')) }} as used_percent,
    cast({{ units_to_money('expected') }} as {{ type_money() }}) as expected_usd,
    cast({{ units_to_money('projected_simple') }} as {{ type_money() }}) as projected_simple_usd,
    cast({{ units_to_money('projected_seasonal') }} as {{ type_money() }}) as projected_seasonal_usd,
    least(known_until, period_ends_at) as known_until,
    unpriced_count,
    case
        when used >= amount then 'used up'
        when is_current and coalesce(projected_seasonal, projected_simple) > amount then 'at risk'
        else 'within'
    end as status
from projected
