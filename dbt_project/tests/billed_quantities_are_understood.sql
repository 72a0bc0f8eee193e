{{ config(severity='warn') }}

{# A quantity that is no number, or in a unit nobody knows, counts as unknown: the cost is shared by list cost then. #}
select charge_id
from {{ ref('stg_openai__costs') }} as charges
where charges.quantity_value is not null and charges.quantity is null
    and exists (
        select 1 from {{ raw_table('openai', 'costs') }} as costs
        where costs.row_id = charges.charge_id and costs.quantity_unit is not null
    )
