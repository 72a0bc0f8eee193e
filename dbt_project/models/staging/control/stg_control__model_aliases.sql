select
    provider,
    alias,
    model
from {{ raw_table('control', 'model_aliases') }} as model_aliases
