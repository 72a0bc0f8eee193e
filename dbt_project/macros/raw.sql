{# How staging reads raw tables. #}

{# A raw table with all declared columns, whatever was loaded into it so far: an empty one while nothing was (a provider nobody connected is
   no error), NULL in a column that no pull has brought yet (the table is of an older release). #}
{% macro raw_table(source_name, table_name) -%}
{%- set relation = source(source_name, table_name) -%}
{%- if not execute -%}
{{ relation }}
{%- else -%}
{%- set declared = graph.sources.values() | selectattr('source_name', 'equalto', source_name) | selectattr('name', 'equalto', table_name) | first -%}
{%- set is_there = adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none -%}
{%- set loaded = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list if is_there else [] -%}
{%- set missing = [] -%}
{%- for column in declared.columns.values() if column.name | lower not in loaded -%}
{%- do missing.append('cast(null as ' ~ column.data_type ~ ') as ' ~ column.name) -%}
{%- endfor -%}
{%- if not missing -%}
{{ relation }}
{%- elif is_there -%}
(select *, {{ missing | join(', ') }} from {{ relation }})
{%- else -%}
(select {{ missing | join(', ') }} limit 0)
{%- endif -%}
{%- endif -%}
{%- endmacro %}

{# Every version of every pulled day: one row per connection, report, day and run of equal content, with when it was believed.
   The id of a pull says its place, since a clock may have been wrong. Pulls of a removed connection do not count: the account may have come back under another one, and would be billed twice. #}
{% macro day_versions(provider) %}
select
    connection_id,
    report,
    day,
    content_hash,
    max(row_count) as row_count,
    min(observed_at) as observed_from,
    max(next_observed_at) as observed_to,
    max(observed_at) as last_observed_at,
    max(is_newest) = 1 as is_current
from (
    select
        *,
        sum(is_changed) over (
            partition by connection_id, report, day order by pull_id desc rows between current row and unbounded following
        ) as version_number,
        case when next_content_hash is null then 1 else 0 end as is_newest,
        case when next_content_hash <> content_hash then next_pull_at end as next_observed_at
    from (
        select
            *,
            case
                when content_hash = lag(content_hash) over (partition by connection_id, report, day order by pull_id) then 0
                else 1
            end as is_changed,
            lead(content_hash) over (partition by connection_id, report, day order by pull_id) as next_content_hash,
            lead(observed_at) over (partition by connection_id, report, day order by pull_id) as next_pull_at
        from {{ raw_table(provider, 'pulled_days') }} as pulls
        where
            connection_id in (select connections.connection_id from {{ raw_table('control', 'connections') }} as connections)
    ) as pulls
) as versions
group by connection_id, report, day, content_hash, version_number
{% endmacro %}

{# The rows of a report as last pulled; `observed_at` is when their day was last seen. #}
{% macro current_rows(provider, report) %}
select
    report_rows.*,
    days.last_observed_at as observed_at
from {{ raw_table(provider, report) }} as report_rows
inner join ({{ day_versions(provider) }}) as days
    on days.connection_id = report_rows.connection_id
    and days.day = report_rows.day
    and days.content_hash = report_rows.content_hash
where days.report = '{{ report }}' and days.is_current
{% endmacro %}

{# Whether a day had not ended when it was last seen: its numbers still grow. #}
{% macro is_provisional(observed_at, day) -%}
{{ observed_at }} < cast({{ dbt.dateadd('day', 1, day) }} as timestamp with time zone)
{%- endmacro %}
