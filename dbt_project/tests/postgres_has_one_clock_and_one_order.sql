{{ config(enabled=target.type == 'postgres') }}

{# A day begins where the database's clock says, and which of two texts is the lesser where its collation does: another one makes other numbers. #}
select name, setting
from pg_settings
where name = 'TimeZone' and setting not in ('UTC', 'Etc/UTC')

union all

select 'collation', datcollate
from pg_database
where datname = current_database() and datcollate not in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
