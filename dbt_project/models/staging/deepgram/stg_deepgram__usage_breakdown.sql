select
    row_id,
    connection_id,
    project_id,
    day as usage_date,
    grouping_models as model_name,
    cast({{ dbt.safe_cast('hours', 'decimal(30, 10)') }} * 3600 as {{ type_quantity() }}) as audio_seconds,
    tokens_in as input,
    tokens_out as output,
    tts_characters as characters,
    requests,
    observed_at
from ({{ current_rows('deepgram', 'usage_breakdown') }}) as breakdown
