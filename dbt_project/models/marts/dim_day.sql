select cast(date_day as date) as calendar_day
from ({{ dbt.date_spine('day', "cast('2022-01-01' as date)", "cast('2036-01-01' as date)") }}) as days
