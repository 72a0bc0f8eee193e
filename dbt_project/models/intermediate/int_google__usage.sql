{% set identity = ['connection_id', 'usage_date', 'model', 'token_type', 'tier', 'provider_project'] %}

with billed as (

    select
        connection_id,
        charge_date as usage_date,
        model,
        token_type,
        tier,
        provider_project,
        sum(quantity) as quantity,
        max(observed_at) as observed_at
    from {{ ref('int_google__charges') }}
    where charge_category = 'usage' and quantity is not null
    group by connection_id, charge_date, model, token_type, tier, provider_project

),

{# Monitoring counts input with what was read from a cache, and tells no tier: `input_gross`, beside the disjoint buckets. #}
counted as (

    select
        metrics.connection_id,
        metrics.usage_date,
        {{ canonical_model('metrics.model_name') }} as model,
        case metrics.direction when 'input' then 'input_gross' when 'output' then 'output' else 'unmapped' end as token_type,
        'unknown' as tier,
        metrics.project_id as provider_project,
        sum(metrics.quantity) as quantity,
        max(metrics.observed_at) as observed_at
    from {{ ref('stg_google__token_metrics') }} as metrics
    {{ join_model_aliases("'google'", 'metrics.model_name') }}
    group by 1, 2, 3, 4, 5, 6

),

{# Where the bill tells a model's tokens of a day, Monitoring's count is the same traffic again. #}
chosen as (

    select * from billed
    union all
    select counted.*
    from counted
    left join (select distinct connection_id, usage_date, model, provider_project from billed) as told
        on told.connection_id = counted.connection_id
        and told.usage_date = counted.usage_date
        and told.model = counted.model
        and told.provider_project = counted.provider_project
    where told.connection_id is null

)

select
    {{ surrogate_key(["'google'"] + identity) }} as usage_id,
    connection_id,
    'google' as provider,
    usage_date,
    model,
    token_type,
    tier,
    provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    cast(quantity as {{ type_quantity() }}) as quantity,
    observed_at
from chosen
