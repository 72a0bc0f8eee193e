{% set columns = ['provider', 'model', 'tier', 'region', 'token_type', 'above_input_tokens', 'valid_from', 'valid_to', 'unit_price_usd'] %}

with listed as (
    select {{ columns | join(', ') }}, hours
    from {{ ref('stg_control__listed_prices') }}

    union all

    select {{ columns | join(', ') }}, hours
    from {{ ref('price_book') }}
    where not exists (select 1 from {{ ref('stg_control__listed_prices') }})
)

select {{ columns | join(', ') }}
from listed
-- A bill does not say at which hour a call was made: a model whose price depends on it has no list price here.
where not exists (
    select 1
    from listed as by_hour
    where by_hour.hours is not null
        and by_hour.provider = listed.provider
        and by_hour.model = listed.model
        and by_hour.tier = listed.tier
)
