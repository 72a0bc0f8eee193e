"""LiteLLM against its contract page: recorded answers load exactly, parts of a day add up, and a key that sees
only its own spend is refused."""

import json
from datetime import date
from decimal import Decimal

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources import litellm
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import find_provider_error
from dlt_sources.litellm.reports import LiteLLMCredentials
from sandbox.faults import EndlessPaging
from sandbox.litellm.api import ActivityRow, LiteLLMBooks, LiteLLMDesk, LiteLLMKeys, Metrics, litellm_app
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

ACTIVITY = "/user/daily/activity"
LOGS = "/spend/logs/v2"
KEYS = LiteLLMKeys("sk-PLANTEDviewer0123", "sk-PLANTEDuser0123")
PROVIDER = litellm.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
RECORDED = window("2026-11-23", 1)


def activity(spend, day=DAY, model="openai/gpt-4o", key="hash-1", user="alice", **more):
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "api_requests": 1} | more
    return ActivityRow(day, model, key, user, Metrics(Decimal(spend), successful_requests=1, **counts))


def key(token, **more):
    return {"token": token, "key_alias": f"alias of {token}", "user_id": "alice", "team_id": "t1", **more}


@pytest.fixture
def desk():
    return LiteLLMDesk(LiteLLMBooks([], [key("hash-1")], [{"team_id": "t1", "team_alias": "Search ü"}]))


@pytest.fixture
def proxy(desk):
    with Served(litellm_app(desk, KEYS)) as served:
        served.credentials = lambda key=None: LiteLLMCredentials(
            base_url=served.url, api_key=key or KEYS.admin
        )
        yield served


@pytest.fixture
def later():
    """The provider as it is on the day the recorded answers are of."""
    return litellm.build_provider(clock=lambda: NOW.replace(month=11, day=23), patience=QUICK)


def put(desk, rows):
    desk.books = LiteLLMBooks(rows, desk.books.keys, desk.books.teams)


