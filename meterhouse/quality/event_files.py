"""Rules on metered events as loaded, by hour of arrival: nothing lost on the way, costs that add up, times that can be.

Judged are the hours of which a file was loaded lately. What belongs here: what needs the file ledger beside the
warehouse, or looks at an hour as a whole. What does not: single fields of a line (`events/checks.py` refuses the line),
and that each event counts once (dbt).
"""

from datetime import datetime, timedelta

import duckdb
import polars as pl

from meterhouse.control.database import reading
from meterhouse.events import ledger
from meterhouse.events.kinds import EVENTS, OUTCOMES, kind_of
from meterhouse.events.load import DATASET, REJECTS
from meterhouse.events.schema import BUCKETS
from meterhouse.quality.rules import Finding, Rule, judge
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

LATELY = timedelta(hours=26)
"""Hours loaded since then are judged: a daily schedule looks at each of them once at least."""
MOST_REJECTED_PERCENT = 1
CLOCK_TOLERANCE = timedelta(hours=1)

RULES = (
    Rule(
        name="events_complete",
        holds="The warehouse holds every event and outcome that was loaded from the files of the hour.",
        column="missing_count",
        least=0,
        most=0,
        detail="{good_count} were loaded, the warehouse holds {stored_count} of them; see {missing_example}",
        mend="Its files are kept in the landing zone: restore the warehouse, or remove it and run `meterhouse build`.",
        severity="critical",
    ),
    Rule(
        name="rejects_kept",
        holds="Every line that could not become an event is kept.",
        column="missing_reject_count",
        least=0,
        most=0,
        detail="{rejected_count} lines were refused, the warehouse holds {stored_reject_count} of them",
        mend="The lines stand in their files in the landing zone; `meterhouse events replay` judges them again.",
        severity="critical",
    ),
    Rule(
        name="costs_add_up",
        holds="The cost of every event is the exact sum of its parts, or is unknown and says so.",
        column="wrong_cost_count",
        least=None,
        most=0,
        detail="{wrong_cost_count} events, as {wrong_cost_example}",
        mend="Run `meterhouse prices reprice`, which shows the difference in money first, and with `--apply` mends it.",
        severity="critical",
    ),
    Rule(
        name="times_plausible",
        holds="No event began after it arrived, or ended before it began.",
        column="wrong_time_count",
        least=None,
        most=0,
        detail="{wrong_time_count} events, as {wrong_time_example}",
        mend="Set the clock of the program that metered them, or mend how it writes times; "
        "they count in the hour that they name.",
        severity="warning",
    ),
    Rule(
        name="few_rejects",
        holds=f"At most {MOST_REJECTED_PERCENT} % of the lines of an hour are refused.",
        column="rejected_percent",
        least=None,
        most=MOST_REJECTED_PERCENT,
        detail="{rejected_count} of {line_count} lines were refused, as {reject_example}",
        mend="`meterhouse events rejects` tells the reason of each; they are in no number until they are mended.",
        severity="warning",
    ),
)

