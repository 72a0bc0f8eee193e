select
    event_id,
    system_prompt,
    input_messages,
    output_text,
    prompts_truncated,
    received_at,
    file_url,
    file_line,
    content_hash,
    load_id,
    loaded_at
from {{ raw_table('metering', 'prompts') }} as prompts
