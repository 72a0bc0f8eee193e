select
    ---------- ids
    row_id as charge_id,
    connection_id,
    record_id,
    workspace_id,

    ---------- what was used
    day as charge_date,
    record_type,
    sku_name,
    cloud,
    billing_origin_product,
    usage_type,
    endpoint_name,
    custom_tags,
    product_features,
    usage_quantity as quantity_value,
    upper(usage_unit) as unit,
    {{ dbt.safe_cast('usage_quantity', type_quantity()) }} as quantity,

    ---------- amounts
    list_price as list_price_value,
    upper(currency) as list_price_currency,
    {{ databricks_is_priced('list_price', 'currency') }} as is_priced,
    case
        when {{ databricks_is_priced('list_price', 'currency') }}
            then cast({{ databricks_list_cost('usage_quantity', 'list_price') }} as {{ type_money() }})
    end as amount_usd,

    ---------- times
    usage_start_time as started_at_value,
    usage_end_time as ended_at_value,
    ingestion_date as ingestion_date_value,
    observed_at
from ({{ current_rows('databricks', 'usage') }}) as usage_records
