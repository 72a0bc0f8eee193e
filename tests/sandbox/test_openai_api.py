"""OpenAI on loopback: faithful to its contract, and in sum the ledger, to the last decimal."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from sandbox.catalogue import MODELS
from tests.sandbox.conftest import NOW, exact, pages, payload
from tests.sandbox.shapes import names, shape

COSTS = "/organization/costs"
COMPLETIONS = "/organization/usage/completions"
BY_LINE = {"group_by[]": ["project_id", "line_item", "api_key_id"]}
BY_MODEL = {"group_by[]": ["project_id", "model", "batch", "service_tier"]}
BILLED_NAMES = {model.billed: model.canonical for model in MODELS}
SERVED_NAMES = {model.served: model.canonical for model in MODELS}
SUFFIXES = {
    "input": ("input", "standard"),
    "cached input": ("cache_read", "standard"),
    "output": ("output", "standard"),
    "batch input": ("input", "batch"),
    "batch output": ("output", "batch"),
    "input_tokens": ("input", "standard"),
    "cached_input_tokens": ("cache_read", "standard"),
    "output_tokens": ("output", "standard"),
}


def seconds(moment):
    return int(moment.timestamp())


def history(world, **more):
    first = datetime.combine(world.closed_days[0], datetime.min.time(), UTC)
    today = datetime.combine(world.today, datetime.min.time(), UTC)
    return {"start_time": seconds(first), "end_time": seconds(today), **more}


def ledger_cells(sandbox):
    return {
        (row["day"], row["project"], row["model"], row["token_type"], row["tier"]): row
        for row in sandbox.ledger["cells"]
        if row["account"] == "openai" and row["billed_quantity"]
    }


def day_of(bucket):
    return datetime.fromtimestamp(bucket["start_time"], UTC).date().isoformat()


def test_cost_pages_add_up_to_every_cell_of_the_ledger(sandbox, openai):
    billed, quantities = defaultdict(Decimal), defaultdict(Decimal)
    credits_usd = Decimal(0)
    for bucket in pages(openai, COSTS, history(sandbox.world, limit=2, **BY_LINE)):
        for row in bucket["results"]:
            assert row["amount"]["currency"] == "usd"
            if row["line_item"] == "Credit grant":
                credits_usd += Decimal(row["amount"]["value"])
                assert row["quantity"] is row["quantity_unit"] is row["project_id"] is None
                continue
            model, _, suffix = row["line_item"].rpartition(", ")
            key = (day_of(bucket), row["project_id"], BILLED_NAMES[model], *SUFFIXES[suffix])
            billed[key] += Decimal(row["amount"]["value"])
            quantities[key] += row["quantity"] * {"tokens": 1, "1000_tokens": 1000}[row["quantity_unit"]]
    cells = ledger_cells(sandbox)
    assert billed == {key: Decimal(row["billed_usd"]) for key, row in cells.items()}
    assert quantities == {key: row["billed_quantity"] for key, row in cells.items()}
    total = sandbox.ledger["accounts"]["openai"]
    assert credits_usd == Decimal(total["credits_usd"])
    assert sum(billed.values()) + credits_usd == Decimal(total["billed_usd"])


def test_usage_pages_add_up_to_the_quantities_of_the_ledger(sandbox, openai):
    found = defaultdict(int)
    for bucket in pages(openai, COMPLETIONS, history(sandbox.world, limit=3, **BY_MODEL)):
        for row in bucket["results"]:
            key = (day_of(bucket), row["project_id"], SERVED_NAMES[row["model"]])
            tier = "batch" if row["batch"] else "standard"
            assert row["input_tokens"] == row["input_uncached_tokens"] + row["input_cached_tokens"]
            found[*key, "input", tier] += row["input_uncached_tokens"]
            found[*key, "cache_read", tier] += row["input_cached_tokens"]
            found[*key, "output", tier] += row["output_tokens"]
    for bucket in pages(
        openai, "/organization/usage/embeddings", history(sandbox.world, group_by="project_id")
    ):
        for row in bucket["results"]:
            found[day_of(bucket), row["project_id"], "text-embedding-3-small", "input", "standard"] += row[
                "input_tokens"
            ]
    cells = {key: row["billed_quantity"] for key, row in ledger_cells(sandbox).items()}
    assert {key: tokens for key, tokens in found.items() if tokens} == cells


def test_any_grouping_and_bucket_width_has_the_same_sum(sandbox, openai):
    def total(grouping):
        buckets = pages(openai, COSTS, history(sandbox.world) | grouping)
        return sum(Decimal(row["amount"]["value"]) for bucket in buckets for row in bucket["results"])

    assert len({total(grouping) for grouping in ({}, {"group_by": "line_item"}, BY_LINE)}) == 1

    def requests(width):
        buckets = pages(openai, COMPLETIONS, history(sandbox.world, bucket_width=width))
        return sum(row["num_model_requests"] for bucket in buckets for row in bucket["results"])

    assert requests("1h") == requests("1d") > 0


def test_answers_have_the_names_of_the_documented_examples(sandbox, openai):
    query = history(sandbox.world)
    numbers, texts = payload("openai_costs_page1"), payload("openai_costs_page2_string_amounts")
    rows = exact(openai.get(COSTS, params=query | BY_LINE))
    assert names(rows) == names(numbers)
    by_style = {type(row["amount"]["value"]): shape(row) for row in rows["data"][0]["results"]}
    assert shape(numbers["data"][0]["results"][0])["amount"] == by_style[Decimal]["amount"]
    assert shape(texts["data"][0]["results"][0])["amount"] == by_style[str]["amount"]
    usage = exact(openai.get(COMPLETIONS, params=query | BY_MODEL))
    assert names(usage) == names(payload("openai_usage_completions"))
    embeddings = exact(openai.get("/organization/usage/embeddings", params=query))
    assert names(embeddings) == names(payload("openai_usage_embeddings"))
    assert names(exact(openai.get("/organization/projects"))) == names(payload("openai_projects"))


def test_dimensions_are_null_unless_grouped_by(sandbox, openai):
    for bucket in pages(openai, COSTS, history(sandbox.world)):
        (row,) = bucket["results"]
        dimensions = (
            "line_item",
            "project_id",
            "api_key_id",
            "user_id",
            "api_source",
            "quantity",
            "quantity_unit",
        )
        assert {row[name] for name in dimensions} == {None}
    for bucket in pages(openai, COMPLETIONS, history(sandbox.world)):
        (row,) = bucket["results"]
        assert {row[name] for name in ("project_id", "api_key_id", "model", "batch", "service_tier")} == {
            None
        }


def test_plain_and_bracketed_arrays_are_the_same(sandbox, openai):
    bracketed = openai.get(COSTS, params=history(sandbox.world) | {"group_by[]": ["project_id", "line_item"]})
    plain = openai.get(COSTS, params=history(sandbox.world) | {"group_by": ["project_id", "line_item"]})
    assert bracketed.text == plain.text


def test_filters_narrow_a_report(sandbox, openai):
    query = history(sandbox.world, **{"group_by[]": "project_id", "project_ids[]": "proj_labs"})
    found = {row["project_id"] for bucket in pages(openai, COSTS, query) for row in bucket["results"]}
    assert found == {"proj_labs"}


def test_days_without_traffic_are_empty_buckets(sandbox, openai):
    before = datetime.combine(sandbox.world.closed_days[0], datetime.min.time(), UTC) - timedelta(days=3)
    query = {"start_time": seconds(before), "end_time": seconds(before + timedelta(days=3))}
    buckets = pages(openai, COSTS, query)
    assert [bucket["results"] for bucket in buckets] == [[], [], []]
    assert shape(buckets[0]) == shape(payload("openai_costs_empty_bucket")["data"][0])


@pytest.mark.parametrize("end", [None, NOW, NOW + timedelta(days=3)])
def test_today_is_a_partial_bucket_and_the_last(sandbox, openai, end):
    today = datetime.combine(sandbox.world.today, datetime.min.time(), UTC)
    query = {"start_time": seconds(today - timedelta(days=1)), **BY_LINE}
    buckets = pages(openai, COSTS, query | ({"end_time": seconds(end)} if end else {}))
    assert [bucket["start_time"] for bucket in buckets] == [
        seconds(today - timedelta(days=1)),
        seconds(today),
    ]
    assert buckets[-1]["end_time"] == seconds(today + timedelta(days=1))
    assert any(row["line_item"].startswith("o1-pro") for row in buckets[-1]["results"])


@pytest.mark.parametrize(
    "report",
    [
        "moderations",
        "images",
        "audio_speeches",
        "audio_transcriptions",
        "vector_stores",
        "code_interpreter_sessions",
        "file_search_calls",
        "web_search_calls",
    ],
)
def test_reports_of_services_nobody_used_are_empty(sandbox, openai, report):
    buckets = pages(
        openai, f"/organization/usage/{report}", history(sandbox.world, **{"group_by[]": "project_id"})
    )
    assert len(buckets) == 6
    assert not any(bucket["results"] for bucket in buckets)


@pytest.mark.parametrize(
    ("path", "params", "parameter"),
    [
        (COSTS, {}, "start_time"),
        (COSTS, {"start_time": "yesterday"}, "start_time"),
        (COSTS, {"start_time": 5, "end_time": 5}, "end_time"),
        (COSTS, {"start_time": 5, "bucket_width": "1h"}, "bucket_width"),
        (COSTS, {"start_time": 5, "limit": 181}, "limit"),
        (COMPLETIONS, {"start_time": 5, "limit": 32}, "limit"),
        (COSTS, {"start_time": 5, "group_by": "model"}, "group_by"),
        (COSTS, {"start_time": 5, "group_by[]": "project_id,line_item"}, "group_by"),
        (COSTS, {"start_time": 5, "group_by[]": ["project_id", "user_id"]}, "group_by"),
        (COSTS, {"start_time": 5, "page": "nonsense"}, "page"),
        ("/organization/projects", {"after": "proj_nowhere"}, "after"),
    ],
)
def test_wrong_parameters_are_refused_by_name(openai, path, params, parameter):
    response = openai.get(path, params=params)
    assert response.status_code == 400
    error = exact(response)["error"]
    assert (error["param"], error["type"]) == (parameter, "invalid_request_error")
    assert error.keys() == payload("openai_error_401")["error"].keys()


@pytest.mark.parametrize(
    ("key", "status", "example"),
    [
        ("project", 403, "openai_error_403_scope"),
        ("wrong", 401, "openai_error_401"),
        (None, 401, "openai_error_401"),
    ],
)
def test_only_an_admin_key_may_read(sandbox, key, status, example):
    keys = {"project": sandbox.openai_keys.project, "wrong": "sk-admin-somebody-wxyz"}
    headers = {"Authorization": f"Bearer {keys[key]}"} if key else {}
    response = httpx.get(f"{sandbox.openai_url}{COSTS}", params={"start_time": 5}, headers=headers)
    assert response.status_code == status
    assert shape(exact(response)) == shape(payload(example))
    if key:
        assert keys[key] not in response.text
    if key == "project":
        assert exact(response) == payload(example)


def test_projects_and_their_keys_are_listed_page_by_page(openai):
    ids, after = [], {}
    while True:
        body = exact(
            openai.get("/organization/projects", params={"limit": 2, "include_archived": "true"} | after)
        )
        ids += [project["id"] for project in body["data"]]
        after = {"after": body["last_id"]}
        if not body["has_more"]:
            break
    assert ids == ["proj_code", "proj_chat", "proj_insights", "proj_labs", "proj_proxy", "proj_attic"]
    active = exact(openai.get("/organization/projects"))["data"]
    assert [project["id"] for project in active] == ids[:-1]
    keys = exact(openai.get("/organization/projects/proj_code/api_keys"))["data"]
    assert [key["id"] for key in keys] == ["key_code_ci"]
    assert openai.get("/organization/projects/proj_nowhere/api_keys").status_code == 404
