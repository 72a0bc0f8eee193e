with seen as (

    select connection_id, provider, billing_date from {{ ref('int_billing_days__unioned') }}
    union all
    select connection_id, provider, null from {{ ref('int_connections__identifiers') }}

),

pulled as (

    select
        connection_id,
        min(provider) as provider,
        min(billing_date) as first_billing_date,
        max(billing_date) as last_billing_date
    from seen
    group by connection_id

)

select
    coalesce(connections.connection_id, pulled.connection_id) as connection_id,
    coalesce(connections.connection_name, pulled.connection_id) as connection_name,
    coalesce(connections.provider, pulled.provider) as provider,
    connections.account_id,
    connections.account_name,
    coalesce(connections.status, 'removed') as status,
    connections.reason,
    connections.next_step,
    connections.last_data_at,
    connections.last_sync_at,
    connections.created_at,
    pulled.first_billing_date,
    pulled.last_billing_date
from {{ ref('stg_control__connections') }} as connections
full outer join pulled on pulled.connection_id = connections.connection_id
