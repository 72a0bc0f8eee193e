{# One amount for all tokens of a use, Cursor's fee included; a use charged by requests has that many. #}
select
    charges.charge_id,
    charges.connection_id,
    'cursor' as provider,
    charges.charge_date,
    'usage' as charge_category,
    'Cursor' as service_name,
    {{ dbt.concat(["'cursor/'", "coalesce(charges.kind, '')", "'/'", "coalesce(charges.model_name, '')"]) }} as sku,
    {{ canonical_model('charges.model_name') }} as model,
    case when charges.is_token_based then 'tokens' else 'requests' end as token_type,
    'standard' as tier,
    charges.team_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    case
        when charges.is_token_based
            then cast({{ known_sum(['charges.input', 'charges.cache_read', 'charges.cache_write_5m', 'charges.output']) }} as {{ type_quantity() }})
        else {{ dbt.safe_cast('charges.requests_value', type_quantity()) }}
    end as quantity,
    case when charges.is_token_based then 'tokens' else 'requests' end as quantity_unit,
    charges.amount_usd as reported_cost_usd,
    'USD' as billing_currency,
    charges.observed_at
from {{ ref('stg_cursor__usage_events') }} as charges
{{ join_model_aliases("'cursor'", 'charges.model_name') }}
where charges.is_chargeable
