select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was used
    day as charge_date,
    upper(service_type) as service_type,
    {{ dbt.safe_cast('coalesce(credits_billed, credits_used)', 'decimal(20, 12)') }} as credits,

    ---------- amounts: only where the connection takes money from a price of credits
    credit_price is not null as is_priced,
    case
        when credit_price is not null
            then cast({{ snowflake_credit_cost('credits_billed', 'credits_used', 'credit_price') }} as {{ type_money() }})
    end as amount_usd,

    ---------- times
    observed_at
from ({{ current_rows('snowflake', 'metering_daily') }}) as metering_daily
