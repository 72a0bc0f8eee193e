select
    position,
    name,
    rule
from {{ raw_table('control', 'tagging_rules') }} as tagging_rules