_PARTS = " + ".join(f"coalesce({bucket.cost_field}, 0)" for bucket in BUCKETS)
_WRONG_COST = f"""case cost_status
    when 'priced' then cost_usd is distinct from {_PARTS}
    when 'client_reported' then cost_usd is distinct from client_cost_usd
    when 'skipped' then cost_usd is not null
    when 'unpriced' then cost_usd is not null
    when 'usage_missing' then cost_usd is not null
    else true
end"""
_LINE = "file_url || ' line ' || file_line"
_PROFILE = f"""
    with events_stored as (
        select
            file_url,
            load_id,
            count(*) as stored_count,
            count(*) filter (where {_WRONG_COST}) as wrong_cost_count,
            min(case when {_WRONG_COST} then
                {_LINE} || ' (' || coalesce(cost_status, 'no status') || ', ' || coalesce(cost_usd::varchar, 'no')
                || ' USD)' end) as wrong_cost_example,
            count(*) filter (where is_early or is_backward) as wrong_time_count,
            min(case
                when is_early then {_LINE} || ' (began ' || started_at || ')'
                when is_backward then {_LINE} || ' (began ' || started_at || ', ended ' || ended_at || ')'
            end) as wrong_time_example
        from (
            select
                events.*,
                started_at > files.latest_start as is_early,
                coalesce(ended_at < started_at, false) as is_backward
            from {{events}} as events
            inner join files using (file_url, load_id)
            where events.loaded_at >= (select min(files.loaded_at) from files)
        )
        group by all
    ),
    stored as (
        from events_stored
        union all by name
        select file_url, load_id, count(*) as stored_count
        from {{outcomes}} semi join files using (file_url, load_id)
        group by all
    ),
    refused as (
        select
            file_url,
            load_id,
            count(*) as stored_reject_count,
            min({_LINE} || ' (' || reason || ')') as reject_example
        from {{rejects}} semi join files using (file_url, load_id)
        group by all
    )
    select
        'Files of ' || hour as place,
        sum(good_count)::bigint as good_count,
        coalesce(sum(stored_count), 0)::bigint as stored_count,
        sum(abs(good_count - coalesce(stored_count, 0)))::bigint as missing_count,
        min(case when good_count <> coalesce(stored_count, 0) then file_url end) as missing_example,
        sum(rejected_count)::bigint as rejected_count,
        coalesce(sum(stored_reject_count), 0)::bigint as stored_reject_count,
        sum(abs(rejected_count - coalesce(stored_reject_count, 0)))::bigint as missing_reject_count,
        min(reject_example) as reject_example,
        sum(line_count)::bigint as line_count,
        coalesce(100.0::double * sum(rejected_count) / nullif(sum(line_count), 0), 0) as rejected_percent,
        coalesce(sum(wrong_cost_count), 0)::bigint as wrong_cost_count,
        min(wrong_cost_example) as wrong_cost_example,
        coalesce(sum(wrong_time_count), 0)::bigint as wrong_time_count,
        min(wrong_time_example) as wrong_time_example
    from files
    left join stored using (file_url, load_id)
    left join refused using (file_url, load_id)
    group by hour
    order by hour
"""  # noqa: S608


def check_event_files(settings: Settings, now: datetime) -> list[Finding]:
    """Judge the hours of arrival of which a file was loaded lately.

    Returns:
        One finding per rule; none when no file was.

    Raises:
        WarehouseBusyError: The warehouse stayed busy.
    """
    with warehouse(settings, "check the events") as path, duckdb.connect(path) as database:
        files = _files(settings, now)
        if files.is_empty():
            return []
        database.execute("set timezone = 'UTC'")
        database.register("files", files.to_arrow())
        tables = {table: _table(database, table) for table in (EVENTS.name, OUTCOMES.name, REJECTS)}
        profile = database.sql(
            _PROFILE.format(
                events=tables[EVENTS.name], outcomes=tables[OUTCOMES.name], rejects=tables[REJECTS]
            )
        ).pl()
    return judge(RULES, profile)


def _files(settings: Settings, now: datetime) -> pl.DataFrame:
    """The ledger's files of events and outcomes in the hours to judge; prompts are left out, since they are deleted."""
    with reading(settings) as opened:
        rows = ledger.hours_loaded_since(opened, now - LATELY)
    return pl.DataFrame(
        [
            {
                "file_url": row.url,
                "load_id": row.load_id,
                "loaded_at": row.loaded_at,
                "hour": row.partition,
                "latest_start": datetime.fromisoformat(f"{row.partition}:00+00:00")
                + timedelta(hours=1)
                + CLOCK_TOLERANCE,
                "good_count": row.good_count,
                "rejected_count": row.rejected_count,
                "line_count": row.line_count,
            }
            for row in rows
            if kind_of(row.url) in (EVENTS, OUTCOMES)
        ],
        infer_schema_length=None,
    )


def _table(database: duckdb.DuckDBPyConnection, table: str) -> str:
    """The raw table, or where none was loaded yet, an empty one of its shape."""
    found = database.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?", [DATASET, table]
    ).fetchall()
    if found:
        return f"{DATASET}.{table}"
    return "(select null::varchar as file_url, null::varchar as load_id limit 0)"
