"""The dbt project keeps to its own rules, and to the schemas it is fed with."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from dlt_sources.registry import PROVIDERS
from meterhouse import marts_page
from meterhouse.events.kinds import KINDS
from meterhouse.events.schema import BUCKETS, REJECT_SCHEMA
from meterhouse.settings import Settings
from meterhouse.warehouse.dbt import target_path
from tests.dbt import raw

MODELS = sorted((raw.PROJECT / "models").rglob("*.sql"))
DIALECTS = ("postgres", "bigquery", "spark")
WRITTEN_BY_DBT = {
    ("fct_alerts", "bigquery"): "dbt's own `listagg` orders names there without a word on NULLs",
    ("fct_traces", "bigquery"): "dbt's own `listagg` orders names there without a word on NULLs",
    ("int_days__touched", "bigquery"): "dbt's own `listagg` orders parts there without a word on NULLs",
}
"""What only DuckDB's own form of a dispatched macro keeps from being translated."""


@pytest.fixture(scope="module")
def empty(empty_home, tmp_path_factory):
    """A warehouse nothing was ever loaded into, built."""
    path = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    shutil.copyfile(Settings(home=empty_home).warehouse_path, path)
    return path


@pytest.fixture(scope="module")
def manifest(empty_home):
    return json.loads((target_path(Settings(home=empty_home)) / "manifest.json").read_text())


def test_marts_stand_empty_before_anything_is_connected(empty):
    tables = [
        row["name"]
        for row in raw.rows(
            empty, "select table_name as name from information_schema.tables where table_schema = 'marts'"
        )
    ]
    counts = {name: raw.rows(empty, f"select count(*) as n from marts.{name}")[0]["n"] for name in tables}
    assert counts.keys() == {path.stem for path in MODELS if path.parent.name == "marts"}
    assert {name for name, n in counts.items() if n} == {"dim_day", "dim_model", "dim_price", "dim_provider"}


def test_the_project_parses_in_a_bare_environment(tmp_path):
    places = [
        "--project-dir",
        str(raw.PROJECT),
        "--profiles-dir",
        str(raw.PROJECT),
        "--target-path",
        str(tmp_path),
        "--log-path",
        str(tmp_path),
    ]
    code = (
        "import sys; from dbt.cli.main import dbtRunner;"
        f"sys.exit(not dbtRunner().invoke({['parse', '--quiet', *places]!r}).success)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
    )


def test_every_column_a_source_declares_is_one_that_is_loaded(manifest):
    loaded = {
        **{("metering", kind.name): set(kind.warehouse_schema.names) for kind in KINDS.values()},
        ("metering", "rejected_events"): set(REJECT_SCHEMA.names),
    }
    for provider in PROVIDERS.values():
        for report in provider.reports:
            loaded[provider.name, report.name] = {
                "connection_id",
                "day",
                "content_hash",
                "row_id",
                *report.columns,
            }
        for dimension in provider.dimensions:
            loaded[provider.name, dimension.name] = {"connection_id", "observed_at", *dimension.columns}
    declared = {(s["source_name"], s["name"]): set(s["columns"]) for s in manifest["sources"].values()}
    for table, columns in loaded.items():
        assert declared[table] <= columns, f"{table}: {declared[table] - columns} is never loaded"
    for table in (*KINDS, "rejected_events"):
        assert declared["metering", table] == loaded["metering", table]


def test_buckets_are_those_of_the_event_schema():
    text = (raw.PROJECT / "macros/buckets.sql").read_text()
    assert re.findall(r"\('(\w+)', '(\w+)'\)", text) == [
        (bucket.field, bucket.token_type) for bucket in BUCKETS
    ]


def test_every_mart_has_a_contract_and_describes_every_column(manifest):
    marts = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]
    for mart in marts:
        assert mart["contract"]["enforced"]
        assert all(column["description"] and column["data_type"] for column in mart["columns"].values()), (
            mart["name"]
        )


def test_the_page_of_marts_and_columns_is_that_of_the_models():
    assert marts_page.PAGE.read_text() == marts_page.page(), "run `make docs`"
    guide = (raw.PROJECT.parent / "docs/marts.md").read_text()
    assert [
        model.stem for model in MODELS if model.parent.name == "marts" and f"`{model.stem}`" not in guide
    ] == []


def test_every_report_has_a_reader_and_readers_read_marts_alone(manifest):
    read = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    assert {manifest["nodes"][node]["schema"] for node in read} == {"marts"}
    reports = {model.stem for model in MODELS if model.stem.startswith("rpt_")}
    assert reports <= {manifest["nodes"][node]["name"] for node in read}


def test_every_model_is_described_and_every_mart_has_a_tested_key(manifest):
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert [node["name"] for node in models if not node["description"]] == []
    tests = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and "test_metadata" in node
    ]
    keyed = {
        node["attached_node"]
        for node in tests
        if node["test_metadata"]["name"] in ("unique", "unique_columns")
    }
    assert [
        node["name"] for node in models if node["schema"] == "marts" and node["unique_id"] not in keyed
    ] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_models_keep_to_common_sql_and_their_layer(model):
    text = re.sub(r"\{#.*?#\}", "", model.read_text(), flags=re.S)
    assert not re.search(r"::|\bqualify\b|\bgroup by all\b|\bexclude\b|\bsource\(", text, flags=re.I)
    reads_raw = re.search(r"raw_table|current_rows|day_versions\(", text)
    assert bool(reads_raw) is (model.parent.parent.name == "staging"), (
        "staging, and it alone, reads raw tables"
    )
    assert not re.search(r" / ", text), "a division of decimals is a float"


def said_otherwise(tree, dialect):
    """The tree as our macros write it there: BigQuery's `regexp_replace` replaces every match without being told."""
    if dialect != "bigquery":
        return tree
    copied = tree.copy()
    for replaced in copied.find_all(exp.RegexpReplace):
        modifiers = replaced.args.get("modifiers")
        if modifiers is not None and modifiers.name == "g":
            modifiers.pop()
    return copied


def test_all_sql_is_understood_by_postgres_bigquery_and_spark(manifest):
    compiled = [node for node in manifest["nodes"].values() if node.get("compiled_code")]
    assert len(compiled) > 500
    faults, excused = {}, set()
    for node in compiled:
        name = node["name"]
        tree = sqlglot.parse_one(node["compiled_code"], read="duckdb", error_level=ErrorLevel.RAISE)
        for dialect in DIALECTS:
            try:
                sql = said_otherwise(tree, dialect).sql(dialect, unsupported_level=ErrorLevel.RAISE)
                sqlglot.parse_one(sql, read=dialect, error_level=ErrorLevel.RAISE)
            except SqlglotError as fault:
                if (name, dialect) in WRITTEN_BY_DBT:
                    excused.add((name, dialect))
                else:
                    faults[name, dialect] = str(fault)
    assert faults == {}
    assert excused == WRITTEN_BY_DBT.keys(), "an excuse that nothing needs is taken back"
