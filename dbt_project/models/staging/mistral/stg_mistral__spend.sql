{# What a day added to its month: the last snapshot of the day less the one before it in the same month. #}
{% set snapshots_before = 'partition by spend.connection_id, spend.month, spend.category order by spend.day' %}
select
    ---------- ids
    spend.row_id as charge_id,
    spend.connection_id,

    ---------- what was billed
    spend.day as charge_date,
    coalesce(
        cast({{ dbt.dateadd('day', 1, 'lag(spend.day) over (' ~ snapshots_before ~ ')') }} as date),
        cast(spend.month || '-01' as date)
    ) as covers_from_date,
    spend.month,
    spend.category,

    ---------- amounts
    spend.total_usage as month_to_date_value,
    upper(spend.currency) as billing_currency,
    case when upper(spend.currency) = 'USD' then {{ added_in_month('spend') }} end as amount_usd,

    ---------- times
    versions.last_observed_at as observed_at
from {{ raw_table('mistral', 'spend') }} as spend
inner join {{ ref('stg_mistral__day_versions') }} as versions
    on versions.connection_id = spend.connection_id
    and versions.day = spend.day
    and versions.content_hash = spend.content_hash
where versions.report = 'spend' and versions.is_current
