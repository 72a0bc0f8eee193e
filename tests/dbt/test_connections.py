"""Which connection pays for an event, and how that is shown."""

from datetime import date

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)


@pytest.fixture(scope="module")
def matches(tmp_path_factory, empty_home):
    path = tmp_path_factory.mktemp("connections") / "warehouse.duckdb"
    raw.create(path, empty_home=empty_home)
    raw.add_connections(path, "c-openai", "c-openai-2", "c-anthropic")
    usage = {"input_tokens": 1, "output_tokens": 1, "num_model_requests": 1, "model": "gpt-4o"}
    raw.pull(
        path,
        "c-openai",
        "usage_completions",
        DAY,
        [{**usage, "project_id": "shared"}, {**usage, "project_id": "mine", "api_key_id": "key1"}],
    )
    raw.pull(path, "c-openai-2", "usage_completions", DAY, [{**usage, "project_id": "shared"}])
    with raw.connect(path) as connection:
        connection.execute(
            "insert into raw_openai.project_api_keys (connection_id, id, name)"
            " values ('c-openai-2', 'key2', 'prod key'), ('c-removed', 'key2', 'prod key'),"
            " ('c-removed', 'key3', 'old key')"
        )
    cases = {
        "named": {"connection": "name of c-openai-2", "provider_key": "key1"},
        "key": {"provider_key": "key1", "provider_project": "shared"},
        "key by name": {"provider_key": "prod key"},
        "key of a removed connection": {"provider_key": "key3"},
        "project": {"provider_project": "mine"},
        "shared": {"provider_project": "shared"},
        "no such name": {"connection": "nobody", "provider_project": "mine"},
        "nothing": {},
        "only": {"provider": "anthropic"},
        "none": {"provider": "groq"},
    }
    events = [
        {
            "event_id": name,
            "provider": "openai",
            "model": "gpt-4o",
            "started_at": raw.after(DAY, 1),
            "received_at": raw.after(DAY, 1),
            "content_hash": name,
            "file_url": "f",
            "file_line": line,
            "input_tokens": 10,
            "cost_status": "unpriced",
            **carried,
        }
        for line, (name, carried) in enumerate(cases.items())
    ]
    raw.load_events(path, events, 1)
    assert raw.build(path) == []
    return path, {
        row["event_id"]: (row["connection_id"], row["connection_match"])
        for row in raw.rows(path, "select * from marts.fct_transactions")
    }


def test_an_event_goes_to_the_connection_that_it_names_or_that_alone_knows_its_key_or_project(matches):
    _, found = matches
    assert found == {
        "named": ("c-openai-2", "named"),
        "key": ("c-openai", "key"),
        "key by name": ("c-openai-2", "key"),
        "key of a removed connection": (None, "ambiguous"),
        "project": ("c-openai", "project"),
        "shared": (None, "ambiguous"),
        "no such name": ("c-openai", "project"),
        "nothing": (None, "ambiguous"),
        "only": ("c-anthropic", "only"),
        "none": (None, "unconnected"),
    }


def test_events_without_a_connection_stay_visible_and_outside_the_bill(matches):
    path, _ = matches
    found = raw.rows(path, "select * from marts.fct_reconciliation where connection_id is null")
    assert {(row["provider"], int(row["metered_quantity"]), row["is_provisional"]) for row in found} == {
        ("openai", 30, True),
        ("groq", 10, True),
    }
    assert [
        row["provider_name"]
        for row in raw.rows(
            path,
            "select * from marts.dim_provider where provider in ('anthropic', 'groq', 'openai') order by 1",
        )
    ] == ["Anthropic", "groq", "OpenAI"]