def failure(proxy, table="daily_activity", provider=PROVIDER, **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(provider, table, proxy, **options)
    return caught.value


def payload_text(name):
    """A recorded body as bytes, its numbers as they were written."""
    return (PAYLOADS / name).read_bytes()


def test_recorded_pages_load_with_every_digit_and_their_parts_add_up(proxy, tmp_path, later):
    proxy.faults[ACTIVITY] = [
        Answer(body=payload_text(f"litellm_user_daily_activity_page{n}_of_2.json")) for n in (1, 2)
    ]
    proxy.faults["/key/list"] = [Answer(body=payload("litellm_keys.json"))]
    proxy.faults["/v2/team/list"] = [Answer(body=payload("litellm_teams.json"))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(later, proxy, RECORDED)

    columns = "model, spend, prompt_tokens, api_requests, failed_requests, team_id, key_exists"
    assert warehouse.current("litellm", "daily_activity", columns, "order by model") == [
        ("anthropic/claude-sonnet-4-5-20250929", "0.0003300000000000001", 10, 1, 0, "team-search", True),
        ("openai/gpt-4o", "0.000225", 10, 1, 0, "team-search", True),
        ("openai/some-unpriced-model", "0.0", 10, 1, 0, "team-search", True),
        ("unknown-model", "0.0", 0, 1, 1, "team-search", True),
    ]
    assert warehouse.ask("select key_alias, team_id, metadata_cost_center from raw_litellm.keys") == [
        ("search-prod", "team-search", "cc-42")
    ]
    assert warehouse.ask("select team_id, team_alias from raw_litellm.teams") == [
        ("team-search", "search-team")
    ]


def test_the_answer_in_one_page_holds_the_same_money_and_counts_as_in_two(proxy, later):
    proxy.faults[ACTIVITY] = [Answer(body=payload_text("litellm_user_daily_activity.json"))]
    (whole,) = fetch(later, "daily_activity", proxy, RECORDED)
    assert sum(row["api_requests"] for row in whole.rows) == 4
    assert sum(Decimal(row["spend"]) for row in whole.rows) == Decimal("0.0005550000000000001")


def test_a_day_of_many_proxy_rows_is_read_to_its_last_page_and_loses_nothing(desk, proxy):
    put(desk, [activity("0.001", key=f"hash-{n % 3}", user=f"u{n}") for n in range(2300)])
    (day,) = fetch(PROVIDER, "daily_activity", proxy, window("2026-10-01", 1))
    assert len(proxy.requests) == 3
    assert sum(Decimal(row["spend"]) for row in day.rows) == Decimal("2.3")
    assert sum(row["prompt_tokens"] for row in day.rows) == 23_000


def test_both_bounds_are_the_day_itself_because_both_are_inclusive(desk, proxy):
    put(desk, [activity(day.day, day) for day in window("2026-10-18", 5).days])
    days = fetch(PROVIDER, "daily_activity", proxy, window("2026-10-18", 5))
    assert [(query["start_date"], query["end_date"]) for query in proxy.asked(ACTIVITY)] == [
        ([f"2026-10-{n}"], [f"2026-10-{n}"]) for n in (18, 19, 20)
    ]
    assert [[row["spend"] for row in day.rows] for day in days] == [["18"], ["19"], ["20"]]


def test_spend_that_names_no_model_stays_visible_as_a_row_without_one(desk, proxy):
    put(desk, [activity("0.25"), activity("0.5", model=None, prompt_tokens=7)])
    (day,) = fetch(PROVIDER, "daily_activity", proxy, window("2026-10-01", 1))
    assert [(row["model"], row["spend"], row["prompt_tokens"], row["api_requests"]) for row in day.rows] == [
        ("openai/gpt-4o", "0.25", 10, 1),
        (None, "0.50", 7, 1),
    ]


def logged(number, began, spend="0.001", **more):
    """A request as the proxy shows it, with what must not be kept."""
    who = {"user_api_key_alias": "search-prod", "requester_ip_address": "203.0.113.7"}
    usage = {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}}
    return {
        "request_id": f"request-{number}",
        "api_key": "hash-1",
        "spend": Decimal(spend),
        "total_tokens": 15,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "startTime": began,
        "model": "openai/gpt-4o",
        "organization_id": "",
        "user": "alice",
        "metadata": who | {"usage_object": usage, "proxy_server_request": {"body": "PLANTED prompt"}},
        "request_tags": ["job:nightly", "User-Agent: curl"],
        "requester_ip_address": "203.0.113.7",
        "status": "success",
        **more,
    }


def put_logs(desk, logs):
    desk.books = LiteLLMBooks([], desk.books.keys, desk.books.teams, logs)


def test_the_recorded_request_loads_with_every_digit_and_without_addresses(proxy, tmp_path):
    body = payload("litellm_spend_logs_v2.json") | {"total": 1, "page": 1, "total_pages": 1}
    recorded = payload_text("litellm_spend_logs_v2.json")
    data = recorded[recorded.index(b"[") : recorded.rindex(b"]") + 1]
    rest = json.dumps({name: value for name, value in body.items() if name != "data"}).encode()
    proxy.faults[LOGS] = [Answer(body=b'{"data": ' + data + b", " + rest[1:])]
    provider = litellm.build_provider(clock=lambda: NOW.replace(month=11, day=25), patience=QUICK)
    warehouse = Warehouse(tmp_path)
    warehouse.pull(provider, proxy, RECORDED, tables=("spend_logs",))
    columns = (
        "request_id, spend, total_cost, input_cost, prompt_tokens, end_user, organization_id, request_tags"
    )
    assert warehouse.current("litellm", "spend_logs", columns) == [
        (
            "chatcmpl-83849fd9-8b69-4e01-896f-8e55b45494fe",
            "0.000225",
            "0.00022500000000000002",
            "2.5e-05",
            10,
            "end-user-7",
            None,
            '["feature:summarize", "job:nightly", "User-Agent: curl", "User-Agent: curl/7.88.1"]',
        )
    ]
    assert "127.0.0.1" not in str(warehouse.ask("select * from raw_litellm.spend_logs"))


def test_a_day_beyond_what_the_proxy_counts_is_read_in_halves_and_each_request_once(desk, proxy):
    desk.counted_logs = 40
    began = [f"2026-10-01T{n % 24:02}:{n % 60:02}:00.{n % 1000:03}+00:00" for n in range(300)]
    edges = ["2026-10-01T12:00:00+00:00", "2026-10-01T23:59:59.999+00:00"]
    outside = ["2026-10-02T00:00:00+00:00", "2026-09-30T23:59:59.999+00:00"]
    put_logs(desk, [logged(n, at) for n, at in enumerate([*began, *edges, *outside])])
    (day,) = fetch(PROVIDER, "spend_logs", proxy, window("2026-10-01", 1))
    assert sorted(row["request_id"] for row in day.rows) == sorted(f"request-{n}" for n in range(302))
    assert sum(Decimal(row["spend"]) for row in day.rows) == Decimal("0.302")
    kept = day.rows[0]
    assert (kept["cache_read_input_tokens"], kept["organization_id"], kept["user_id"]) == (4, None, "alice")
    assert "PLANTED" not in str(day.rows)
    assert "203.0.113.7" not in str(day.rows)


def test_pages_of_requests_are_read_to_the_last_and_must_add_up(desk, proxy):
    put_logs(desk, [logged(n, f"2026-10-01T10:00:00.{n % 1000:03}+00:00") for n in range(2300)])
    (day,) = fetch(PROVIDER, "spend_logs", proxy, window("2026-10-01", 1))
    assert (len(day.rows), len(proxy.requests)) == (2300, 3)
    put_logs(desk, [logged(1, "2026-10-01T10:00:00+00:00"), logged(1, "2026-10-01T11:00:00+00:00")])
    assert "hold 1 requests, not 2" in failure(proxy, "spend_logs", days=window("2026-10-01", 1)).message


def test_days_that_are_open_or_whose_requests_are_gone_are_left_out_not_emptied(desk, proxy):
    put_logs(desk, [logged(n, f"2026-10-{n}T10:00:00+00:00") for n in (18, 20)])
    days = fetch(PROVIDER, "spend_logs", proxy, window("2026-10-17", 5))
    assert [day.day.day for day in days] == [18]


def test_a_proxy_without_request_logs_is_connected_all_the_same(proxy):
    proxy.faults[LOGS] = [Answer(404, {"detail": "Not Found"})]
    assert PROVIDER.check(proxy.credentials()).readable == ("daily_activity", "keys", "teams")
    off = proxy.credentials().model_copy(update={"request_logs": "off"})
    assert "spend_logs" not in litellm.build_provider(lambda: NOW, QUICK).check(off).readable


def test_a_key_that_sees_only_its_own_spend_is_refused_by_the_check(proxy):
    with pytest.raises(ProviderError, match="Only proxy admin") as caught:
        PROVIDER.check(proxy.credentials(KEYS.user))
    assert caught.value.fault is Fault.PERMISSION
    assert "proxy_admin_viewer" in caught.value.next_step


def test_a_viewer_may_read_everything_and_the_account_is_the_proxy(proxy):
    rights = PROVIDER.check(proxy.credentials())
    assert (rights.account_id, sorted(rights.readable)) == (proxy.url, sorted(PROVIDER.tables))


@pytest.mark.parametrize(
    ("status", "body", "fault", "words"),
    [
        (401, payload("litellm_error_401.json"), Fault.CREDENTIALS, "Invalid proxy server token"),
        (401, payload("litellm_error_401_not_admin.json"), Fault.PERMISSION, "Only proxy admin"),
        (403, payload("litellm_error_400_enterprise_only.json"), Fault.PERMISSION, "Enterprise user"),
        (400, payload("litellm_error_400_no_dates.json"), Fault.CONTRACT, "Start date and end date"),
        (400, {"detail": "Database not connected"}, Fault.CONTRACT, "Database not connected"),
        (422, payload("litellm_error_422.json"), Fault.CONTRACT, "HTTP 422"),
    ],
)
def test_every_shape_of_error_becomes_a_sentence(proxy, status, body, fault, words):
    proxy.faults[ACTIVITY] = [Answer(status, body)]
    error = failure(proxy)
    assert error.fault is fault
    assert words in error.message
    assert "PLANTED" not in error.message


@pytest.mark.parametrize("retry_after", [0, None])
def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, proxy, retry_after):
    put(desk, [activity("1")])
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 3, retry_after
    desk.faults.failing_requests = 2
    (day,) = fetch(PROVIDER, "daily_activity", proxy, window("2026-10-01", 1))
    assert [row["spend"] for row in day.rows] == ["1"]


