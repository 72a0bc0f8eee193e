select
    position,
    name,
    source,
    budget
from {{ raw_table('control', 'budgets') }} as budgets
