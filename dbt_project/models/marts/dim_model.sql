with names as (

    select provider, model, cast(null as date) as billed_date, cast(null as date) as metered_date, 1 as alias_count from {{ ref('int_model_aliases__unioned') }}
    union all
    select provider, model, charge_date, null, 0 from {{ ref('int_charges__unioned') }}
    union all
    select provider, model, null, null, 0 from {{ ref('int_usage__unioned') }}
    union all
    select provider, model, null, max(event_date), 0 from {{ ref('fct_transactions') }} group by provider, model

),

priced as (

    select provider, model from {{ ref('price_book') }}
    union
    select provider, model from {{ ref('stg_control__prices') }}
    where superseded_at is null

)

select
    {{ surrogate_key(['names.provider', 'names.model']) }} as model_id,
    names.provider,
    names.model,
    cast(sum(names.alias_count) as bigint) as alias_count,
    count(priced.model) > 0 as is_priced,
    cast(max(names.billed_date) as date) as last_billed_date,
    cast(max(names.metered_date) as date) as last_metered_date
from names
left join priced on priced.provider = names.provider and priced.model = names.model
where names.model is not null
group by names.provider, names.model
