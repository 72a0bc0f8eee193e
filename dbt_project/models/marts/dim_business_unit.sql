{# Units that nobody declared are placed by the `/` in their name. #}
with undeclared as (

    select distinct events.business_unit
    from {{ ref('fct_transactions') }} as events
    left join {{ ref('stg_control__business_units') }} as units on units.business_unit = events.business_unit
    where events.business_unit is not null and units.business_unit is null

),

parts as (

    select
        business_unit,
        1 + length(business_unit) - length(replace(business_unit, '/', '')) as level_number,
        {{ dbt.split_part('business_unit', "'/'", 1) }} as part_1,
        {{ dbt.split_part('business_unit', "'/'", 2) }} as part_2,
        {{ dbt.split_part('business_unit', "'/'", 3) }} as part_3,
        {{ dbt.split_part('business_unit', "'/'", 4) }} as part_4
    from undeclared

),

placed as (

    select
        business_unit,
        business_unit as business_unit_name,
        case when level_number > 1 then regexp_replace(business_unit, '/[^/]*$', '') end as parent_business_unit,
        level_number,
        part_1 as level_1,
        case when level_number >= 2 then part_1 || '/' || part_2 else business_unit end as level_2,
        case when level_number >= 3 then part_1 || '/' || part_2 || '/' || part_3 else business_unit end as level_3,
        case when level_number >= 4 then part_1 || '/' || part_2 || '/' || part_3 || '/' || part_4 else business_unit end as level_4,
        cast('0001-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to,
        false as is_declared
    from parts

    union all

    select
        business_unit,
        business_unit_name,
        parent_business_unit,
        level_number,
        level_1,
        level_2,
        level_3,
        level_4,
        valid_from,
        valid_to,
        true
    from {{ ref('stg_control__business_units') }}

)

select
    {{ surrogate_key(['business_unit', 'valid_from']) }} as business_unit_id,
    business_unit,
    business_unit_name,
    parent_business_unit,
    cast(level_number as bigint) as level_number,
    level_1,
    level_2,
    level_3,
    level_4,
    valid_from,
    valid_to,
    is_declared
from placed
