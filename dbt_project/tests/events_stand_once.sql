{# No event stands twice. #}
select event_id, started_hour, count(*) as row_count
from {{ ref('int_events__deduplicated') }}
where {{ is_to_be_tested('cast(started_hour as date)', 'started_hour') }}
group by event_id, started_hour
having count(*) > 1
