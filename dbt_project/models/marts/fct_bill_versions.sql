with numbered as (

    select
        *,
        {{ is_provisional('last_observed_at', 'charge_date') }} as is_provisional,
        row_number() over (partition by connection_id, report, charge_date order by observed_from, content_hash) as version_number
    from {{ ref('stg_bills__versions') }}

),

compared as (

    select
        *,
        lag(reported_cost_usd) over (partition by connection_id, report, charge_date order by version_number) as former_cost_usd,
        lag(is_provisional) over (partition by connection_id, report, charge_date order by version_number) as was_provisional
    from numbered

)

select
    {{ surrogate_key(['connection_id', 'report', 'charge_date', 'version_number']) }} as bill_version_id,
    connection_id,
    provider,
    report,
    charge_date,
    version_number,
    line_count,
    reported_cost_usd,
    former_cost_usd,
    cast(reported_cost_usd - former_cost_usd as {{ type_money() }}) as change_usd,
    is_provisional,
    coalesce(not was_provisional, false) as is_restatement,
    is_current,
    observed_from,
    observed_to
from compared
