"""What every provider declares: card, form, check, window, tables, page, recorded examples."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from dlt_sources.contract import Provider
from dlt_sources.registry import PROVIDERS
from tests.conformance.small import WITHOUT_SMALL_ACCOUNT, secret_fields

ROOT = Path(__file__).parents[2]
HEADINGS = ("Connect", "What is pulled", "Time", "Traps", "When it is not connected")
SECRET = re.compile(r"(^|_)(key|secret|token|password|json)$")
OURS = {"connection_id", "day", "content_hash", "row_id", "observed_at"}

each = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))


@each
def test_the_form_says_of_each_field_what_it_is_and_hides_each_secret(provider: Provider):
    fields = provider.credentials.model_fields
    assert provider.title
    for name, field in fields.items():
        assert field.title, f"field {name} has no title"
        assert field.description, f"field {name} has no description"
    secrets = set(secret_fields(provider.credentials))
    assert {name for name in fields if SECRET.search(name)} <= secrets


@each
def test_the_window_looks_back_and_the_history_further(provider: Provider):
    assert timedelta(0) < provider.lookback <= timedelta(days=400)
    assert provider.history >= timedelta(days=1)
    assert provider.freshness > timedelta(0)


@each
def test_the_tables_are_typed_described_and_free_of_our_columns(provider: Provider):
    assert provider.reports
    assert len(set(provider.tables)) == len(provider.tables)
    for table in (*provider.reports, *provider.dimensions):
        assert table.description.endswith(".")
        assert table.columns
        assert not OURS & table.columns.keys()
        assert {hint["data_type"] for hint in table.columns.values()} <= {"text", "bigint", "bool"}
    for dimension in provider.dimensions:
        assert dimension.key in dimension.columns


@each
def test_the_page_has_the_headings_of_all_pages_and_names_every_table(provider: Provider):
    page = (ROOT / "docs" / "providers" / f"{provider.name}.md").read_text()
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == list(HEADINGS)
    assert [table for table in provider.tables if table not in page] == []


@each
def test_recorded_answers_are_there_and_are_json(provider: Provider):
    files = sorted((ROOT / "tests" / "data" / "provider_payloads").glob(f"{provider.name}_*"))
    assert files or not secret_fields(provider.credentials), (
        "what is asked over a network has recorded answers"
    )
    for file in files:
        if file.suffix == ".json":
            json.loads(file.read_text())


@each
def test_the_sandbox_has_a_small_account_of_it(provider: Provider):
    module = ROOT / "sandbox" / provider.name / "small.py"
    if provider.name in WITHOUT_SMALL_ACCOUNT:
        assert not module.exists(), (
            f"{provider.name} has its small account: take it out of WITHOUT_SMALL_ACCOUNT"
        )
    else:
        assert module.exists(), (
            f"provider {provider.name} has no sandbox/{provider.name}/small.py: give it `small_server(now, seed)`"
        )
