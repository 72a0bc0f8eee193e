{# Prompt tokens include cached ones and Azure does not say how many: `input_gross`, beside the disjoint buckets. #}
{% set token_types = {
    'ProcessedPromptTokens': 'input_gross',
    'InputTokens': 'input_gross',
    'GeneratedTokens': 'output',
    'OutputTokens': 'output',
    'AzureOpenAIRequests': 'requests',
    'ModelRequests': 'requests',
    'cacheReadInputTokens': 'cache_read',
    'ephemeral5mInputTokens': 'cache_write_5m',
    'ephemeral1hInputTokens': 'cache_write_1h',
} %}
{% set newer_metrics = ['InputTokens', 'OutputTokens', 'ModelRequests'] %}

with counted as (

    select
        connection_id,
        resource_id,
        account_name,
        usage_date,
        deployment_name,
        model_name,
        metric in ('{{ newer_metrics | join("', '") }}') as is_newer,
        case metric
            {% for metric, token_type in token_types.items() %}
            when '{{ metric }}' then '{{ token_type }}'
            {% endfor %}
            else 'unmapped'
        end as token_type,
        sum(quantity) as quantity,
        max(observed_at) as observed_at
    from {{ ref('stg_azure_openai__token_metrics') }}
    group by
        connection_id, resource_id, account_name, usage_date, deployment_name, model_name, is_newer, token_type

),

{# Newer accounts count the same traffic under two names: the newer one counts only where the other is silent. #}
chosen as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by connection_id, resource_id, usage_date, deployment_name, model_name, token_type order by is_newer
            ) as place
        from counted
    ) as ranked
    where place = 1

),

named as (

    select
        chosen.*,
        coalesce(chosen.model_name, deployments.model_name) as known_model_name,
        coalesce(tiers.tier, 'unknown') as tier
    from chosen
    left join {{ ref('stg_azure_openai__deployments') }} as deployments
        on deployments.connection_id = chosen.connection_id
        and deployments.resource_id = chosen.resource_id
        and deployments.deployment_name = chosen.deployment_name
    left join {{ ref('service_tiers') }} as tiers
        on tiers.provider = 'azure_openai' and tiers.name = deployments.sku_name

)

select
    {{ surrogate_key([
        'named.connection_id', 'named.resource_id', 'named.usage_date', 'named.deployment_name', 'named.model_name',
        'named.token_type'
    ]) }} as usage_id,
    named.connection_id,
    'azure_openai' as provider,
    named.usage_date,
    {{ canonical_model('named.known_model_name') }} as model,
    named.token_type,
    named.tier,
    named.account_name as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    cast(named.quantity as {{ type_quantity() }}) as quantity,
    named.observed_at
from named
{{ join_model_aliases("'azure_openai'", 'named.known_model_name') }}
