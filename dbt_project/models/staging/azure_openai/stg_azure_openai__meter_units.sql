select
    row_id,
    connection_id,
    day as usage_date,
    meter,
    upper(trim(unit_of_measure)) as unit,
    observed_at
from ({{ current_rows('azure_openai', 'meter_units') }}) as meter_units