def test_a_rate_limit_that_stays_is_named(desk, proxy):
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 99, None
    assert failure(proxy).fault is Fault.RATE_LIMITED


def test_a_page_that_repeats_is_refused(desk, proxy):
    put(desk, [activity("1")])
    desk.faults.endless_paging = EndlessPaging.SAME_CURSOR
    assert "page 2 is the one before" in failure(proxy).message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"results": []}, "lacks `results` or `metadata.has_more`"),
        ({"results": [], "metadata": {"page": 1}}, "lacks `results` or `metadata.has_more`"),
        ({"results": [], "metadata": {"page": 2, "has_more": False}}, "page 2 when asked for page 1"),
        (
            {"results": [{"date": "2026-10-01"}], "metadata": {"page": 1, "has_more": False}},
            "breakdown.models",
        ),
        (
            {
                "results": [{"date": "2026-10-02", "metrics": {}, "breakdown": {"models": {}}}],
                "metadata": {"page": 1, "has_more": False},
            },
            "holds 2026-10-02, not asked for",
        ),
    ],
)
def test_a_page_that_does_not_add_up_is_refused_with_a_sentence(proxy, body, sentence):
    proxy.faults[ACTIVITY] = [Answer(body=body)]
    error = failure(proxy, days=window("2026-10-01", 1))
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


