{# Per connection and day: what raw holds as its newest version, staging, the union and the mart (fct_charges, or
   fct_gateway_costs for what is no bill) are the same money. #}
with newest as (

    {% for bill in billed_reports() %}
    select '{{ bill.provider }} {{ bill.report }}' as bill, connection_id, day, content_hash
    from {{ raw_table(bill.provider, 'pulled_days') }} as pulls
    where
        report = '{{ bill.report }}'
        and connection_id in (select connections.connection_id from {{ ref('stg_control__connections') }} as connections)
        and not exists (
            select 1
            from {{ raw_table(bill.provider, 'pulled_days') }} as later
            where
                later.report = '{{ bill.report }}'
                and later.connection_id = pulls.connection_id
                and later.day = pulls.day
                and later.pull_id > pulls.pull_id
        )
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

layers as (

    {% for bill in billed_reports() %}
    select
        'raw' as layer,
        newest.connection_id,
        newest.day,
        {{ money_from_cents_text(bill.amount) if bill.in_cents else 'cast(' ~ bill.amount ~ ' as ' ~ type_money() ~ ')' }} as amount_usd
    from newest
    inner join {{ raw_table(bill.provider, bill.report) }} as lines
        on lines.connection_id = newest.connection_id and lines.day = newest.day and lines.content_hash = newest.content_hash
    where newest.bill = '{{ bill.provider }} {{ bill.report }}'{% if bill.where %} and {{ bill.where }}{% endif %}
    union all
    select 'staging', connection_id, {{ bill.staged_date or 'charge_date' }}, {{ bill.staged_amount or 'amount_usd' }}
    from {{ ref('stg_' ~ bill.provider ~ '__' ~ bill.report) }}
    {% if bill.staged_where %}where {{ bill.staged_where }}{% endif %}
    union all
    {% endfor %}
    select 'intermediate', connection_id, charge_date, reported_cost_usd from {{ ref('int_charges__unioned') }}
    union all
    select 'intermediate', connection_id, cost_date, estimated_cost_usd from {{ ref('int_gateway_costs__unioned') }}
    union all
    select 'marts', connection_id, charge_date, reported_cost_usd from {{ ref('fct_charges') }}
    union all
    select 'marts', connection_id, cost_date, estimated_cost_usd from {{ ref('fct_gateway_costs') }}

),

sums as (

    select
        connection_id,
        day,
        layer,
        count(*) as line_count,
        sum(amount_usd) as amount_usd
    from layers
    group by connection_id, day, layer

)

select
    connection_id,
    day
from sums
group by connection_id, day
having count(*) <> 4 or min(line_count) <> max(line_count) or min(amount_usd) <> max(amount_usd)
