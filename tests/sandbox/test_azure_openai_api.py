"""Azure on loopback keeps to its contract where a client could go wrong unnoticed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from sandbox.azure_openai.api import azure_openai_app
from sandbox.azure_openai.books import Account, AzureBooks, AzureDesk, CostLine, TokenCount
from tests.sandbox.conftest import payload

ACCOUNT = "/subscriptions/s1/resourceGroups/AI/providers/Microsoft.CognitiveServices/accounts/One"
QUERY = "/subscriptions/s1/providers/Microsoft.CostManagement/query"
METRICS = f"{ACCOUNT}/providers/Microsoft.Insights/metrics"
FIRST = date(2026, 9, 1)


@pytest.fixture
def desk():
    lines = tuple(
        CostLine(FIRST + timedelta(days=n), ACCOUNT, "m Inp Tokens", "1K", Decimal("0.10"), Decimal("0.30"))
        for n in range(40)
    )
    return AzureDesk(AzureBooks(accounts=(Account(ACCOUNT),), lines=lines))


@pytest.fixture
def client(desk):
    with TestClient(azure_openai_app(desk), headers={"Authorization": f"Bearer {desk.app.token}"}) as client:
        yield client


def question(*grouping, days=40):
    parts = {name: {"name": name, "function": "Sum"} for name in ("Cost", "UsageQuantity")}
    wanted = {"name": "ResourceType", "operator": "In", "values": ["Microsoft.CognitiveServices/accounts"]}
    return {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{FIRST}T00:00:00Z", "to": f"{FIRST + timedelta(days=days - 1)}T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": parts,
            "grouping": [{"type": "Dimension", "name": name} for name in grouping],
            "filter": {"dimensions": wanted},
        },
    }


def test_a_window_of_more_than_31_days_is_cut_to_its_last_in_silence(client):
    rows = client.post(QUERY, json=question("ResourceId", "Meter")).json()["properties"]["rows"]
    assert [row[2] for row in rows] == [
        int(f"{FIRST + timedelta(days=n):%Y%m%d}") for n in range(9, 40)
    ]  # fmt: skip
    assert rows[0][3] == ACCOUNT.lower()


def test_amounts_are_written_digit_by_digit(client):
    text = client.post(QUERY, json=question("Meter", days=1)).text
    assert '"rows": [[0.30, 0.10, 20260901, "m Inp Tokens", "USD"]]' in text


@pytest.mark.parametrize("grouping", [("ResourceId", "Meter", "ChargeType"), ("ConsumedService",)])
def test_more_groupings_than_documented_and_unknown_ones_are_refused(client, grouping):
    refused = client.post(QUERY, json=question(*grouping))
    assert refused.status_code == 400
    assert "Invalid dataset grouping" in refused.json()["error"]["message"]


def test_metrics_show_ten_series_unless_more_are_asked_for(client, desk):

    hour = datetime(2026, 9, 1, tzinfo=UTC)
    counts = tuple(
        TokenCount(hour, ACCOUNT, f"d{n}", "gpt-4o", "ProcessedPromptTokens", 1) for n in range(12)
    )
    desk.books = replace(desk.books, counts=counts)
    params = {
        "metricnames": "ProcessedPromptTokens",
        "interval": "PT1H",
        "aggregation": "Total",
        "timespan": "2026-09-01T00:00:00Z/2026-09-01T02:00:00Z",
    }
    found = client.get(METRICS, params=params).json()["value"][0]["timeseries"]
    assert len(found) == 10
    assert found[0]["data"][1] == {"timeStamp": "2026-09-01T01:00:00Z"}
    assert len(client.get(METRICS, params=params | {"top": 1000}).json()["value"][0]["timeseries"]) == 12
    assert client.get(METRICS, params=params | {"metricnames": "InputTokens"}).status_code == 400


def test_bodies_have_the_fields_of_the_recorded_ones(client):
    recorded = payload("azure_openai_costs_page2")
    assert client.post(QUERY, json=question("ResourceId", "Meter")).json().keys() == recorded.keys()
    accounts = client.get("/subscriptions/s1/providers/Microsoft.CognitiveServices/accounts").json()
    assert accounts["value"][0].keys() == payload("azure_openai_accounts")["value"][0].keys()
