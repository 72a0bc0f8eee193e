{{ config(materialized='table') }}

{# The installation's names come first: what it says a name stands for holds on bills as it does for calls. #}
select provider, alias, model
from {{ ref('stg_control__model_aliases') }}

union all

select shipped.provider, shipped.alias, shipped.model
from {{ ref('model_aliases') }} as shipped
left join {{ ref('stg_control__model_aliases') }} as own on own.provider = shipped.provider and own.alias = shipped.alias
where own.alias is null
