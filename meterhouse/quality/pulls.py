"""Rules on raw provider pulls, one suite for all providers, derived from the tables that each declares.

Judged is the last pull of each connection that succeeded. What belongs here: what no earlier or later check can see,
because it looks at one pull as a whole. What does not: types and required fields (dlt's contract), digits and
currencies (the readers), keys, currencies and totals of all days (dbt).
"""

from collections.abc import Iterator

import duckdb
import polars as pl

from dlt_sources.contract import Provider, Report
from dlt_sources.rows import is_decimal
from dlt_sources.source import PULLED_DAYS
from dlt_sources.versions import report_columns
from meterhouse.connections import registry, sync_log
from meterhouse.control.tables import ConnectionRow, SyncRunRow
from meterhouse.quality.rules import Finding, Rule, judge
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

SHOWN_CHARACTERS = 40
_MONEY = "decimal(38, 12)"
_SYNC = "Pull the days again with `meterhouse sync NAME --from DAY --to DAY`"

RULES = (
    Rule(
        name="rows_complete",
        holds="Every pulled day holds exactly the rows that its pull brought.",
        column="missing_count",
        least=0,
        most=0,
        detail="the pull brought {row_count} rows, the warehouse holds {stored_count}",
        mend=f"{_SYNC}, then `meterhouse build`; until then the bill of these days is wrong.",
        severity="critical",
    ),
    Rule(
        name="days_inside_window",
        holds="No pulled day lies after the days that were asked for.",
        column="days_after_window",
        least=None,
        most=0,
        detail="the day lies {days_after_window} days after the last one asked for, with {row_count} rows",
        mend="Compare the account's time zone and the report with the provider's page in docs/providers; "
        "a charge on a day to come counts in no report of today.",
        severity="critical",
    ),
    Rule(
        name="decimals_readable",
        holds="Every amount and decimal quantity is a number that the marts can hold.",
        column="unreadable_count",
        least=None,
        most=0,
        detail="{unreadable_count} rows, as {unreadable_example}",
        mend="Compare with the provider's own page; what cannot be read counts as unknown and is in no total.",
        severity="critical",
    ),
    Rule(
        name="counts_not_negative",
        holds="No count of tokens, requests or the like is negative.",
        column="negative_count",
        least=None,
        most=0,
        detail="{negative_count} rows, as {negative_example}",
        mend="Compare with the provider's own page; a correction may stand, and quantities of that day are less by it.",
        severity="warning",
    ),
    Rule(
        name="days_not_emptied",
        holds="No day that had rows was said to be empty.",
        column="emptied_count",
        least=None,
        most=0,
        detail="the day had {emptied_count} rows, and now the provider says there are none",
        mend=f"Look at that day on the provider's own page; if it is not empty there, {_SYNC[0].lower()}{_SYNC[1:]}.",
        severity="warning",
    ),
    Rule(
        name="fields_documented",
        holds="Providers send no field that is unknown here.",
        column="undocumented_count",
        least=None,
        most=0,
        detail="new fields {undocumented_names}",
        mend="They are kept in the raw table, and nothing reads them; see whether the provider's API tells of a new "
        "price or quantity.",
        severity="warning",
    ),
)

_PROFILE = f"""
    with pulled as (
        select report, day, content_hash, row_count
        from {{schema}}.{PULLED_DAYS}
        where connection_id = $connection_id and pull_id = $pull_id
    ),
    before as (
        select report, day, max_by(row_count, pull_id) as row_count
        from {{schema}}.{PULLED_DAYS}
        where connection_id = $connection_id and pull_id < $pull_id and day >= (select min(day) from pulled)
        group by all
    ),
    stored as ({{stored}})
    select
        $title || ' `' || $name || '` ' || pulled.report || ' ' || pulled.day as place,
        pulled.row_count,
        coalesce(stored.stored_count, 0) as stored_count,
        pulled.row_count - coalesce(stored.stored_count, 0) as missing_count,
        date_diff('day', $window_end::date, pulled.day) + 1 as days_after_window,
        coalesce(stored.unreadable_count, 0) as unreadable_count,
        stored.unreadable_example,
        coalesce(stored.negative_count, 0) as negative_count,
        stored.negative_example,
        case when pulled.row_count = 0 then coalesce(before.row_count, 0) else 0 end as emptied_count,
        coalesce(len(stored.undocumented), 0) as undocumented_count,
        array_to_string(stored.undocumented, ', ') as undocumented_names
    from pulled
    left join stored using (report, day, content_hash)
    left join before using (report, day)
    order by pulled.day, pulled.report
"""  # noqa: S608


