with billing_days as (

    {% for bill in billed_reports() | selectattr('closes_days', 'defined') %}
    select
        '{{ bill.provider }}' as provider,
        connection_id,
        day as billing_date,
        last_observed_at as observed_at
    from {{ ref('stg_' ~ bill.provider ~ '__day_versions') }}
    where report = '{{ bill.report }}' and is_current{% if bill.closes_where %} and {{ bill.closes_where }}{% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    provider,
    connection_id,
    billing_date,
    max(observed_at) as observed_at
from billing_days
group by provider, connection_id, billing_date
