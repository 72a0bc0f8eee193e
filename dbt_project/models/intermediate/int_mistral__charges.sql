select
    charges.charge_id,
    charges.connection_id,
    'mistral' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Mistral API' as service_name,
    case
        when charges.covers_from_date = charges.charge_date then charges.category
        else {{ dbt.concat(['charges.category', "' since '", 'cast(charges.covers_from_date as ' ~ dbt.type_string() ~ ')']) }}
    end as sku,
    cast(null as {{ dbt.type_string() }}) as model,
    case when charges.category = 'completion' then 'tokens' else 'unmapped' end as token_type,
    'standard' as tier,
    cast(null as {{ dbt.type_string() }}) as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ type_quantity() }}) as quantity,
    cast(null as {{ dbt.type_string() }}) as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    charges.billing_currency as billing_currency,
    charges.observed_at
from {{ ref('stg_mistral__spend') }} as charges
