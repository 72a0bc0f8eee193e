"""PiAPI against its contract page: tasks of whole days, what they cost or hold, and no key in anything kept."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from dlt_sources import piapi
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.piapi import reports
from dlt_sources.piapi.reports import HISTORY_PATH, PiAPICredentials
from sandbox.faults import EndlessPaging
from sandbox.piapi.api import PiAPIDesk, piapi_app
from sandbox.piapi.books import PiAPIBooks, Task, small_account
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

KEY = "piapi-PLANTED-0123456789abcdef"
PROVIDER = piapi.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def task(number, usage=500_000, status="finished", at=NOON, **more):
    return Task(number, f"task-{number}", "kling", "video_generation", status, at, usage, **more)


def books(*tasks):
    return PiAPIBooks(NOW, list(tasks))


@pytest.fixture
def desk():
    return PiAPIDesk(books(), KEY)


@pytest.fixture
def api(desk):
    with Served(piapi_app(desk)) as served:
        served.credentials = lambda key=None: PiAPICredentials(
            api_key=key or KEY, environment="custom", base_url=served.url
        )
        yield served


def failure(api, table="task_history", **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, table, api, **options)
    return caught.value


def recorded(name, status=200):
    return Answer(status, (PAYLOADS / f"piapi_{name}.json").read_bytes())


def test_recorded_answers_load_with_every_digit_and_without_the_key(api, tmp_path):
    api.faults[HISTORY_PATH] = [recorded("histories")]
    api.faults["/account/info"] = [recorded("account_info")]
    late = piapi.build_provider(clock=lambda: datetime(2026, 11, 20, 23, 30, tzinfo=UTC), patience=QUICK)
    warehouse = Warehouse(tmp_path)
    warehouse.pull(late, api, window("2026-11-20", 1))
    columns = "day, id, api_key_id, task_model, action, status, usage, usage_type, created_at, detail_model"
    assert warehouse.current("piapi", "task_history", columns) == [
        (
            date(2026, 11, 20),
            "90211457",
            "77",
            "kling",
            "video_generation",
            "finished",
            "6400000",
            "point",
            "2026-11-20T23:03:48.765122491Z",
            "kling",
        )
    ]
    assert warehouse.current(
        "piapi", "account", "id, equivalent_in_usd, credit_pack_info_available_credits"
    ) == [("1234", "12.3450001", "750000")]
    left_behind = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left_behind
    assert not [path for path in left_behind if b"PLANTED" in path.read_bytes()]


def test_an_open_task_says_what_it_holds_and_nothing_of_what_went_in(desk, api):
    desk.books = books(task(1, 500_000, "processing", frozen=500_000))
    api.faults["/api/v1/task/task-1"] = [recorded("task")]
    (day,) = fetch(PROVIDER, "task_history", api, window("2026-10-01", 1))
    (row,) = day.rows
    assert (row["task_status"], row["task_meta_usage_frozen"], row["task_meta_usage_consume"]) == (
        "Processing",
        "500000",
        "0",
    )
    assert row["task_meta_started_at"] == "0001-01-01T00:00:00Z"
    assert not [value for value in row.values() if "harbour" in str(value) or "secret" in str(value)]


def test_only_tasks_whose_cost_is_open_are_asked_one_by_one(desk, api):
    desk.books = books(
        task(1),
        task(2, 0, "failed"),
        task(3, 500_000, "Failed", consumed=0),
        task(4, 500_000, "pending", frozen=500_000, is_known=False),
    )
    (day,) = fetch(PROVIDER, "task_history", api, window("2026-10-01", 1))
    assert [path for path, _ in api.requests if "/task/" in path] == [
        "/api/v1/task/task-4",
        "/api/v1/task/task-3",
    ]
    assert {row["id"]: row["task_meta_usage_consume"] for row in day.rows} == {
        "1": None,
        "2": None,
        "3": "0",
        "4": None,
    }


@pytest.mark.parametrize("is_flat", [True, False])
def test_a_day_is_read_to_its_total_and_holds_its_own_tasks_alone(desk, api, is_flat):
    desk.is_flat = is_flat
    first, last = NOON.replace(hour=0), NOON.replace(hour=23, minute=59, second=59, microsecond=999_999)
    edges = [
        task(900, at=first),
        task(901, at=last, nanoseconds=999),
        task(902, at=first + timedelta(days=1)),
    ]
    desk.books = books(*(task(n) for n in range(250)), *edges)
    days = fetch(PROVIDER, "task_history", api, window("2026-10-01", 2))
    assert [(day.day, len(day.rows)) for day in days] == [(DAY, 252), (date(2026, 10, 2), 1)]
    assert [query["page"] for query in api.asked(HISTORY_PATH)] == [["1"], ["2"], ["3"], ["1"]]


def test_days_after_now_are_not_asked_and_quiet_ones_are_told_as_empty(api):
    days = fetch(PROVIDER, "task_history", api, Window(NOW.date(), NOW.date() + timedelta(days=3)))
    assert [(day.day, day.rows) for day in days] == [(NOW.date(), [])]


def test_a_small_account_loads_to_its_truth(desk, api, tmp_path):
    desk.books, truth = small_account(DAY, 5, seed=7)
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, api, window("2026-10-01", 5), tables=["task_history"])
    found = warehouse.current(
        "piapi",
        "task_history",
        "day, task_model, action, sum(cast(usage as decimal(38, 0))) * 0.0000001",
        "group by all",
    )
    assert {(day, model, action): usd for day, model, action, usd in found} == truth.money


def test_a_restated_a_vanished_and_an_emptied_day_replace_what_was_said(desk, api, tmp_path):
    warehouse = Warehouse(tmp_path)
    for tasks, points in (
        ([task(1), task(2)], 1_000_000),
        ([replace(task(1), usage=7), task(2)], 500_007),
        ([task(2)], 500_000),
        ([], 0),
    ):
        desk.books = books(*tasks)
        warehouse.pull(PROVIDER, api, window("2026-10-01", 1), tables=["task_history"])
        assert warehouse.money("piapi", "task_history", "usage") == points


def test_usage_keeps_every_digit_and_a_new_field_passes_through(desk, api):
    desk.books = books(task(1, Decimal("12345678901234567.000000001"), "Completed"))
    desk.faults.extra_fields = {"brand_new": {"ü": 1}}
    (day,) = fetch(PROVIDER, "task_history", api, window("2026-10-01", 1))
    assert [(row["usage"], row["brand_new"]) for row in day.rows] == [
        ("12345678901234567.000000001", '{"ü": 1}')
    ]


@pytest.mark.parametrize("codes_in_bodies", [True, False])
def test_a_wrong_key_and_storms_are_the_same_whichever_way_they_are_told(desk, api, codes_in_bodies):
    desk.codes_in_bodies = codes_in_bodies
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, "task_history", api, window("2026-10-01", 1), "wrong-key-0")
    assert caught.value.fault is Fault.CREDENTIALS
    assert "invalid api key" in caught.value.message
    assert "Key Management" in caught.value.next_step
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 2, None
    desk.faults.failing_requests = 2
    desk.books = books(task(1))
    (day,) = fetch(PROVIDER, "task_history", api, window("2026-10-01", 1))
    assert len(day.rows) == 1


def test_a_failure_with_http_200_is_no_empty_day(api):
    api.faults[HISTORY_PATH] = [recorded("error_quota") for _ in range(9)]
    error = failure(api, days=window("2026-10-01", 1))
    assert error.fault is Fault.UNAVAILABLE
    assert "failed to pre-process task runtime" in error.message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"code": 200, "data": {"page": 1, "total": 0}}, "lacks its list `data`"),
        ({"code": 200, "data": {"data": [], "page": 1}}, "how many items"),
        ({"code": 200, "data": {"data": [], "total": 3}}, "counts 3 items but its pages hold 0"),
        ({"code": 200, "data": {"data": [{"usage": 1}], "total": 1}}, "lacks its `id`"),
        ({"code": 200, "data": {"data": [{"id": 1}], "total": 1}}, "lacks its `created_at`"),
        (
            {"code": 200, "data": {"data": [{"id": 1, "created_at": "2026-09-30T23:00:00Z"}], "total": 1}},
            "which was not asked for",
        ),
        (
            {
                "code": 200,
                "data": {"data": [{"id": 1, "created_at": "2026-10-01T01:00:00Z", "usage": "x"}], "total": 1},
            },
            "Field `usage`",
        ),
        ({"code": 4711, "message": "no such thing"}, "no such thing"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(api, body, sentence):
    api.faults[HISTORY_PATH] = [Answer(body=body) for _ in range(9)]
    assert sentence in failure(api, days=window("2026-10-01", 1)).message


@pytest.mark.parametrize(
    ("endless", "sentence"),
    [(EndlessPaging.SAME_CURSOR, "in a circle"), (EndlessPaging.NEW_CURSORS, "do not end")],
)
def test_pages_without_an_end_are_refused(desk, api, monkeypatch, endless, sentence):
    monkeypatch.setattr(reports, "PAGE_CAP", 9)
    desk.books = books(*(task(n) for n in range(150 if endless is EndlessPaging.SAME_CURSOR else 1)))
    desk.faults.endless_paging = endless
    assert sentence in failure(api, days=window("2026-10-01", 1)).message


def test_the_check_names_the_account_and_an_account_without_a_balance_is_refused(api):
    rights = PROVIDER.check(api.credentials())
    assert (rights.account_id, rights.account_name, rights.readable) == (
        "1234",
        "acme-media",
        PROVIDER.tables,
    )
    api.faults["/account/info"] = [Answer(body={"code": 200, "data": {"id": 1, "amount": Raw("1.0")}})]
    assert "equivalent_in_usd" in failure(api, "account").message
    assert payload("piapi_account_info.json")["data"]["api_key"] not in repr(rights)


def test_a_custom_environment_needs_its_url_and_production_has_its_own():
    assert PiAPICredentials(api_key="k").url == "https://api.piapi.ai"
    for form in ({"environment": "custom"}, {"base_url": "https://example.com"}, {"environment": "staging"}):
        with pytest.raises(ValidationError):
            PiAPICredentials(api_key="k", **form)
