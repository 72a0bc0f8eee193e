select
    ---------- ids
    row_id,
    connection_id,
    project_id,
    api_key_id,
    user_id,

    ---------- what was used
    day as usage_date,
    model as model_name,
    batch as is_batch,
    service_tier,

    ---------- disjoint tokens: cached and written ones are inside input_tokens, audio and images inside their totals
    coalesce(
        input_uncached_tokens, input_tokens - coalesce(input_cached_tokens, 0) - coalesce(input_cache_write_tokens, 0)
    ) - coalesce(input_audio_tokens, 0) - coalesce(input_image_tokens, 0) as input,
    input_cached_tokens as cache_read,
    input_cache_write_tokens as cache_write_5m,
    input_audio_tokens as audio_input,
    input_image_tokens as image_input,
    output_tokens - coalesce(output_audio_tokens, 0) - coalesce(output_image_tokens, 0) as output,
    output_audio_tokens as audio_output,
    output_image_tokens as image_output,
    num_model_requests as requests,

    ---------- times
    observed_at
from ({{ current_rows('openai', 'usage_completions') }}) as usage_rows
