{# Per connection and day: what raw holds as its newest version, staging, the union and the mart (fct_charges, or
   fct_gateway_costs for what is no bill) are the same money. #}
{% set bills = [
    ('openai', 'costs'),
    ('anthropic', 'cost_report'),
    ('aws_bedrock', 'costs'),
    ('azure_openai', 'costs'),
    ('azure_openai', 'charge_types'),
    ('openrouter', 'activity'),
    ('litellm', 'daily_activity'),
] %}

with newest as (

    {% for provider, report in bills %}
    select '{{ provider }} {{ report }}' as bill, connection_id, day, content_hash
    from {{ raw_table(provider, 'pulled_days') }} as pulls
    where
        report = '{{ report }}'
        and connection_id in (select connections.connection_id from {{ ref('stg_control__connections') }} as connections)
        and not exists (
            select 1
            from {{ raw_table(provider, 'pulled_days') }} as later
            where
                later.report = '{{ report }}'
                and later.connection_id = pulls.connection_id
                and later.day = pulls.day
                and (
                    later.observed_at > pulls.observed_at
                    or (later.observed_at = pulls.observed_at and later.pull_id > pulls.pull_id)
                )
        )
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

layers as (

    select 'raw' as layer, newest.connection_id, newest.day, cast(costs.amount_value as {{ type_money() }}) as amount_usd
    from newest
    inner join {{ raw_table('openai', 'costs') }} as costs
        on costs.connection_id = newest.connection_id and costs.day = newest.day and costs.content_hash = newest.content_hash
    where newest.bill = 'openai costs' and costs.amount_value is not null
    union all
    select 'raw', newest.connection_id, newest.day, {{ money_from_cents_text('report.amount') }}
    from newest
    inner join {{ raw_table('anthropic', 'cost_report') }} as report
        on report.connection_id = newest.connection_id and report.day = newest.day and report.content_hash = newest.content_hash
    where newest.bill = 'anthropic cost_report' and report.amount is not null
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_openai__costs') }}
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_anthropic__cost_report') }}
    union all
    select 'raw', newest.connection_id, newest.day, cast(costs.unblended_cost_amount as {{ type_money() }})
    from newest
    inner join {{ raw_table('aws_bedrock', 'costs') }} as costs
        on costs.connection_id = newest.connection_id and costs.day = newest.day and costs.content_hash = newest.content_hash
    where newest.bill = 'aws_bedrock costs' and costs.unblended_cost_amount is not null
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_aws_bedrock__costs') }}
    union all
    select 'raw', newest.connection_id, newest.day, cast(coalesce(lines.cost_usd, lines.cost) as {{ type_money() }})
    from newest
    inner join {{ raw_table('azure_openai', 'costs') }} as lines
        on lines.connection_id = newest.connection_id and lines.day = newest.day and lines.content_hash = newest.content_hash
    where newest.bill = 'azure_openai costs'
    union all
    select 'raw', newest.connection_id, newest.day, cast(coalesce(lines.cost_usd, lines.cost) as {{ type_money() }})
    from newest
    inner join {{ raw_table('azure_openai', 'charge_types') }} as lines
        on lines.connection_id = newest.connection_id and lines.day = newest.day and lines.content_hash = newest.content_hash
    where newest.bill = 'azure_openai charge_types' and coalesce(lower(lines.charge_type), '') <> 'usage'
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_azure_openai__costs') }}
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_azure_openai__charge_types') }}
    where charge_category <> 'usage'
    union all
    select 'raw', newest.connection_id, newest.day, cast(lines.usage as {{ type_money() }})
    from newest
    inner join {{ raw_table('openrouter', 'activity') }} as lines
        on lines.connection_id = newest.connection_id and lines.day = newest.day and lines.content_hash = newest.content_hash
    where newest.bill = 'openrouter activity' and lines.usage is not null
    union all
    select 'raw', newest.connection_id, newest.day, cast(lines.spend as {{ type_money() }})
    from newest
    inner join {{ raw_table('litellm', 'daily_activity') }} as lines
        on lines.connection_id = newest.connection_id and lines.day = newest.day and lines.content_hash = newest.content_hash
    where newest.bill = 'litellm daily_activity' and lines.spend is not null
    union all
    select 'staging', connection_id, charge_date, amount_usd from {{ ref('stg_openrouter__activity') }}
    union all
    select 'staging', connection_id, usage_date, spend_usd from {{ ref('stg_litellm__daily_activity') }}
    union all
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
