{# What was used, whether the plan includes it or it is billed; the bill is the only report there is. #}
select
    charges.charge_id as usage_id,
    charges.connection_id,
    charges.provider,
    charges.charge_date as usage_date,
    charges.model,
    charges.token_type,
    charges.tier,
    charges.provider_project,
    charges.provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    charges.quantity,
    charges.observed_at
from {{ ref('int_github_copilot__charges') }} as charges
where charges.charge_category = 'usage' and charges.quantity is not null
