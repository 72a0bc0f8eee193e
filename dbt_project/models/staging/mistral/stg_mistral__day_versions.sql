{# A day is a snapshot of the month, so it is known to be its day's last one only when a later day has been seen: that is when
   it was last observed. #}
with versions as (

    {{ day_versions('mistral') }}

),

followed as (

    select
        connection_id,
        report,
        day,
        lead(min(observed_from)) over (partition by connection_id, report order by day) as next_day_seen_at
    from versions
    group by connection_id, report, day

)

select
    versions.connection_id,
    versions.report,
    versions.day,
    versions.content_hash,
    versions.row_count,
    versions.observed_from,
    versions.observed_to,
    case
        when versions.is_current then coalesce(followed.next_day_seen_at, versions.last_observed_at) else versions.last_observed_at
    end as last_observed_at,
    versions.is_current
from versions
inner join followed
    on followed.connection_id = versions.connection_id and followed.report = versions.report and followed.day = versions.day
