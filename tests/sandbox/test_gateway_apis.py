"""LiteLLM and OpenRouter on loopback: answers of the recorded shape, whole over all pages, closed to wrong keys."""

from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import pytest

from sandbox.faults import FaultyServer
from sandbox.litellm.api import ActivityRow, LiteLLMBooks, LiteLLMDesk, LiteLLMKeys, Metrics, litellm_app
from sandbox.openrouter.api import ActivityRow as RouterRow
from sandbox.openrouter.api import OpenRouterBooks, OpenRouterDesk, OpenRouterKeys, openrouter_app
from tests.dlt_sources.served import Served
from tests.sandbox.conftest import exact, payload
from tests.sandbox.shapes import names, shape

DAY = date(2026, 10, 1)
ASKED = {"start_date": "2026-10-01", "end_date": "2026-10-01"}


def get(app: FaultyServer, path: str, key: str, **params):
    with Served(app) as served:
        return httpx.get(f"{served.url}{path}", params=params, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def proxy():
    rows = [
        ActivityRow(DAY, f"openai/m{n % 2}", "h", user, Metrics(Decimal("0.10"), api_requests=1))
        for n, user in enumerate(("alice", "bob", "bob", "alice", "alice"))
    ]
    keys, teams = payload("litellm_keys")["keys"], payload("litellm_teams")["teams"]
    return litellm_app(LiteLLMDesk(LiteLLMBooks(rows, keys, teams)), LiteLLMKeys())


@pytest.fixture
def router():
    def row(day, workspace):
        money = (Decimal("0.015"), Decimal("0"))
        model = ("openai/gpt-4.1", "openai/gpt-4.1-2025-04-14", "ep-1", "OpenAI")
        return RouterRow(day, *model, *money, 5, 5000, 625, 0, 1000, workspace)

    days = (date(2026, 9, 20), date(2026, 9, 21), DAY, date(2026, 10, 21))
    rows = [row(day, workspace) for day in days for workspace in ("ws-1", "ws-2")]
    keys = payload("openrouter_keys")["data"]
    books = OpenRouterBooks(
        datetime(2026, 10, 21, 12, tzinfo=UTC),
        rows,
        keys,
        [{"id": keys[0]["workspace_id"], "name": "Default"}],
        Decimal("100.5"),
        Decimal("25.75"),
    )
    return openrouter_app(OpenRouterDesk(books), OpenRouterKeys())


def test_a_day_of_litellm_has_the_recorded_names_on_every_page(proxy):
    answer = exact(get(proxy, "/user/daily/activity", LiteLLMKeys().admin, **ASKED))
    recorded = payload("litellm_user_daily_activity")
    assert names(answer["metadata"]) == names(recorded["metadata"])
    (day,), (recorded_day,) = answer["results"], recorded["results"]
    assert names(day["metrics"]) == names(recorded_day["metrics"])
    one, recorded_one = (next(iter(d["breakdown"]["models"].values())) for d in (day, recorded_day))
    one_key, recorded_key = (next(iter(m["api_key_breakdown"].values())) for m in (one, recorded_one))
    assert names(one_key) == names(recorded_key)


def test_parts_of_a_day_on_small_pages_are_the_whole_day(proxy):
    pages = [
        exact(get(proxy, "/user/daily/activity", LiteLLMKeys().admin, page=n, page_size=2, **ASKED))
        for n in (1, 2, 3)
    ]
    assert [page["metadata"]["has_more"] for page in pages] == [True, True, False]
    assert sum(page["results"][0]["metrics"]["spend"] for page in pages) == Decimal("0.50")


def test_an_ordinary_litellm_key_sees_its_own_spend_and_nothing_global(proxy):
    own = exact(get(proxy, "/user/daily/activity", LiteLLMKeys().user, **ASKED))
    assert own["metadata"]["total_spend"] == Decimal("0.30")
    refused = get(proxy, "/global/spend", LiteLLMKeys().user)
    assert refused.status_code == 401
    assert shape(refused.json()) == shape(payload("litellm_error_401_not_admin"))


@pytest.mark.parametrize("path", ["/user/daily/activity", "/global/spend", "/key/list", "/v2/team/list"])
def test_litellm_is_closed_to_a_wrong_key(proxy, path):
    refused = get(proxy, path, "sk-wrong", **ASKED)
    assert refused.status_code == 401
    assert shape(refused.json()) == shape(payload("litellm_error_401"))


def test_litellm_refuses_a_request_without_days_and_too_long_pages(proxy):
    assert get(proxy, "/user/daily/activity", LiteLLMKeys().admin).json() == payload(
        "litellm_error_400_no_dates"
    )
    long = get(proxy, "/user/daily/activity", LiteLLMKeys().admin, page_size=1001, **ASKED)
    assert (long.status_code, long.json()) == (422, payload("litellm_error_422"))


def test_lists_of_litellm_have_the_recorded_names(proxy):
    for path, name in (("/key/list", "litellm_keys"), ("/v2/team/list", "litellm_teams")):
        assert names(get(proxy, path, LiteLLMKeys().admin).json()) == names(payload(name))


def test_activity_of_openrouter_has_the_recorded_shape_and_only_completed_days(router):
    by_workspace = exact(get(router, "/api/v1/activity", OpenRouterKeys().management, group_by="workspace"))
    assert shape(by_workspace) == shape(payload("openrouter_activity_by_workspace"))
    assert sorted({row["date"] for row in by_workspace["data"]}) == ["2026-09-21", "2026-10-01"]
    whole = exact(get(router, "/api/v1/activity", OpenRouterKeys().management))
    assert shape(whole) == shape(payload("openrouter_activity"))
    assert [row["usage"] for row in whole["data"]] == [Decimal("0.030")] * 2


@pytest.mark.parametrize("day", ["2026-10-21", "2026-09-20"])
def test_openrouter_refuses_today_and_days_out_of_its_window(router, day):
    refused = get(router, "/api/v1/activity", OpenRouterKeys().management, date=day)
    assert (refused.status_code, refused.json()) == (400, payload("openrouter_error_400_today"))


@pytest.mark.parametrize("path", ["activity", "credits", "keys", "workspaces"])
def test_openrouter_is_closed_to_other_keys(router, path):
    for key, status in ((OpenRouterKeys().inference, 403), ("sk-or-v1-wrong", 401)):
        refused = get(router, f"/api/v1/{path}", key)
        assert (refused.status_code, refused.json()) == (status, payload(f"openrouter_error_{status}"))


def test_credits_and_keys_of_openrouter_have_the_recorded_shape(router):
    for path in ("credits", "keys"):
        answer = exact(get(router, f"/api/v1/{path}", OpenRouterKeys().management))
        assert shape(answer) == shape(payload(f"openrouter_{path}"))
