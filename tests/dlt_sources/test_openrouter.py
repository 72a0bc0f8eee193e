"""OpenRouter against its contract page: recorded answers load exactly, and only days it can tell are told."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import openrouter
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.openrouter.reports import OpenRouterCredentials
from sandbox.faults import EndlessPaging
from sandbox.openrouter.api import (
    ActivityRow,
    OpenRouterBooks,
    OpenRouterDesk,
    OpenRouterKeys,
    openrouter_app,
)
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

ACTIVITY, KEY_LIST = "/api/v1/activity", "/api/v1/keys"
KEYS = OpenRouterKeys("sk-or-v1-PLANTEDmanagement", "sk-or-v1-PLANTEDinference")
PROVIDER = openrouter.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
DEFAULT = {"id": "ws-default", "name": "Default"}


def row(usage, day=DAY, model="openai/gpt-4.1", workspace="ws-default", byok="0"):
    money = (Decimal(usage), Decimal(byok))
    return ActivityRow(
        day, model, f"{model}-2025-04-14", "ep-1", "OpenAI", *money, 1, 100, 10, 0, 20, workspace
    )


def key(name, workspace="ws-default", disabled=False):
    return {"hash": name, "name": name, "disabled": disabled, "workspace_id": workspace}


def books(activity=(), keys=(), workspaces=(DEFAULT,), now=NOW):
    return OpenRouterBooks(
        now, list(activity), list(keys), list(workspaces), Decimal("100.5"), Decimal("25.75")
    )


@pytest.fixture
def desk():
    return OpenRouterDesk(books())


@pytest.fixture
def router(desk):
    with Served(openrouter_app(desk, KEYS)) as served:
        served.credentials = lambda key=None: OpenRouterCredentials(
            management_key=key or KEYS.management, base_url=f"{served.url}/api/v1"
        )
        yield served


def failure(router, table="activity", **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, table, router, **options)
    return caught.value


def recorded(name):
    return Answer(body=(PAYLOADS / f"openrouter_{name}.json").read_bytes())


def test_recorded_answers_load_with_every_digit(router, tmp_path):
    router.faults[ACTIVITY] = [recorded("activity")]
    router.faults["/api/v1/credits"] = [recorded("credits")]
    router.faults[KEY_LIST] = [recorded("keys")]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, router, Window(DAY, NOW.date() + timedelta(days=1)))
    columns = "model_permaslug, usage, byok_usage_inference, prompt_tokens, cached_tokens, workspace_id"
    assert warehouse.current("openrouter", "activity", columns, "order by 1") == [
        ("anthropic/claude-4.5-sonnet-20250929", "0.0021", "0.042", 9000, 0, None),
        ("openai/gpt-4.1-2025-04-14", "0.015", "0.0", 5000, 1000, None),
    ]
    assert warehouse.current("openrouter", "credits", "day, total_credits, total_usage") == [
        (NOW.date(), "100.5", "25.75")
    ]
    assert warehouse.ask('select name, usage, "limit", disabled from raw_openrouter.keys') == [
        ("search-prod", "25.5", "100.0", False)
    ]


def test_activity_grouped_by_workspace_names_it_and_takes_the_day_from_a_time(router):
    body = payload("openrouter_activity_by_workspace.json")
    body["data"][0]["date"] = "2026-10-01 00:00:00"
    router.faults[ACTIVITY] = [Answer(body=body)]
    (day,) = fetch(PROVIDER, "activity", router, window("2026-10-01", 1))
    assert (day.day, day.rows[0]["workspace_id"]) == (DAY, "3f0e8400-e29b-41d4-a716-446655440222")
    assert router.asked(ACTIVITY) == [{"group_by": ["workspace"]}]


def test_the_last_thirty_completed_days_come_in_one_request_and_today_is_not_told(desk, router):
    first = NOW.date() - timedelta(days=40)
    desk.books = books([row(n, first + timedelta(days=n)) for n in range(41)])
    days = fetch(PROVIDER, "activity", router, Window(first, NOW.date() + timedelta(days=1)))
    assert [day.day for day in days] == [NOW.date() - timedelta(days=ago) for ago in range(30, 0, -1)]
    assert [day.rows[0]["usage"] for day in days] == [str(n) for n in range(10, 40)]
    assert len(router.requests) == 1


def test_the_oldest_day_is_not_called_empty_because_it_may_have_left_the_window(router):
    days = fetch(PROVIDER, "activity", router, window("2026-09-20", 3))
    assert [(day.day, day.rows) for day in days] == [(date(2026, 9, 21), []), (date(2026, 9, 22), [])]


def test_yesterday_is_not_told_before_it_has_settled(desk, router):
    early = datetime(2026, 10, 20, 0, 29, tzinfo=UTC)
    provider = openrouter.build_provider(clock=lambda: early, patience=QUICK)
    desk.books = books([row("1", date(2026, 10, 19))], now=early)
    assert [day.day for day in fetch(provider, "activity", router, window("2026-10-18", 3))] == [
        date(2026, 10, 18)
    ]


def test_days_older_than_openrouter_tells_are_an_error_not_empty_days(router):
    assert "last 30 days only" in failure(router, days=window("2026-09-01", 3)).message
    assert router.requests == []


def test_an_inference_key_is_told_that_a_management_key_is_needed(router):
    with pytest.raises(ProviderError, match=r"^activity: .*Only management keys") as caught:
        PROVIDER.check(router.credentials(KEYS.inference))
    assert caught.value.fault is Fault.PERMISSION
    assert "management key" in caught.value.next_step


def test_a_management_key_may_read_everything(router):
    assert PROVIDER.check(router.credentials()).readable == PROVIDER.tables


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (400, "error_400_today", Fault.CONTRACT),
        (401, "error_401", Fault.CREDENTIALS),
        (403, "error_403", Fault.PERMISSION),
    ],
)
def test_recorded_errors_become_a_fault_with_the_words_of_openrouter(router, status, name, fault):
    router.faults[ACTIVITY] = [Answer(status, payload(f"openrouter_{name}.json"))]
    error = failure(router)
    assert error.fault is fault
    assert payload(f"openrouter_{name}.json")["error"]["message"] in error.message


@pytest.mark.parametrize("retry_after", [0, None])
def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, router, retry_after):
    desk.books = books([row("1")])
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 3, retry_after
    desk.faults.failing_requests = 2
    (day,) = fetch(PROVIDER, "activity", router, window("2026-10-01", 1))
    assert [line["usage"] for line in day.rows] == ["1"]


def test_a_rate_limit_that_stays_is_named(router):
    router.faults[ACTIVITY] = [Answer(429, payload("openrouter_error_429.json")) for _ in range(9)]
    error = failure(router)
    assert error.fault is Fault.RATE_LIMITED
    assert "Rate limit exceeded" in error.message


def test_keys_of_every_workspace_are_read_to_the_end_disabled_ones_too(desk, router):
    other = {"id": "ws-2", "name": "Zweites ü"}
    keys = [key(f"k{n}", disabled=n % 2 == 0) for n in range(150)] + [key("k-other", "ws-2")]
    desk.books = books(keys=keys, workspaces=(DEFAULT, other))
    assert len(fetch(PROVIDER, "keys", router)) == 151
    assert [item["name"] for item in fetch(PROVIDER, "workspaces", router)] == ["Default", "Zweites ü"]


def test_a_list_that_goes_in_a_circle_is_refused(desk, router):
    desk.faults.endless_paging = EndlessPaging.SAME_CURSOR
    assert "in a circle" in failure(router, "workspaces").message


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "lacks its list `data`"),
        ([{"usage": 1}], "lacks its `date`"),
        (["x"], "is not an object"),
        ([{"date": "2026-10-01", "usage": "a lot"}], "Field `usage`"),
        ([{"date": "2026-10-01", "requests": Raw("1.5")}], "Field `requests`"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(router, data, sentence):
    router.faults[ACTIVITY] = [Answer(body={"data": data})]
    error = failure(router, days=window("2026-10-01", 1))
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


def test_usage_keeps_every_digit_and_a_new_field_passes_through(router, tmp_path):
    lines = [
        {"date": "2026-10-01", "model": f"m{n}/ü", "usage": usage, "brand_new": {"a": [1]}}
        for n, usage in enumerate([Raw("1.2e-07"), "0.000000100", Raw("-3"), Raw("12345.000000000000001")])
    ]
    router.faults[ACTIVITY] = [Answer(body={"data": lines})]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, router, window("2026-10-01", 1), tables=["activity"])
    assert warehouse.current("openrouter", "activity", "usage, brand_new", "order by model") == [
        (usage, '{"a": [1]}') for usage in ("1.2e-07", "0.000000100", "-3", "12345.000000000000001")
    ]


def test_a_restated_a_shrunk_and_an_emptied_day_replace_what_was_said(desk, router, tmp_path):
    warehouse = Warehouse(tmp_path)
    for rows, money in (
        ([row("1"), row("2", workspace="ws-2")], 3),
        ([row("1.5"), row("2", workspace="ws-2")], Decimal("3.5")),
        ([row("2", workspace="ws-2")], 2),
        ([], 0),
    ):
        desk.books = books(rows)
        warehouse.pull(PROVIDER, router, window("2026-10-01", 1), tables=["activity"])
        assert warehouse.money("openrouter", "activity", "usage") == money
