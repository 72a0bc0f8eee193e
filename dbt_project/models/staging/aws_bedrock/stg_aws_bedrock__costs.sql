{# Both grammars of usage types end in a token name and words about tier and routing:
   `USE1-NovaPro-cache-read-input-token-count-flex`, `USE1-MP:USE1_CacheReadInputTokenCount_Global-Units` #}
{% set region = "^([A-Z]{2,4}[0-9]{0,2})-" %}
{% set token = "cache-(?:read|write-?1h|write)-(?:input-)?token(?:-count|s)(?:-1h)?|(?:input|output)-image-token-count|(?:input|output)-token(?:-count|s)|created-image" %}
{% set line = "^(?:(.+?)-)??(?:mantle-)?(" ~ token ~ ")((?:-.+)?)$" %}
{% set known_words = "-(standard|batch|flex|priority|global|lctx|cross-region(-(global|us|eu|apac|jp|au|ca|in|geo))?)" %}

with lines as (

    select
        *,
        {{ first_match('usage_type', region, 1) }} as region_code,
        regexp_replace(usage_type, '{{ region }}', '') as local_type,
        usage_type like '%MP:%-Units' as is_marketplace
    from ({{ current_rows('aws_bedrock', 'costs') }}) as costs
    where unblended_cost_amount is not null

),

bodies as (

    select
        *,
        case
            when is_marketplace
                then lower(replace({{ replace_matches(replace_matches('local_type', '^MP:[A-Z0-9]+_|-Units$', ''), '([a-z0-9])([A-Z])', '\\1-\\2') }}, '_', '-'))
            else local_type
        end as body
    from lines

),

parts as (

    select
        *,
        nullif({{ first_match('body', line, 1) }}, '') as named_model,
        {{ first_match('body', line, 2) }} as token_name,
        {{ first_match('body', line, 3) }} as tail
    from bodies

)

select
    ---------- ids
    parts.row_id as charge_id,
    parts.connection_id,

    ---------- what was billed
    parts.day as charge_date,
    parts.service,
    parts.usage_type,
    parts.record_type,
    case
        when parts.record_type in ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') then 'usage'
        when parts.record_type = 'Credit' then 'credit'
        when parts.record_type = 'Tax' then 'tax'
        when parts.record_type in ('Fee', 'Recurring', 'RIFee', 'SavingsPlanRecurringFee', 'Support') then 'fee'
        when parts.record_type in ('Upfront', 'SavingsPlanUpfrontFee') then 'purchase'
        else 'adjustment'
    end as charge_category,
    coalesce({{ bedrock_model_of_service('parts.service') }}, {{ bedrock_model_of_usage('parts.named_model') }}) as model_name,
    coalesce(token_types.token_type, 'unmapped') as token_type,
    case
        when token_types.token_type is null or token_types.token_type = 'images' then 'standard'
        when {{ replace_matches('parts.tail', known_words, '') }} <> '' then 'unknown'
        when parts.tail like '%-batch%' then 'batch'
        when parts.tail like '%-flex%' then 'flex'
        when parts.tail like '%-priority%' then 'priority'
        else 'standard'
    end as tier,
    nullif(parts.region_code, '') as region_code,
    regions.region,
    nullif({{ first_match('parts.tail', 'cross-region(-[a-z]+)?|global') }}, '') as routing,

    ---------- amounts
    parts.unblended_cost_amount as amount_value,
    {{ money_from_text('parts.unblended_cost_amount') }} as amount_usd,
    {{ money_from_text('parts.net_unblended_cost_amount') }} as net_amount_usd,
    {{ money_from_text('parts.amortized_cost_amount') }} as amortized_amount_usd,
    upper(parts.unblended_cost_unit) as billing_currency,
    parts.usage_quantity_amount as quantity_value,
    cast({{ dbt.safe_cast('parts.usage_quantity_amount', type_quantity()) }} * units.scale as {{ type_quantity() }}) as quantity,
    units.quantity_unit,
    parts.is_estimated,

    ---------- times
    parts.observed_at
from parts
left join {{ ref('billed_token_types') }} as token_types
    on token_types.provider = 'aws_bedrock' and token_types.matched_on = 'usage_type' and token_types.name = parts.token_name
left join {{ ref('quantity_units') }} as units
    on units.provider = 'aws_bedrock'
    and units.unit = case
        when token_types.token_type is null then null
        when token_types.token_type = 'images' then 'images'
        when parts.is_marketplace then 'million_tokens'
        else 'thousand_tokens'
    end
left join {{ ref('aws_regions') }} as regions on regions.region_code = parts.region_code
