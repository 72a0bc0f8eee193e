"""Mistral against its contract page: a month seen day by day, under the day it was seen on."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dlt_sources.contract import Fault, ProviderError, Window
from sandbox.lines import LineDesk
from tests.dlt_sources.accounts import ACCOUNTS, books, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, fetch

MISTRAL = ACCOUNTS["mistral"]
SPEND, USAGE = "/api/admin/spend-limit", "/api/admin/usage"


@pytest.fixture
def desk():
    return LineDesk(books())


@pytest.fixture
def organization(desk):
    with MISTRAL.served(desk) as served:
        yield served


def around(now):
    return Window(now.date() - timedelta(days=1), now.date() + timedelta(days=1))


def look(desk, organization, warehouse, now, *lines):
    """A sync at a moment, with what is in the books by then."""
    desk.books = books(*lines, now=now)
    warehouse.pull(
        MISTRAL.provider_at(now), organization, around(now), credentials=organization.credentials()
    )


def failure(organization, table="spend", path=SPEND, **answer) -> ProviderError:
    organization.faults[path] = [Answer(**answer)]
    with pytest.raises(ProviderError) as caught:
        fetch(MISTRAL.provider, table, organization, around(NOW))
    return caught.value


def test_recorded_answers_load_with_every_digit(organization, tmp_path):
    usage = payload("mistral_usage.json") | {"start_date": "2026-10-01T00:00:00Z"}
    organization.faults[SPEND] = [Answer(body=payload("mistral_spend_limit.json"))]
    organization.faults[USAGE] = [Answer(body=usage)]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(MISTRAL.provider, organization, around(NOW))
    columns = "day, month, category, total_usage, usage_limit, monthly_limit_reached, currency"
    assert warehouse.current("mistral", "spend", columns) == [
        (NOW.date(), "2026-10", "completion", "12", "100", False, "USD")
    ]
    found = warehouse.current("mistral", "usage", "category, content", "order by 1")
    assert len(found) == 8
    assert ("vibe_usage", "0") in found
    assert '"value": 1000' in dict(found)["completion"]


def test_only_the_day_of_the_look_is_told(organization):
    past = Window(date(2026, 10, 1), date(2026, 10, 5))
    assert fetch(MISTRAL.provider, "spend", organization, past) == []
    assert [day.day for day in fetch(MISTRAL.provider, "spend", organization, around(NOW))] == [NOW.date()]


def test_the_last_look_at_a_day_stands_and_the_days_before_keep_theirs(desk, organization, tmp_path):
    warehouse = Warehouse(tmp_path)
    first = line("1.5", date(2026, 10, 20), "m", "completion")
    second = line("0.25", date(2026, 10, 21), "m", "completion")
    look(desk, organization, warehouse, datetime(2026, 10, 20, 9, tzinfo=UTC))
    look(desk, organization, warehouse, datetime(2026, 10, 20, 21, tzinfo=UTC), first)
    look(desk, organization, warehouse, datetime(2026, 10, 21, 9, tzinfo=UTC), first, second)
    assert warehouse.current("mistral", "spend", "day, total_usage", "order by 1") == [
        (date(2026, 10, 20), "1.5"),
        (date(2026, 10, 21), "1.75"),
    ]


def test_a_new_month_begins_from_nothing_and_the_old_one_is_counted_once_more(desk, organization, tmp_path):
    warehouse = Warehouse(tmp_path)
    old = line("40", date(2026, 10, 31), "m", "completion")
    new = line("2", date(2026, 11, 1), "m", "completion")
    look(desk, organization, warehouse, datetime(2026, 10, 31, 23, tzinfo=UTC), old)
    look(desk, organization, warehouse, datetime(2026, 11, 1, 1, tzinfo=UTC), old, new)
    assert warehouse.current("mistral", "spend", "month, total_usage", "order by 1") == [
        ("2026-10", "40"),
        ("2026-11", "2"),
    ]
    asked = [(query["month"], query["year"]) for query in organization.asked(USAGE)]
    assert asked == [(["10"], ["2026"]), (["10"], ["2026"]), (["11"], ["2026"])]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "lacks its object `limits`"),
        ({"limits": {"currency": "USD"}}, "names no category"),
        ({"limits": {"completion": {}, "currency": "USD"}}, "lacks its `total_usage`"),
        ({"limits": {"completion": {"total_usage": 1}}}, "no currency in `currency`"),
        ({"limits": {"completion": {"total_usage": "much"}, "currency": "USD"}}, "Field `total_usage`"),
    ],
)
def test_a_month_that_does_not_add_up_is_refused_with_a_sentence(organization, body, sentence):
    error = failure(organization, body=body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


def test_another_month_than_was_asked_for_is_refused(organization):
    error = failure(organization, "usage", USAGE, body={"start_date": "2026-09-01T00:00:00Z"})
    assert "not about 2026-10" in error.message