def test_rows_beyond_the_totals_of_their_day_are_refused(proxy):
    body = payload("litellm_user_daily_activity.json")
    body["results"][0] |= {"date": "2026-10-01"}
    body["results"][0]["metrics"]["api_requests"] = 3
    proxy.faults[ACTIVITY] = [Answer(body=body)]
    assert "exceed the day's totals" in failure(proxy, days=window("2026-10-01", 1)).message


@pytest.mark.parametrize(
    "spend", [Raw("2.5e-05"), "0.000025", Raw("-0.1"), Raw("7"), Raw("1234567.000000000000001")]
)
def test_spend_keeps_every_digit_whether_number_or_text(proxy, spend):
    metrics = {"spend": spend, "api_requests": "1", "total_tokens": Raw("3.0")}
    part = {
        "date": "2026-10-01",
        "metrics": metrics,
        "breakdown": {"models": {"modèle/ü": {"api_key_breakdown": {"h": {"metrics": metrics}}}}},
    }
    proxy.faults[ACTIVITY] = [Answer(body={"results": [part], "metadata": {"page": 1, "has_more": False}})]
    (day,) = fetch(PROVIDER, "daily_activity", proxy, window("2026-10-01", 1))
    assert [(row["model"], row["spend"], row["api_requests"]) for row in day.rows] == [
        ("modèle/ü", str(spend), 1)
    ]


def test_a_restated_a_shrunk_and_an_emptied_day_replace_what_was_said(desk, proxy, tmp_path):
    warehouse = Warehouse(tmp_path)
    for rows, money in (
        ([activity("1"), activity("2", key="hash-2")], 3),
        ([activity("1.5"), activity("2", key="hash-2")], Decimal("3.5")),
        ([activity("2", key="hash-2")], 2),
        ([], 0),
    ):
        put(desk, rows)
        warehouse.pull(PROVIDER, proxy, window("2026-10-01", 1))
        assert warehouse.money("litellm", "daily_activity", "spend") == money
    assert warehouse.ask("select row_count from raw_litellm.pulled_days order by observed_at") == [
        (2,),
        (2,),
        (1,),
        (0,),
    ]


def test_a_new_metric_passes_through_as_text(desk, proxy, tmp_path):
    put(desk, [activity("1")])
    desk.faults.extra_fields = {"brand_new_savings": Decimal("0.10")}
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, proxy, window("2026-10-01", 1))
    assert warehouse.current("litellm", "daily_activity", "brand_new_savings") == [("0.10",)]


def test_keys_are_paged_and_secrets_in_their_settings_are_not_kept(desk, proxy, tmp_path):
    secret = {"cost_center": "cc-1", "logging": [{"callback_vars": {"secret": "PLANTEDsecret"}}]}
    keys = [key(f"hash-{n}", metadata=secret, router_settings={"key": "PLANTEDsecret"}) for n in range(230)]
    desk.books = LiteLLMBooks([], keys, [])
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, proxy, window("2026-10-01", 1))
    assert warehouse.ask("select count(distinct token), min(metadata_cost_center) from raw_litellm.keys") == [
        (230, "cc-1")
    ]
    assert len(proxy.asked("/key/list")) == 3
    assert b"PLANTED" not in warehouse.path.read_bytes()


def test_a_key_that_expires_between_two_days_loads_nothing(desk, proxy, tmp_path):
    put(desk, [activity("1")])
    desk.faults.key_expires_after = 1
    warehouse = Warehouse(tmp_path)
    with pytest.raises(PipelineStepFailed) as caught:
        warehouse.pull(PROVIDER, proxy, window("2026-10-01", 2), tables=["daily_activity"])
    assert find_provider_error(caught.value).fault is Fault.CREDENTIALS
    assert not warehouse.path.exists()
