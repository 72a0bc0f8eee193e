{% set kept = [
    'row_id', 'connection_id', 'project_id', 'api_key_id', 'user_id', 'usage_date', 'model_name', 'observed_at'
] %}

with completions as (

    select
        *,
        case when is_batch then 'batch' else coalesce(service_tier, 'default') end as tier_name
    from {{ ref('stg_openai__usage_completions') }}

),

embeddings as (

    select *, 'default' as tier_name
    from {{ ref('stg_openai__usage_embeddings') }}

),

web_search_calls as (

    select *, 'default' as tier_name
    from {{ ref('stg_openai__usage_web_search_calls') }}

),

quantities as (

    {{ unpivot('completions', kept + ['tier_name'], [
        'input', 'cache_read', 'cache_write_5m', 'audio_input', 'image_input', 'output', 'audio_output', 'image_output', 'requests'
    ]) }}
    union all
    {{ unpivot('embeddings', kept + ['tier_name'], ['input', 'requests']) }}
    union all
    {{ unpivot('web_search_calls', kept + ['tier_name'], ['web_searches']) }}

)

select
    {{ surrogate_key(['quantities.row_id', 'quantities.token_type']) }} as usage_id,
    quantities.connection_id,
    'openai' as provider,
    quantities.usage_date,
    {{ canonical_model('quantities.model_name') }} as model,
    quantities.token_type,
    coalesce(tiers.tier, 'unknown') as tier,
    quantities.project_id as provider_project,
    quantities.api_key_id as provider_key,
    quantities.user_id as provider_user,
    quantities.quantity,
    quantities.observed_at
from quantities
left join {{ ref('service_tiers') }} as tiers
    on tiers.provider = 'openai' and tiers.name = quantities.tier_name
{{ join_model_aliases("'openai'", 'quantities.model_name') }}
