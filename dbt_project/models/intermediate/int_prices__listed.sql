{% set columns = ['provider', 'model', 'tier', 'region', 'token_type', 'above_input_tokens', 'valid_from', 'valid_to', 'unit_price_usd'] %}

select {{ columns | join(', ') }}
from {{ ref('stg_control__listed_prices') }}

union all

select {{ columns | join(', ') }}
from {{ ref('price_book') }}
where not exists (select 1 from {{ ref('stg_control__listed_prices') }})
