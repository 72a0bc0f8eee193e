with seen as (

    select provider from {{ ref('providers') }}
    union
    select provider from {{ ref('stg_control__connections') }}
    union
    select provider from {{ ref('int_events__deduplicated') }}

)

select
    seen.provider,
    coalesce(names.provider_name, seen.provider) as provider_name,
    names.service_name
from seen
left join {{ ref('providers') }} as names on names.provider = seen.provider
