"""The warehouse: one writer, waiting that names the holder, and what is published."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from meterhouse.settings import Settings
from meterhouse.warehouse.lock import WarehouseBusyError, warehouse
from meterhouse.warehouse.publish import NoMartsError, publish

HOLD = """
import sys, time
from pathlib import Path
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse
with warehouse(Settings(home=Path(sys.argv[1])), "a long build"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def fill(settings: Settings, generation: int, rows: int = 1000) -> None:
    with warehouse(settings, "test") as path, duckdb.connect(path) as connection:
        connection.execute("create schema if not exists marts")
        for mart in ("fct_a", "fct_b"):
            connection.execute(
                f"create or replace table marts.{mart} as "
                f"select {generation} as generation, 1.10::decimal(38,12) as cost_usd from range({rows})"
            )


def test_a_second_process_waits_and_is_told_who_holds_the_warehouse(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(WarehouseBusyError, match=rf"process {holder.pid} holds it .*a long build"),
            warehouse(settings, "me", wait_seconds=0.3),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
    with warehouse(settings, "me", wait_seconds=5) as path:
        assert path.exists(), "the lock of a killed process is free at once"


def test_publishing_without_a_mart_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NoMartsError) as refused:
        publish(settings)
    assert "meterhouse build" in str(refused.value.next_step)


def test_what_is_published_is_what_the_marts_hold(settings: Settings) -> None:
    fill(settings, 1)
    assert publish(settings) == {"fct_a": 1000, "fct_b": 1000}
    with duckdb.connect(settings.published_path, read_only=True) as connection:
        assert (
            str(connection.execute("select sum(cost_usd) from marts.fct_a").fetchone()[0])
            == "1100.000000000000"
        )
    assert [p.name for p in settings.published_path.parent.iterdir()] == ["meterhouse.duckdb"]


def test_a_1_5_client_reads_the_published_file(settings: Settings) -> None:
    client = Path(sys.prefix) / "bi-client"
    if not client.exists():
        pytest.skip("NO DUCKDB 1.5 CLIENT HERE: run `make test`, which installs one")
    fill(settings, 1)
    publish(settings)
    code = f"""
        import sys; sys.path.insert(0, {str(client)!r})
        import duckdb, json
        c = duckdb.connect({str(settings.published_path)!r}, read_only=True)
        print(json.dumps([duckdb.__version__, str(c.execute("select sum(cost_usd) from marts.fct_b").fetchone()[0])]))
    """
    answer = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    version, total = json.loads(answer.stdout)
    assert version.startswith("1.5")
    assert total == "1100.000000000000"


def test_a_home_with_an_apostrophe_is_a_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "o'hara")
    fill(settings, 1)
    assert publish(settings) == {"fct_a": 1000, "fct_b": 1000}
