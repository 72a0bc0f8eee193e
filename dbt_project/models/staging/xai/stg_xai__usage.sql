select
    ---------- ids
    row_id as charge_id,
    connection_id,

    ---------- what was billed
    day as charge_date,
    description,
    {# a description that is a model's name and nothing more; every other one is not understood #}
    case when lower(trim(description)) like 'grok-%' and trim(description) not like '% %' then trim(description) end as model_name,

    ---------- amounts
    {{ money_from_text('usd') }} as amount_usd,

    ---------- times
    observed_at
from ({{ current_rows('xai', 'usage') }}) as usage_rows
