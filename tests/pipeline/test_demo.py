"""`meterhouse demo` as a user runs it, and what it leaves behind."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from meterhouse.settings import Settings
from sandbox.anthropic.api import AnthropicKeys
from sandbox.openai.api import OpenAIKeys
from sandbox.slack import WEBHOOK_PATH
from tests.killing import run

SECRETS = {
    "the OpenAI admin key": OpenAIKeys().admin,
    "the Anthropic admin key": AnthropicKeys().admin,
    "the Slack webhook": WEBHOOK_PATH,
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """A finished demo: its home, what it printed on stdout and on stderr."""
    settings = Settings(home=tmp_path_factory.mktemp("demo") / "home")
    outcome = run(["demo", "--days", "3", "--json"], settings)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return settings, outcome.stdout, outcome.stderr


def test_the_demo_agrees_with_its_ledger_and_fires_its_alert_once(demo: tuple[Settings, str, str]) -> None:
    _, stdout, stderr = demo
    assert "agree to the last decimal" in stderr
    report = json.loads(stdout)
    assert [alert["rule"] for alert in report["alerts"]] == ["average-cost-per-transaction"]
    assert Decimal(report["alerts"][0]["value"]) > Decimal("1.25")


def test_the_report_of_afterwards_is_the_one_the_demo_printed(demo: tuple[Settings, str, str]) -> None:
    settings, stdout, _ = demo
    again = run(["report", "--json"], settings)
    assert json.loads(again.stdout) == json.loads(stdout)


def test_the_demo_replaces_itself_but_never_a_real_installation(
    demo: tuple[Settings, str, str], tmp_path: Path
) -> None:
    real = Settings(home=tmp_path / "real")
    (real.home_path / "control.db").write_bytes(b"")
    refused = run(["demo"], real)
    assert refused.returncode == 2
    assert "real installation" in refused.stderr


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_in_nothing_that_the_demo_leaves_behind(
    secret: str, demo: tuple[Settings, str, str]
) -> None:
    settings, stdout, stderr = demo
    needle = SECRETS[secret]
    assert needle not in stdout + stderr
    assert _files_with(settings.home_path, needle.encode()) == []
    for database in (settings.warehouse_path, settings.published_path):
        assert _cells_with(database, needle) == []


def test_the_vault_key_is_in_its_own_file_alone(demo: tuple[Settings, str, str]) -> None:
    settings, _, _ = demo
    key = settings.vault_key_path.read_text().split()[0]
    assert _files_with(settings.home_path, key.encode()) == [settings.vault_key_path]
    assert settings.vault_key_path.stat().st_mode & 0o777 == 0o600


def _files_with(folder: Path, needle: bytes) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    return [
        path
        for path in files
        if needle in (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    ]


def _cells_with(database: Path, needle: str) -> list[str]:
    with duckdb.connect(database, read_only=True) as connection:
        columns = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns where data_type = 'VARCHAR'"
        ).fetchall()
        assert len(columns) > 20
        return [
            f"{schema}.{table}.{column}"
            for schema, table, column in columns
            if connection.execute(
                f'select count(*) from "{schema}"."{table}" where contains("{column}", ?)', [needle]
            ).fetchone()
            != (0,)
        ]
