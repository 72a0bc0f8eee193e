{# The money of every version of every billed day, the former ones too: raw tables keep the rows of each. #}
{% set bills = [] %}
{% for provider in providers() if 'charges' in provider.conforms %}
{% for bill in provider.bills %}
{% do bills.append(dict(bill, provider=provider.name)) %}
{% endfor %}
{% endfor %}

{% for bill in bills %}
select
    '{{ bill.provider }}' as provider,
    versions.connection_id,
    versions.report,
    versions.day as charge_date,
    versions.content_hash,
    {% if bill.is_cumulative %}
    cast(null as {{ type_money() }}) as reported_cost_usd,
    {% else %}
    cast(coalesce(sums.amount_usd, 0) as {{ type_money() }}) as reported_cost_usd,
    {% endif %}
    coalesce(sums.line_count, 0) as line_count,
    versions.observed_from,
    versions.observed_to,
    versions.last_observed_at,
    versions.is_current
from {{ ref('stg_' ~ bill.provider ~ '__day_versions') }} as versions
left join (
    select
        connection_id,
        day,
        content_hash,
        count(*) as line_count,
        sum({{ 'cast(null as ' ~ type_money() ~ ')' if bill.is_cumulative else money_from_cents_text(bill.amount) if bill.in_cents else 'cast(' ~ bill.amount ~ ' as ' ~ type_money() ~ ')' }}) as amount_usd
    from {{ raw_table(bill.provider, bill.report) }} as lines
    {% if bill.where %}where {{ bill.where }}{% endif %}
    group by connection_id, day, content_hash
) as sums
    on sums.connection_id = versions.connection_id and sums.day = versions.day and sums.content_hash = versions.content_hash
where versions.report = '{{ bill.report }}'
{{ 'union all' if not loop.last }}
{% endfor %}
