{# DBUs (or another unit, as it is called) per record of use, priced or not; Databricks' bill counts no tokens. #}
select
    records.charge_id as usage_id,
    records.connection_id,
    'databricks' as provider,
    records.charge_date as usage_date,
    {{ canonical_model('records.endpoint_name') }} as model,
    coalesce(lower(records.unit), 'unmapped') as token_type,
    'standard' as tier,
    records.workspace_id as provider_project,
    cast(null as {{ dbt.type_string() }}) as provider_key,
    cast(null as {{ dbt.type_string() }}) as provider_user,
    records.quantity,
    records.observed_at
from {{ ref('stg_databricks__usage') }} as records
{{ join_model_aliases("'databricks'", 'records.endpoint_name') }}
