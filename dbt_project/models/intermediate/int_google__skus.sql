{# What a SKU's text says ("Gemini 2.5 Pro Input Text Caching (Long)", "Generate content input token count gemini 3.7 flash image
   flex caching"): its words are looked for one by one. A text without a direction of tokens is `unmapped`. #}
{% set words = {
    'input': ['input'],
    'output': ['output'],
    'cached': ['caching', 'cached', 'cache hit', 'cache read'],
    'cache_write': ['cache write'],
    'one_hour': ['1h', '1 hour'],
    'storage': ['storage'],
    'grounding': ['grounding'],
    'provisioned': ['provisioned throughput'],
    'batch': ['batch'],
    'flex': ['flex'],
    'priority': ['priority'],
    'long': ['long'],
    'global': ['global'],
} %}

with skus as (

    select distinct
        service_description,
        sku_description
    from {{ ref('stg_google__costs') }}
    where sku_description is not null

),

spelled as (

    select
        *,
        ' ' || {{ replace_matches('lower(sku_description)', '[^a-z0-9.]+', ' ') }} || ' ' as name,
        ' ' || {{ replace_matches("lower(coalesce(service_description, ''))", '[^a-z0-9.]+', ' ') }} || ' ' as service_name
    from skus

),

read_words as (

    select
        *,
        {% for kind, spellings in words.items() %}
        {{ has_word('name', spellings) }} as is_{{ kind }},
        {% endfor %}
        {{ first_match('name', ' (text|audio|image|video) ', 1) }} as modality
    from spelled

)

select
    service_description,
    sku_description,
    coalesce(nullif({{ google_model_in_words('name') }}, ''), nullif({{ google_model_in_words('service_name') }}, '')) as model_name,
    case
        when is_provisioned then 'provisioned_throughput'
        when is_storage and is_cached then 'cache_storage'
        when is_grounding then 'web_searches'
        when is_cache_write and is_one_hour then 'cache_write_1h'
        when is_cache_write then 'cache_write_5m'
        when is_cached and not is_output then 'cache_read'
        when is_input and is_output then 'unmapped'
        when is_input and modality in ('', 'text') then 'input'
        when is_input then modality || '_input'
        when is_output and modality in ('', 'text') then 'output'
        when is_output then modality || '_output'
        else 'unmapped'
    end as token_type,
    case
        when is_batch then 'batch'
        when is_priority then 'priority'
        when is_flex then 'flex'
        else 'standard'
    end as tier,
    nullif(modality, '') as modality,
    case when is_long then 'long' else 'short' end as context_window,
    case when is_global then 'global' end as routing
from read_words
