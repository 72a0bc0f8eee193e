"""One warehouse with all that the other tests of the marts write: every provider's lines, calls, outcomes, prompts,
refusals, budgets and alerts. What belongs here: putting them together. What does not: what should come out.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from dlt_sources.registry import PROVIDERS
from meterhouse.settings import Settings
from tests.dbt import (
    raw,
    test_aws_bedrock,
    test_azure_openai,
    test_budgets,
    test_gateways,
    test_google,
    test_platforms,
    test_rejects,
    test_small_providers,
    test_tasks_and_files,
)
from tests.dbt.world import World

PARTS = {
    "aws_bedrock": test_aws_bedrock.write,
    "azure_openai": test_azure_openai.write,
    "gateways": test_gateways.write,
    "google": test_google.write,
    "platforms": test_platforms.write,
    "rejects": test_rejects.write,
    "small_providers": test_small_providers.write,
    "tasks_and_files": test_tasks_and_files.write,
}
ODD_DAY = date(2026, 10, 20)
ODD_QUANTITIES = ("", " 7 ", "1e2", "1,5", ".5", "-1.5E-3", "many", "1e400")
"""As no provider should send them: each is a number in every database, or in none."""


def write(world: World, path: Path, empty_home: Path, folder: Path) -> None:
    """Raw tables of every provider, beside the empty marts of a home; each part is written apart first, in a folder."""
    raw.create(path, tuple(PROVIDERS), empty_home)
    _add(path, world.write, folder / "world.duckdb")
    for name, write_part in PARTS.items():
        _add(path, write_part, folder / f"{name}.duckdb", name)
    lines = [
        {
            "amount_value": "1",
            "amount_currency": "usd",
            "line_item": f"odd {number}, input",
            "quantity": quantity,
        }
        for number, quantity in enumerate(ODD_QUANTITIES)
    ]
    raw.pull(path, "c-openai", "costs", ODD_DAY, [line | {"quantity_unit": "tokens"} for line in lines])
    raw.load_events(path, list(_calls_of_eleven_weeks()), 1)


def write_alerts(home: Path) -> None:
    """The budgets of a rules file, and incidents with their messages."""
    rules = home / "alert_rules.yaml"
    rules.write_text(test_budgets.RULES, encoding="utf-8")
    test_budgets.write(Settings(home=home, rules_file=rules))


def _add(path: Path, write_part: Callable[[Path], None], part: Path, name: str = "") -> None:
    """Add a part's raw rows; a name stands before those of its files and events, so that no two parts share one."""
    with raw.connect(part):  # kept open, so that no pull opens the file anew
        write_part(part)
    columns = defaultdict(list)
    with raw.connect(path) as database:
        database.execute(f"attach '{part}' as part (read_only)")
        database.begin()
        for schema, table, column in database.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where database_name = 'part' and schema_name like 'raw%'"
        ).fetchall():
            columns[schema, table].append(column)
        for (schema, table), names in columns.items():
            named = [
                f"'{name}/' || {one} as {one}" for one in ("event_id", "file_url") if name and one in names
            ]
            replaced = f"replace ({', '.join(named)})" if named else ""
            key = "connection_id" if table == "connections" else "row_id" if "row_id" in names else None
            new = f"where {key} not in (select {key} from {schema}.{table})" if key else ""
            rows = f"select * {replaced} from part.{schema}.{table}"
            database.execute(f"create table if not exists {schema}.{table} as {rows} limit 0")
            database.execute(f"insert into {schema}.{table} by name {rows} {new}")
        database.commit()


def _calls_of_eleven_weeks():
    for number, call in enumerate(test_budgets.calls()):
        told = {name: value for name, value in call.items() if name != "canonical_model"}
        yield told | {
            "event_id": f"budgeted-{number}",
            "model": call["canonical_model"],
            "provider": call["provider"] or "openai",
            "received_at": call["started_at"] + timedelta(minutes=1),
            "content_hash": str(number),
            "file_url": "budgeted",
            "file_line": number,
        }
