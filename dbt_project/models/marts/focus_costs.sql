{% set native_skus = ['openai', 'aws_bedrock', 'azure_openai', 'google'] %}

with names_of_projects as (

    select connection_id, project_id as project, project_name from {{ ref('stg_openai__projects') }}
    union all
    select connection_id, workspace_id, workspace_name from {{ ref('stg_anthropic__workspaces') }}
    union all
    select connection_id, workspace_id, workspace_name from {{ ref('stg_openrouter__workspaces') }}

),

projects as (

    select connection_id, project, min(project_name) as project_name
    from names_of_projects
    group by connection_id, project

),

{# What the provider's usage report counted for a line that bills no quantity, where that line is the only one of its kind. #}
kinds_of_lines as (

    select
        entries.entry_kind,
        entries.entry_id,
        entries.connection_id,
        entries.cell_date,
        entries.model,
        entries.token_type,
        entries.tier,
        coalesce(charges.provider_project, reported.provider_project) as provider_project,
        entries.quantity
    from {{ ref('int_cells__entries') }} as entries
    left join {{ ref('int_charges__unioned') }} as charges
        on entries.entry_kind = 'charge' and charges.charge_id = entries.entry_id
    left join {{ ref('int_usage__unioned') }} as reported
        on entries.entry_kind = 'usage' and reported.usage_id = entries.entry_id
    where entries.entry_kind in ('charge', 'usage')

),

counted_by_usage as (

    select
        min(case when entry_kind = 'charge' then entry_id end) as charge_id,
        sum(case when entry_kind = 'usage' then quantity end) as quantity
    from kinds_of_lines
    group by connection_id, cell_date, model, token_type, tier, provider_project
    having sum(case when entry_kind = 'charge' then 1 else 0 end) = 1

),

charges as (

    select
        charges.*,
        coalesce(
            charges.charge_category = 'usage' and charges.quantity_unit is not null and charges.quantity <> 0
            and charges.quantity * charges.billed_cost_usd >= 0,
            false
        ) as has_quantity,
        coalesce(
            charges.charge_category = 'usage' and charges.quantity is null and used.quantity > 0 and charges.billed_cost_usd >= 0, false
        ) as has_used_quantity,
        used.quantity as used_quantity
    from {{ ref('fct_charges') }} as charges
    left join counted_by_usage as used on used.charge_id = charges.charge_id
    where charges.billed_cost_usd is not null

),

{# What is not counted, or counted in a way that gives no price, is priced in the currency it is billed in. #}
measured as (

    select
        *,
        case
            when has_quantity then quantity
            when has_used_quantity then used_quantity
        end as known_quantity,
        case
            when has_quantity then quantity_unit
            when has_used_quantity then {{ unit_of_usage('token_type') }}
        end as known_unit,
        case when has_quantity then 'bill' when has_used_quantity then 'usage report' when charge_category = 'usage' then 'unknown' end as quantity_source
    from charges

),

{# The list price where the book says one for a model's tokens on a day, whatever the context of the call. #}
list_prices as (

    select
        measured.charge_id,
        {{ the_only('book.unit_price_usd') }} as unit_price_usd
    from measured
    inner join {{ ref('int_prices__listed') }} as book
        on measured.known_unit = 'tokens'
        and book.region is null
        and book.provider = measured.provider
        and book.model = measured.model
        and book.tier = measured.tier
        and book.token_type = measured.token_type
        and (book.valid_from is null or book.valid_from <= cast(measured.charge_date as timestamp with time zone))
        and (book.valid_to is null or book.valid_to > cast(measured.charge_date as timestamp with time zone))
    group by measured.charge_id

),

priced as (

    select
        measured.*,
        case when measured.known_unit = 'tokens' then 1000000 else 1 end as units_of_price,
        case
            when measured.known_unit = 'tokens' then {{ unit_price('measured.billed_cost_usd', 'measured.known_quantity', 1000000) }}
            when measured.known_quantity is not null then {{ unit_price('measured.billed_cost_usd', 'measured.known_quantity', 1) }}
            else 1
        end as contracted_unit_price,
        list_prices.unit_price_usd
    from measured
    left join list_prices on list_prices.charge_id = measured.charge_id

),

{# A list price below the billed one is not this line's: it lacks a premium that the book does not know of. #}
listed as (

    select
        *,
        coalesce(cast(unit_price_usd * 1000000 as {{ type_unit_price() }}) >= contracted_unit_price, false) as is_listed
    from priced

)

select
    listed.charge_id as x_ChargeId,

    ---------- who bills whom
    listed.connection_id as x_ConnectionId,
    connections.connection_name as x_ConnectionName,
    coalesce(connections.account_id, listed.connection_id) as BillingAccountId,
    coalesce(connections.account_name, connections.connection_name) as BillingAccountName,
    coalesce(providers.billing_account_type, 'Account') as BillingAccountType,
    listed.provider_project as SubAccountId,
    case when listed.provider_project is not null then coalesce(projects.project_name, listed.provider_project) end as SubAccountName,
    case when listed.provider_project is not null then coalesce(providers.sub_account_type, 'Project') end as SubAccountType,
    coalesce(names.provider_name, listed.provider) as ProviderName,
    coalesce(names.provider_name, listed.provider) as PublisherName,
    coalesce(names.provider_name, listed.provider) as InvoiceIssuerName,
    coalesce(names.provider_name, listed.provider) as ServiceProviderName,
    coalesce(names.provider_name, listed.provider) as HostProviderName,
    cast(null as {{ dbt.type_string() }}) as InvoiceId,

    ---------- when
    cast({{ dbt.date_trunc('month', 'listed.charge_date') }} as timestamp with time zone) as BillingPeriodStart,
    cast({{ dbt.dateadd('month', 1, dbt.date_trunc('month', 'listed.charge_date')) }} as timestamp with time zone) as BillingPeriodEnd,
    cast(listed.charge_date as timestamp with time zone) as ChargePeriodStart,
    cast({{ dbt.dateadd('day', 1, 'listed.charge_date') }} as timestamp with time zone) as ChargePeriodEnd,

    ---------- what
    case listed.charge_category
        when 'usage' then 'Usage'
        when 'credit' then 'Credit'
        when 'tax' then 'Tax'
        when 'adjustment' then 'Adjustment'
        else 'Purchase'
    end as ChargeCategory,
    cast(null as {{ dbt.type_string() }}) as ChargeClass,
    coalesce(listed.sku, listed.service_name, listed.token_type) as ChargeDescription,
    case listed.charge_category when 'usage' then 'Usage-Based' when 'fee' then 'Recurring' else 'One-Time' end as ChargeFrequency,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    coalesce(listed.service_name, names.service_name, names.provider_name, listed.provider) as ServiceName,
    cast(null as {{ dbt.type_string() }}) as AvailabilityZone,
    cast(null as {{ dbt.type_string() }}) as RegionId,
    cast(null as {{ dbt.type_string() }}) as RegionName,
    cast(null as {{ dbt.type_string() }}) as ResourceId,
    cast(null as {{ dbt.type_string() }}) as ResourceName,
    cast(null as {{ dbt.type_string() }}) as ResourceType,
    cast(null as {{ dbt.type_string() }}) as Tags,

    ---------- at which price
    {% set sku = "coalesce(" ~ "case when listed.provider in ('" ~ native_skus | join("', '") ~ "') then listed.sku end, listed.model || '/' || listed.token_type, listed.sku, listed.token_type)" %}
    {% set is_priced = "listed.charge_category in ('usage', 'fee', 'purchase')" %}
    case when {{ is_priced }} then {{ sku }} end as SkuId,
    case when {{ is_priced }} then {{ focus_word('listed.token_type', 0, focus_title('listed.token_type')) }} end as SkuMeter,
    case when {{ is_priced }} then {{ sku }} || '/' || listed.tier end as SkuPriceId,
    case
        when {{ is_priced }}
            then '{"x_TokenType": ' || {{ json_string('listed.token_type') }}
                || ', "x_ServiceTier": ' || {{ json_string('listed.tier') }}
                || coalesce(', "x_ModelId": ' || {{ json_string('listed.model') }}, '')
                || coalesce(', "x_TokenDirection": ' || {{ json_string(focus_word('listed.token_type', 1)) }}, '')
                || coalesce(', "x_TokenCacheAction": ' || {{ json_string(focus_word('listed.token_type', 2)) }}, '')
                || '}'
    end as SkuPriceDetails,
    case
        when listed.token_type = 'provisioned_throughput' and {{ is_priced }} then 'Committed'
        when {{ is_priced }} then 'Standard'
    end as PricingCategory,
    case
        when listed.charge_category = 'usage'
            then coalesce(cast(listed.known_quantity as decimal(38, 12)), listed.billed_cost_usd)
    end as ConsumedQuantity,
    case when listed.charge_category = 'usage' then coalesce({{ focus_unit('listed.known_unit') }}, 'USD') end as ConsumedUnit,
    case
        when {{ is_priced }} and listed.units_of_price = 1000000 then cast(listed.known_quantity * 0.000001 as decimal(38, 12))
        when {{ is_priced }} then coalesce(cast(listed.known_quantity as decimal(38, 12)), listed.billed_cost_usd)
    end as PricingQuantity,
    case
        when {{ is_priced }} and listed.units_of_price = 1000000 then '1000000 Tokens'
        when {{ is_priced }} then coalesce({{ focus_unit('listed.known_unit') }}, 'USD')
    end as PricingUnit,
    {% set list_unit_price = "cast(case when listed.is_listed then listed.unit_price_usd * 1000000 else listed.contracted_unit_price end as " ~ type_unit_price() ~ ")" %}
    case when {{ is_priced }} then {{ list_unit_price }} end as ListUnitPrice,
    case when {{ is_priced }} then cast(listed.contracted_unit_price as {{ type_unit_price() }}) end as ContractedUnitPrice,

    ---------- what it costs
    'USD' as BillingCurrency,
    listed.billed_cost_usd as BilledCost,
    cast(case when listed.charge_category = 'purchase' then 0 else listed.billed_cost_usd end as {{ type_money() }}) as EffectiveCost,
    listed.billed_cost_usd as ContractedCost,
    cast(
        case when listed.is_listed then listed.unit_price_usd * listed.known_quantity else listed.billed_cost_usd end as {{ type_money() }}
    ) as ListCost,
    'USD' as PricingCurrency,
    case when {{ is_priced }} then cast(listed.contracted_unit_price as {{ type_unit_price() }}) end as PricingCurrencyContractedUnitPrice,
    cast(case when listed.charge_category = 'purchase' then 0 else listed.billed_cost_usd end as {{ type_money() }})
        as PricingCurrencyEffectiveCost,
    case when {{ is_priced }} then {{ list_unit_price }} end as PricingCurrencyListUnitPrice,

    ---------- commitments, which none of these bills names
    {% for column in [
        'CapacityReservationId', 'CapacityReservationStatus', 'CommitmentDiscountCategory', 'CommitmentDiscountId',
        'CommitmentDiscountName', 'CommitmentDiscountStatus', 'CommitmentDiscountType', 'CommitmentDiscountUnit'
    ] %}
    cast(null as {{ dbt.type_string() }}) as {{ column }},
    {% endfor %}
    cast(null as decimal(38, 12)) as CommitmentDiscountQuantity,

    ---------- what FOCUS has no column for
    listed.provider as x_Provider,
    listed.charge_category as x_ChargeCategory,
    listed.sku as x_LineItem,
    listed.model as x_Model,
    listed.token_type as x_TokenType,
    listed.tier as x_ServiceTier,
    listed.provider_key as x_ProviderKey,
    case when listed.known_unit = 'tokens' then listed.known_quantity end as x_TokenCount,
    listed.quantity_source as x_QuantitySource,
    case when listed.is_listed then 'price book' when {{ is_priced }} then 'bill' end as x_ListPriceSource,
    listed.observed_at as x_ObservedAt
from listed
left join {{ ref('dim_connection') }} as connections on connections.connection_id = listed.connection_id
left join {{ ref('dim_provider') }} as names on names.provider = listed.provider
left join {{ ref('providers') }} as providers on providers.provider = listed.provider
left join projects on projects.connection_id = listed.connection_id and projects.project = listed.provider_project
