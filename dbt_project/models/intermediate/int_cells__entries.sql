{{ config(materialized='incremental', incremental_strategy='touched_days', on_schema_change='append_new_columns', meta={'day': 'cell_date'}) }}

{# All that meets in a cell, one entry per usage charge, provider usage row and metered group: where a bill knows no tier, no model
   for a token type, or one amount for several token types, everything goes where the bill puts it. #}
with entries as (

    select
        'charge' as entry_kind,
        charge_id as entry_id,
        connection_id,
        provider,
        charge_date as cell_date,
        model,
        token_type,
        tier,
        provider_project,
        quantity,
        cast(null as {{ type_quantity() }}) as priced_quantity,
        reported_cost_usd as cost_usd
    from {{ ref('int_charges__unioned') }}
    where charge_category = 'usage' and {{ is_touched('charge_date') }}

    union all

    select
        'usage' as entry_kind,
        usage_id,
        connection_id,
        provider,
        usage_date,
        model,
        token_type,
        tier,
        provider_project,
        quantity,
        null,
        null
    from {{ ref('int_usage__unioned') }}
    where not {{ is_provisional('observed_at', 'usage_date') }} and {{ is_touched('usage_date') }}

    union all

    select
        'metered' as entry_kind,
        group_id,
        connection_id,
        provider,
        event_date,
        model,
        token_type,
        tier,
        provider_project,
        quantity,
        priced_quantity,
        cost_usd
    from {{ ref('int_metered__grouped') }}
    where {{ is_touched('event_date') }}

),

{# Where a bill in files has one amount for all tokens of a model. #}
blended_bills as (

    select distinct connection_id, charge_date, model
    from {{ ref('int_file__charges') }}
    where token_type = 'tokens'

),

placed as (

    select
        entries.entry_kind,
        entries.entry_id,
        entries.connection_id,
        entries.provider,
        entries.cell_date,
        case when modelless.token_type is null then entries.model end as model,
        coalesce(blended.billed_token_type, blended_in_file.billed_token_type, entries.token_type) as token_type,
        case when modelless.token_type is null then coalesce(billed_tiers.billed_tier, entries.tier) else 'standard' end as tier,
        entries.provider_project,
        entries.quantity,
        entries.priced_quantity,
        entries.cost_usd
    from entries
    left join {{ ref('billed_without_model') }} as modelless
        on modelless.provider = entries.provider and modelless.token_type = entries.token_type
    left join {{ ref('billed_tiers') }} as billed_tiers
        on billed_tiers.provider = entries.provider and billed_tiers.tier = entries.tier
    left join {{ ref('blended_token_types') }} as blended
        on blended.provider = entries.provider and blended.token_type = entries.token_type
    left join blended_bills
        on blended_bills.connection_id = entries.connection_id
        and blended_bills.charge_date = entries.cell_date
        and {{ same('blended_bills.model', 'entries.model') }}
    left join {{ ref('blended_token_types') }} as blended_in_file
        on blended_in_file.provider = 'file'
        and blended_in_file.token_type = entries.token_type
        and blended_bills.connection_id is not null

),

keyed as (

    select
        *,
        {{ surrogate_key(['connection_id', 'provider', 'cell_date', 'model', 'token_type', 'tier']) }} as coarse_cell_id
    from placed

),

billed_projects as (

    select distinct connection_id, provider_project
    from {{ ref('int_charges__unioned') }}
    where charge_category = 'usage' and provider_project is not null

),

{# Cells are refined by project only where every metered quantity names one that the connection's bill knows. #}
unrefined as (

    select distinct keyed.coarse_cell_id
    from keyed
    left join billed_projects
        on billed_projects.connection_id = keyed.connection_id and billed_projects.provider_project = keyed.provider_project
    where keyed.entry_kind = 'metered' and keyed.quantity <> 0 and billed_projects.connection_id is null

)

select
    keyed.entry_kind,
    keyed.entry_id,
    {{ surrogate_key([
        'keyed.coarse_cell_id',
        'case when unrefined.coarse_cell_id is null then 1 else 0 end',
        'case when unrefined.coarse_cell_id is null then keyed.provider_project end'
    ]) }} as cell_id,
    keyed.connection_id,
    keyed.provider,
    keyed.cell_date,
    keyed.model,
    keyed.token_type,
    keyed.tier,
    unrefined.coarse_cell_id is null as is_by_project,
    case when unrefined.coarse_cell_id is null then keyed.provider_project end as provider_project,
    keyed.quantity,
    keyed.priced_quantity,
    keyed.cost_usd
from keyed
left join unrefined on unrefined.coarse_cell_id = keyed.coarse_cell_id
