"""`meterhouse demo` as a user runs it, and what it leaves behind."""

import gzip
import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from meterhouse.cli.demo.truth import REQUESTS_AT_MOST
from meterhouse.connections import registry
from meterhouse.report import build_report, usd
from meterhouse.settings import Settings
from sandbox.anthropic.api import AnthropicKeys
from sandbox.azure_openai.books import AzureApp
from sandbox.google.books import ServiceAccount
from sandbox.litellm.api import LiteLLMKeys
from sandbox.openai.api import OpenAIKeys
from sandbox.openrouter.api import OpenRouterKeys
from sandbox.services import ACCOUNTS
from sandbox.slack import WEBHOOK_PATH
from tests.console.serving import Visitor, served, words
from tests.killing import run
from tests.pipeline.conftest import DEMO_SECONDS, Demo, copied

pytestmark = pytest.mark.timeout(DEMO_SECONDS)

SECRETS = {
    "the OpenAI admin key": OpenAIKeys().admin,
    "the Anthropic admin key": AnthropicKeys().admin,
    "the AWS secret": "example+SECRET/0123456789abcdefghijklmnop",
    "the Azure client secret": AzureApp().client_secret,
    "the Azure token": AzureApp().token,
    "the Google token": ServiceAccount().token,
    "the OpenRouter key": OpenRouterKeys().management,
    "the LiteLLM key": LiteLLMKeys().admin,
    "the PiAPI key": "piapi-0123456789abcdef-EXAMPLE",
    "the Slack webhook": WEBHOOK_PATH,
}


def test_the_demo_agrees_with_its_ledger_and_fires_its_alert_once(demo: Demo) -> None:
    assert "agree to the last decimal" in demo.stderr
    report = json.loads(demo.stdout)
    assert [alert["rule"] for alert in report["alerts"]] == ["average-cost-per-transaction"]
    assert Decimal(report["alerts"][0]["value"]) > Decimal("1.25")


def test_the_report_of_afterwards_is_the_one_the_demo_printed(demo: Demo) -> None:
    again = run(["report", "--json"], demo.settings)
    assert json.loads(again.stdout) == json.loads(demo.stdout)


def test_every_account_is_connected_and_its_requests_are_counted(demo: Demo) -> None:
    statuses = {one["name"]: one["status"] for one in json.loads(demo.stdout)["connections"]}
    assert statuses == dict.fromkeys(ACCOUNTS, "connected")
    counts = {
        account: int(count) for account, count in re.findall(r"│ (\S+) +│ connected +│ +(\d+) │", demo.stderr)
    }
    assert set(counts) == set(ACCOUNTS)
    assert all(0 < count <= REQUESTS_AT_MOST for count in counts.values())


def test_the_demo_never_replaces_a_real_installation(tmp_path: Path) -> None:
    real = Settings(home=tmp_path / "real")
    (real.home_path / "control.db").write_bytes(b"")
    refused = run(["demo"], real)
    assert refused.returncode == 2
    assert "real installation" in refused.stderr


def test_no_secret_is_in_anything_that_the_demo_leaves_behind(demo: Demo) -> None:
    needles = list(SECRETS.values())
    assert [name for name, needle in SECRETS.items() if needle in demo.stdout + demo.stderr] == []
    assert _files_with(demo.settings.home_path, [needle.encode() for needle in needles]) == []
    for database in (demo.settings.warehouse_path, demo.settings.published_path):
        assert _cells_with(database, needles) == []


def test_the_console_shows_the_reports_numbers_and_no_secret(demo: Demo, tmp_path: Path) -> None:
    settings = copied(demo.settings.home_path, tmp_path)
    report = build_report(settings, by=["customer"])
    with served(settings) as url:
        visitor = Visitor(url)
        ids = [connection.id for connection in registry.find(settings)]
        pages = [
            visitor.get(path)
            for path in (
                *(
                    "/connections",
                    "/integrations",
                    "/costs",
                    "/transactions",
                    "/rejects",
                    "/alerts",
                    "/health",
                ),
                *(f"/connections/{one}" for one in ids),
            )
        ]
        costs = words(visitor.get(f"/costs?by=customer&from={report['from']}&to={report['to']}"))
    assert len(ids) == len(ACCOUNTS)
    assert {page.status_code for page in pages} == {200}
    for name in ("billed", "metered", "unattributed"):
        assert f" {usd(report[name])} USD" in costs
    for row in report["rows"]:
        amounts = (usd(row[name]) for name in ("billed", "attributed", "metered", "provisional"))
        assert f"{' '.join(amounts)} {row['events']:,}" in costs
    assert [name for name, secret in SECRETS.items() if any(secret in page.text for page in pages)] == []


def test_the_vault_key_is_in_its_own_file_alone(demo: Demo) -> None:
    settings = demo.settings
    key = settings.vault_key_path.read_text().split()[0]
    assert _files_with(settings.home_path, [key.encode()]) == [settings.vault_key_path]
    assert settings.vault_key_path.stat().st_mode & 0o777 == 0o600


def _files_with(folder: Path, needles: list[bytes]) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    return [
        path for path in files if any(needle in content for content in [_content(path)] for needle in needles)
    ]


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _cells_with(database: Path, needles: list[str]) -> list[str]:
    """Columns of tables that hold any of the needles; views hold nothing of their own."""
    with duckdb.connect(database, read_only=True) as connection:
        columns = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns "
            "inner join information_schema.tables using (table_catalog, table_schema, table_name) "
            "where data_type = 'VARCHAR' and table_type = 'BASE TABLE'"
        ).fetchall()
        assert len(columns) > 20
        return [
            f"{schema}.{table}.{column}"
            for schema, table, column in columns
            if connection.execute(
                f'select count(*) from "{schema}"."{table}" where '
                + " or ".join(f'contains("{column}", ?)' for _ in needles),
                needles,
            ).fetchone()
            != (0,)
        ]