def check_pulls(settings: Settings, provider: Provider) -> list[Finding]:
    """Judge the last pull of each connection of a provider that succeeded.

    Returns:
        One finding per rule; none when no connection was ever pulled.

    Raises:
        WarehouseBusyError: The warehouse stayed busy.
    """
    pulls = [
        (connection, last)
        for connection in registry.find(settings, provider.name)
        if (last := sync_log.last_success(settings, connection.id)) is not None
    ]
    if not pulls:
        return []
    with (
        warehouse(settings, f"check the pulls of {provider.title}") as path,
        duckdb.connect(path) as database,
    ):
        profiles = [_profile(database, provider, *pull) for pull in pulls]
    return judge(RULES, pl.concat(profiles))


def _profile(
    database: duckdb.DuckDBPyConnection, provider: Provider, connection: ConnectionRow, run: SyncRunRow
) -> pl.DataFrame:
    """One row per report and day of the pull."""
    schema = f"raw_{provider.name}"
    stored = " union all by name ".join(
        _stored(schema, report, _columns(database, schema, report)) for report in provider.reports
    )
    profile: pl.DataFrame = database.sql(
        _PROFILE.format(schema=schema, stored=stored),
        params={
            "connection_id": connection.id,
            "pull_id": run.id,
            "title": provider.title,
            "name": connection.name,
            "window_end": run.window_end,
        },
    ).pl()
    return profile


def _columns(database: duckdb.DuckDBPyConnection, schema: str, report: Report) -> list[str]:
    """Columns that the raw table has."""
    found = database.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
        [schema, report.name],
    ).fetchall()
    return [name for (name,) in found]


def _stored(schema: str, report: Report, columns: list[str]) -> str:
    """SQL for what the raw table holds of the pull, per day: rows, and those that break a rule of single values."""
    declared = {name: hint for name, hint in report.columns.items() if name in columns}
    decimals = [name for name, hint in declared.items() if is_decimal(hint)]
    counts = [name for name, hint in declared.items() if hint.get("data_type") == "bigint"]
    unknown = [name for name in columns if name not in report_columns(report.columns) and name[:5] != "_dlt_"]
    unreadable = {
        name: f"{_quoted(name)} is not null and try_cast({_quoted(name)} as {_MONEY}) is null"
        for name in decimals
    }
    negative = {name: f"{_quoted(name)} < 0" for name in counts}
    sent = ", ".join(f"case when count({_quoted(name)}) > 0 then '{name}' end" for name in unknown)
    return f"""
        select
            '{report.name}' as report,
            day,
            content_hash,
            count(*) as stored_count,
            {", ".join([*_offences("unreadable", unreadable), *_offences("negative", negative)])},
            list_filter([{sent}]::varchar[], lambda name: name is not null) as undocumented
        from {schema}.{_quoted(report.name)} as told
        semi join pulled
            on pulled.report = '{report.name}' and pulled.day = told.day and pulled.content_hash = told.content_hash
        where told.connection_id = $connection_id
        group by all
    """  # noqa: S608


def _offences(kind: str, tests: dict[str, str]) -> Iterator[str]:
    """SQL columns: how many rows meet one of the tests, by column, and one of the values that do."""
    any_of = " or ".join(f"({test})" for test in tests.values()) or "false"
    shown = " ".join(
        f"when {test} then '`{name}` = ' || left({_quoted(name)}::varchar, {SHOWN_CHARACTERS})"
        for name, test in tests.items()
    )
    yield f"count(*) filter (where {any_of}) as {kind}_count"
    yield f"min({f'case {shown} end' if shown else 'null::varchar'}) as {kind}_example"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
