select
    connection_id,
    file as file_name,
    billed_provider,
    size_bytes,
    cast(modified_at as timestamp with time zone) as modified_at,
    observed_at
from {{ raw_table('file', 'files') }} as files
