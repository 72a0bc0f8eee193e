{# What a meter's name says ("gpt 4o 0806 cached Inp glbl Tokens", "5.4 opt Dz 1M Tokens"): known words are read and taken out,
   and what remains is the model. A name without a direction of tokens, or without a model, is `unmapped`. #}
{% set words = {
    'input': ['inp', 'inpt', 'input', 'in'],
    'output': ['outp', 'outpt', 'output', 'opt', 'out'],
    'cached': ['cached', 'cchd', 'cd'],
    'cache_write': ['cache write', 'cache wr', 'cachewr', 'cchwr', 'cchw'],
    'global': ['glbl', 'global', 'gl'],
    'data_zone': ['dz', 'dzone', 'datazone', 'data zone'],
    'regional': ['regnl', 'rgnl', 'regional'],
    'batch': ['batch'],
    'priority': ['pp', 'prty', 'priority'],
    'flex': ['flex'],
    'provisioned': ['ptu', 'provisioned'],
    'long': ['longco'],
    'short': ['shortco'],
    'thousand': ['1k'],
    'million': ['1m'],
    'noise': ['tokens', 'token'],
} %}
{% set digits = "('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')" %}

with meters as (

    select meter from {{ ref('stg_azure_openai__costs') }}
    union
    select meter from {{ ref('stg_azure_openai__charge_types') }}

),

spelled as (

    select
        meter,
        ' ' || replace(lower(trim(meter)), '-', ' ') || ' ' as name
    from meters
    where meter is not null

),

read_words as (

    select
        meter,
        {% for kind, spellings in words.items() %}
        {{ has_word('name', spellings) }} as is_{{ kind }},
        {% endfor %}
        trim({{ without_words('name', words.values() | sum(start=[])) }}) as rest
    from spelled

),

typed as (

    select
        *,
        {# a date like 0806 ends the name of some models #}
        replace(regexp_replace(rest, ' [0-9]{4}$', ''), ' ', '-') as short_model_name,
        case
            when is_provisioned then 'provisioned_throughput'
            when rest = '' or is_input and is_output then 'unmapped'
            when is_cache_write and not is_output then 'cache_write_5m'
            when is_input and is_cached then 'cache_read'
            when is_input then 'input'
            when is_output and not is_cached then 'output'
            else 'unmapped'
        end as token_type
    from read_words

)

select
    meter,
    {# Azure leaves the family out of some names: "5.5" is GPT, "V4 Pro" DeepSeek #}
    case
        when token_type in ('unmapped', 'provisioned_throughput') then null
        when substr(short_model_name, 1, 1) in {{ digits }} then 'gpt-' || short_model_name
        when substr(short_model_name, 1, 1) = 'v' and substr(short_model_name, 2, 1) in {{ digits }} then 'deepseek-' || short_model_name
        else short_model_name
    end as model_name,
    token_type,
    case
        when is_batch then 'batch'
        when is_priority then 'priority'
        when is_flex then 'flex'
        else 'standard'
    end as tier,
    case when is_global then 'global' when is_data_zone then 'data_zone' when is_regional then 'regional' end as routing,
    case when is_long then 'long' when is_short then 'short' end as context_window,
    case when is_million then '1M' when is_thousand then '1K' end as named_unit
from typed
