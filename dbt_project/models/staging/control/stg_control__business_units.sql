select
    business_unit,
    name as business_unit_name,
    parent as parent_business_unit,
    level_number,
    level_1,
    level_2,
    level_3,
    level_4,
    valid_from,
    valid_to
from {{ raw_table('control', 'business_units') }} as business_units
