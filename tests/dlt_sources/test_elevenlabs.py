"""ElevenLabs against its contract page: tables zipped by their columns, and the API that knows a day's billing."""

from datetime import date, timedelta

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.elevenlabs.api import ElevenLabsDesk
from tests.dlt_sources.accounts import ACCOUNTS, DAY, books, days_after, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

ELEVENLABS = ACCOUNTS["elevenlabs"]
USAGE = "/v1/workspace/analytics/usage"
CREDITS = "/v1/workspace/analytics/query/usage-by-product-over-time"


@pytest.fixture
def desk():
    lines = [line("1.25", day, "eleven_v3", "tts") for day in days_after(DAY, 8)]
    return ElevenLabsDesk(books(*lines))


@pytest.fixture
def workspace(desk):
    with ELEVENLABS.served(desk) as served:
        yield served


def told(workspace, table, days=8):
    return [day.day for day in fetch(ELEVENLABS.provider, table, workspace, window("2026-10-01", days))]


def failure(workspace, body) -> ProviderError:
    workspace.faults[USAGE] = [Answer(body=body)]
    with pytest.raises(ProviderError) as caught:
        fetch(ELEVENLABS.provider, "usage", workspace, window("2026-10-01", 1))
    return caught.value


def table(rows, **more):
    body = payload("elevenlabs_usage_grouped.json")
    return body | {"rows": rows} | more


ROW = ["2026-10-01T00:00:00Z", "eleven_v3", "tts", "usage", "usd", 1.25, 5021]


def test_recorded_answers_load_whatever_the_time_column_is_called(workspace, tmp_path):
    usage = payload("elevenlabs_usage_grouped.json")
    credit = payload("elevenlabs_credit_usage.json")
    for body in (usage, credit):
        for row in body["rows"]:
            row[0] = "2026-10-20T00:00:00Z"
    workspace.faults[USAGE], workspace.faults[CREDITS] = [Answer(body=usage)], [Answer(body=credit)]
    workspace.faults["/v1/user/subscription"] = [Answer(body=payload("elevenlabs_subscription.json"))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(ELEVENLABS.provider, workspace, window("2026-10-20", 1))
    columns = "model, product_type, fiat_currency, total_cost, total_charge_count, interval_start"
    assert warehouse.current("elevenlabs", "usage", columns, "order by 1") == [
        ("eleven_v3", "tts", "usd", "1.25", "5021", "2026-10-20T00:00:00Z"),
        ("scribe_v2", "stt", "usd", "0.5", "60", "2026-10-20T00:00:00Z"),
    ]
    assert warehouse.current("elevenlabs", "credit_usage", "model, measures") == [
        ("eleven_v3", '{"credits_used": 5021}')
    ]
    columns = "day, tier, character_count, currency, next_invoice"
    assert warehouse.current("elevenlabs", "subscription", columns) == [
        (NOW.date(), "scale", 5021, "usd", '{"amount_due_cents": 33000}')
    ]
    assert not warehouse.ask(
        "select 1 from information_schema.columns where table_name = 'subscription' and column_name like '%key%'"
    )


def test_the_plain_table_of_the_page_has_no_currency_and_dollars_are_not_assumed(workspace):
    body = payload("elevenlabs_usage.json")
    assert "no currency in `fiat_currency`" in failure(workspace, body).message


def test_a_workspace_billed_by_cost_tells_costs_and_no_credits(workspace):
    assert told(workspace, "usage") == days_after(DAY, 8)
    assert told(workspace, "credit_usage") == []


def test_a_workspace_billed_by_credits_tells_credits_and_no_costs(desk, workspace):
    desk.cost_billed_from = date.max
    assert told(workspace, "usage") == []
    assert told(workspace, "credit_usage") == days_after(DAY, 8)


def test_a_workspace_that_changed_its_billing_tells_each_day_one_way(desk, workspace):
    desk.cost_billed_from = DAY + timedelta(days=3)
    assert told(workspace, "usage") == days_after(DAY, 8)[3:]
    assert told(workspace, "credit_usage") == days_after(DAY, 8)[:3]


def test_a_day_that_neither_api_tells_is_an_error_not_an_empty_day(workspace):
    refused = {"detail": {"status": "invalid", "message": "No such interval"}}
    workspace.faults[USAGE] = [Answer(400, refused) for _ in range(9)]
    workspace.faults[CREDITS] = [Answer(400, refused) for _ in range(9)]
    with pytest.raises(ProviderError, match="No such interval") as caught:
        told(workspace, "usage")
    assert caught.value.fault is Fault.CONTRACT


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"rows": []}, "lacks `columns`"),
        (table([ROW[:-1]]), "another number of values"),
        (table([], column_types=["String"] * 7), "not exactly one is a time"),
        (table([], columns=["bucket"] * 7), "not named apart"),
        (table([[*ROW[:5], None, 1]]), "lacks its `total_cost`"),
        (table([["2026-10-01T05:00:00Z", *ROW[1:]]]), "not midnight UTC"),
        (table([["2026-10-05T00:00:00Z", *ROW[1:]]]), "not asked for"),
        (table([[*ROW[:5], "much", 1]]), "Field `total_cost`"),
    ],
)
def test_a_table_that_does_not_add_up_is_refused_with_a_sentence(workspace, body, sentence):
    error = failure(workspace, body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message
