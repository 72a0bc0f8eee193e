"""Each provider runs alone from the command line, and is found by its name."""

import os
import subprocess
import sys

import duckdb
import pytest

from dlt_sources.registry import PROVIDERS, provider
from tests.dlt_sources.fake_provider import OPENAI_KEY


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "COLUMNS": "200"},
        timeout=60,
    )


def test_a_window_is_pulled_into_a_file_with_the_key_from_the_environment(fake, tmp_path):
    fake.put_example("/v1/organization/costs", "openai_costs_page1.json")
    file = tmp_path / "out.duckdb"
    options = [
        "--start",
        "2026-10-01",
        "--end",
        "2026-10-03",
        "--file",
        str(file),
        "--base-url",
        f"{fake.url}/v1",
    ]
    done = run("dlt_sources.openai", *options, OPENAI_ADMIN_KEY=OPENAI_KEY)
    assert done.returncode == 0, done.stderr
    assert "8 report days with 6 rows" in done.stdout
    with duckdb.connect(str(file)) as connection:
        assert connection.execute("select count(*) from raw_openai.costs").fetchall() == [(6,)]
    assert "PLANTED" not in done.stdout + done.stderr


def test_a_refused_key_ends_with_the_sentence_and_the_next_step(fake, tmp_path):
    options = ["--start", "2026-10-01", "--file", str(tmp_path / "x.duckdb"), "--base-url", fake.url]
    done = run("dlt_sources.anthropic", *options, ANTHROPIC_ADMIN_KEY="sk-ant-api03-PLANTED")
    assert done.returncode == 1
    assert "Anthropic does not accept the key" in done.stderr
    assert "sk-ant-admin01-" in done.stderr
    assert "Traceback" not in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr


def test_a_key_of_the_wrong_form_is_refused_without_a_traceback(tmp_path):
    done = run("dlt_sources.openai", "--file", str(tmp_path / "x"), OPENAI_ADMIN_KEY="two words PLANTED")
    assert done.returncode == 2
    assert "one word" in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_is_registered_under_its_own_name_with_a_form_in_words(name):
    declared = provider(name)
    assert declared.name == name
    assert len(set(declared.tables)) == len(declared.tables)
    for field in declared.credentials.model_fields.values():
        assert field.title
        assert field.description


def test_an_unknown_provider_is_answered_with_the_known_ones():
    with pytest.raises(LookupError, match="no provider 'opanai'; the known ones are: anthropic, "):
        provider("opanai")
