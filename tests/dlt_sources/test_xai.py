"""xAI against its contract page: series flattened exactly, cut answers asked for again, guards where it is unsure."""

from datetime import date
from decimal import Decimal

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.xai.api import TEAM, XaiDesk
from tests.dlt_sources.accounts import ACCOUNTS, DAY, books, days_after, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

XAI = ACCOUNTS["xai"]
USAGE = f"/v1/billing/teams/{TEAM}/usage"
BALANCE = f"/v1/billing/teams/{TEAM}/prepaid/balance"
VALIDATION = "/auth/management-keys/validation"


@pytest.fixture
def desk():
    lines = [line("1.25", day, model) for day in days_after(DAY, 8) for model in ("grok-4.6", "grok-mini")]
    return XaiDesk(books(*lines))


@pytest.fixture
def team(desk):
    with XAI.served(desk) as served:
        yield served


def usage(team, days=8):
    return fetch(XAI.provider, "usage", team, window("2026-10-01", days))


def failure(team, *, table="usage", path=USAGE, **answer) -> ProviderError:
    team.faults[path] = [Answer(**answer) for _ in range(2)]
    with pytest.raises(ProviderError) as caught:
        fetch(XAI.provider, table, team, window("2026-10-01", 1))
    return caught.value


def series(group=("grok-4.6",), **point):
    points = [{"timestamp": "2026-10-01T00:00:00Z", "values": [1]} | point]
    return {"timeSeries": [{"group": list(group), "dataPoints": points}], "limitReached": False}


def test_recorded_answers_load_with_every_digit(team, tmp_path):
    body = payload("xai_usage.json")
    body["timeSeries"][0]["dataPoints"][0]["timestamp"] = "2026-10-20 00:00:00"
    team.faults[VALIDATION] = [Answer(body=payload("xai_validation.json"))]
    team.faults[USAGE] = [Answer(body=body)]
    team.faults[BALANCE] = [Answer(body=payload("xai_balance.json"))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(XAI.provider, team, window("2026-10-20", 1))
    assert warehouse.current("xai", "usage", "day, description, usd") == [(NOW.date(), "grok-4.6", "1.25")]
    assert warehouse.current("xai", "balance", "day, total_val") == [(NOW.date(), "-2500")]


def test_an_answer_cut_short_is_asked_for_in_halves_until_it_is_whole(desk, team):
    desk.point_limit = 5
    days = usage(team)
    assert [day.day for day in days] == days_after(DAY, 8)
    assert sum(XAI.amount(row) for day in days for row in day.rows) == Decimal(20)
    assert len(team.asked(USAGE)) == 7


def test_a_single_day_that_is_cut_short_is_an_error(desk, team):
    desk.point_limit = 1
    with pytest.raises(ProviderError, match="short on 2026-10-01 alone") as caught:
        usage(team)
    assert caught.value.fault is Fault.CONTRACT


def test_a_recorded_answer_that_was_cut_short_is_not_believed(team):
    body = payload("xai_usage_limited.json")
    assert "cuts its answer" in failure(team, body=body).message


def test_times_are_written_the_other_way_where_the_first_is_refused(desk, team):
    desk.time_format = "%Y-%m-%d %H:%M:%S"
    assert len(usage(team)) == 8
    assert len(team.asked(USAGE)) == 2


def test_a_point_at_the_end_of_the_range_is_left_for_its_own_day(team):
    team.faults[USAGE] = [Answer(body=series(timestamp="2026-10-02T00:00:00Z"))]
    assert [(day.day, day.rows) for day in usage(team, 1)] == [(date(2026, 10, 1), [])]


def test_the_team_is_the_account(team):
    assert XAI.provider.check(team.credentials()).account_id == TEAM


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "lacks its list `timeSeries`"),
        (series() | {"limitReached": "maybe"}, "cuts its answer"),
        (series(group=("a", "b")), "not of one `description`"),
        (series(values=[1, 2]), "not the one value"),
        (series(values=["much"]), "Field `usd`"),
        (series(timestamp=None), "no day that can be read"),
        (series(timestamp="2026-10-01T07:00:00Z"), "not midnight UTC"),
        (series(timestamp="2026-10-09T00:00:00Z"), "not asked for"),
    ],
)
def test_series_that_do_not_add_up_are_refused_with_a_sentence(team, body, sentence):
    error = failure(team, body=body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


@pytest.mark.parametrize(
    ("path", "sentence"), [(VALIDATION, "names no team"), (BALANCE, "lacks its `total.val`")]
)
def test_no_team_and_no_balance_are_said(team, path, sentence):
    assert sentence in failure(team, table="balance", path=path, body={}).message
