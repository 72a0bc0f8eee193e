with bills as (

    select
        connection_id,
        billed_provider,
        row_number() over (partition by connection_id order by observed_at desc, file_name) as turn
    from {{ ref('stg_file__files') }}

)

select
    connections.connection_id,
    connections.connection_name,
    coalesce(bills.billed_provider, connections.provider) as provider
from {{ ref('stg_control__connections') }} as connections
left join bills on bills.connection_id = connections.connection_id and bills.turn = 1
