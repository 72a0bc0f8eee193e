"""Databricks against its contract page: the SQL runs for real over the books, corrections stay, prices never double."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from dlt_sources import databricks
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.databricks.credentials import DatabricksCredentials
from sandbox.databricks.api import DatabricksKeys, databricks_app
from sandbox.databricks.books import DatabricksBooks, DatabricksDesk, ListPrice, UsageRecord, small_account
from sandbox.faults import EndlessPaging
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

STATEMENTS = "/api/2.0/sql/statements"
RECORDED = f"{STATEMENTS}/01f0-aaaa-bbbb"
KEYS = DatabricksKeys("dapiPLANTEDtoken", client_secret="dosePLANTEDsecret", oauth_token="PLANTEDoauth")
PROVIDER = databricks.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def desk():
    return DatabricksDesk(DatabricksBooks())


@pytest.fixture
def workspace(desk):
    with Served(databricks_app(desk, KEYS)) as served:
        served.credentials = lambda key=None, **more: DatabricksCredentials(
            host=served.url,
            warehouse_id=desk.warehouse_id,
            **({"access_token": key or KEYS.access_token} | more),
        )
        yield served


def failure(workspace, **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, "usage", workspace, **({"days": window("2026-10-01", 1)} | options))
    return caught.value


def recorded(name):
    return Answer(body=(PAYLOADS / f"databricks_{name}.json").read_bytes())


def test_recorded_answers_load_with_every_digit_corrections_and_unpriced_records_too(workspace, tmp_path):
    workspace.faults[STATEMENTS] = [recorded("statement_running")]
    workspace.faults[RECORDED] = [recorded("statement_running"), recorded("statement")]
    workspace.faults[f"{RECORDED}/result/chunks/1"] = [recorded("statement_chunk1")]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, workspace, window("2026-10-01", 1))
    columns = "record_id, record_type, usage_quantity, list_price, currency, endpoint_name"
    price, endpoint = "0.070000000000000000", "databricks-claude-sonnet-4-5"
    assert warehouse.current("databricks", "usage", columns, "order by 1") == [
        ("r1", "ORIGINAL", "12.500000000000000001", price, "USD", endpoint),
        ("r2", "RETRACTION", "-12.500000000000000001", price, "USD", endpoint),
        ("r3", "RESTATEMENT", "10.25", price, "USD", endpoint),
        ("r4", "ORIGINAL", "3", None, None, None),
    ]


def test_the_books_of_a_small_account_arrive_to_the_last_digit_in_small_chunks(desk, workspace):
    desk.books, truth = small_account(DAY, 3, seed=7)
    desk.rows_per_chunk, desk.polls = 2, 2
    money: dict[tuple, Decimal] = {}
    for day in fetch(PROVIDER, "usage", workspace):
        for row in day.rows:
            kind = {"TOKEN": "tokens", "COMPUTE_TIME": "compute_time"}[row["usage_type"]]
            key = (day.day, row["endpoint_name"], kind)
            amount = Decimal(row["usage_quantity"]) * Decimal(row["list_price"])
            money[key] = money.get(key, Decimal(0)) + amount
    assert money == truth
    assert "example.com" not in str(fetch(PROVIDER, "usage", workspace))


def test_only_days_and_products_that_are_asked_for_come_and_empty_days_are_told(desk, workspace):
    records = [
        UsageRecord(f"r{n}", NOON + timedelta(days=n), "SKU", Decimal(1), product)
        for n, product in enumerate(("MODEL_SERVING", "AI_GATEWAY", "JOBS", "MODEL_SERVING"))
    ]
    desk.books = DatabricksBooks(tuple(records))
    days = fetch(PROVIDER, "usage", workspace, window("2026-10-01", 3))
    assert [[row["record_id"] for row in day.rows] for day in days] == [["r0"], ["r1"], []]
    credentials = workspace.credentials(products="jobs, something_new")
    (report,) = PROVIDER.reports
    days = list(report.fetch(credentials, window("2026-10-01", 9)))
    assert [row["record_id"] for day in days for row in day.rows] == ["r2"]
    assert len(days) == 9
    assert len(fetch(PROVIDER, "usage", workspace, window("2026-10-19", 5))) == 2


def test_a_price_holds_from_its_start_until_before_its_end(desk, workspace):
    old, new = ListPrice("SKU", Decimal(1), end=NOON), ListPrice("SKU", Decimal(2), start=NOON)
    records = [UsageRecord(str(n), NOON + timedelta(hours=n), "SKU", Decimal(1)) for n in (-1, 0, 1)]
    desk.books = DatabricksBooks(tuple(records), (old, new))
    (day,) = fetch(PROVIDER, "usage", workspace, window("2026-10-01", 1))
    assert {row["record_id"]: Decimal(row["list_price"]) for row in day.rows} == {"-1": 1, "0": 2, "1": 2}


def test_two_prices_for_one_record_are_refused_instead_of_doubling_it(desk, workspace):
    prices = (ListPrice("SKU", Decimal(1)), ListPrice("SKU", Decimal(1), currency="EUR"))
    desk.books = DatabricksBooks((UsageRecord("r1", NOON, "SKU", Decimal(1)),), prices)
    assert "more than one list price fits its SKU SKU" in failure(workspace).message


def test_a_retraction_that_adds_is_refused(desk, workspace):
    desk.books = DatabricksBooks((UsageRecord("r1", NOON, "SKU", Decimal(1), record_type="RETRACTION"),))
    assert "is a retraction but adds" in failure(workspace).message


def test_a_service_principal_signs_in_with_its_secret(workspace):
    client = {"access_token": None, "client_id": KEYS.client_id, "client_secret": KEYS.client_secret}
    assert PROVIDER.check(workspace.credentials(**client)).readable == ("usage",)
    with pytest.raises(ProviderError, match="Client authentication failed") as caught:
        PROVIDER.check(workspace.credentials(**client | {"client_secret": "wrong"}))
    assert caught.value.fault is Fault.CREDENTIALS


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"client_id": "c"},
        {"client_secret": "s"},
        {"access_token": "t", "client_id": "c", "client_secret": "s"},
    ],
)
def test_the_form_wants_one_way_to_sign_in(fields):
    with pytest.raises(ValidationError, match="either a personal access token, or a client id"):
        DatabricksCredentials(host="https://x.example.com", warehouse_id="1", **fields)


def test_missing_grants_are_named(desk, workspace):
    desk.is_granted = False
    with pytest.raises(ProviderError, match=r"^usage: .*INSUFFICIENT_PERMISSIONS") as caught:
        PROVIDER.check(workspace.credentials())
    assert caught.value.fault is Fault.PERMISSION
    assert "SELECT on system.billing.usage" in caught.value.next_step


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (401, "error_401", Fault.CREDENTIALS),
        (403, "error_403", Fault.PERMISSION),
        (404, "error_404", Fault.PERMISSION),
    ],
)
def test_recorded_errors_become_a_fault_with_the_words_of_databricks(workspace, status, name, fault):
    workspace.faults[STATEMENTS] = [Answer(status, payload(f"databricks_{name}.json"))]
    error = failure(workspace)
    assert error.fault is fault
    assert payload(f"databricks_{name}.json")["message"].rstrip(".") in error.message
    assert "PLANTED" not in error.message


def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, workspace):
    desk.books = DatabricksBooks((UsageRecord("r1", NOON, "SKU", Decimal("1.5")),))
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 3, None
    desk.faults.failing_requests = 2
    (day,) = fetch(PROVIDER, "usage", workspace, window("2026-10-01", 1))
    assert [Decimal(row["usage_quantity"]) for row in day.rows] == [Decimal("1.5")]


def test_a_query_that_never_ends_is_given_up(desk, workspace):
    desk.polls = 10**9
    provider = databricks.build_provider(
        clock=lambda: NOW, patience=type(QUICK)(deadline=0.2, timeout=5, first_wait=0.01, longest_wait=0.02)
    )
    with pytest.raises(ProviderError, match="has not finished a query") as caught:
        fetch(provider, "usage", workspace, window("2026-10-01", 1))
    assert caught.value.fault is Fault.UNAVAILABLE


@pytest.mark.parametrize("endless", EndlessPaging)
def test_chunks_that_do_not_add_up_are_refused(desk, workspace, endless):
    desk.books = DatabricksBooks(tuple(UsageRecord(str(n), NOON, "SKU", Decimal(1)) for n in range(4)))
    desk.rows_per_chunk, desk.faults.endless_paging = 2, endless
    if endless is EndlessPaging.SAME_CURSOR:
        assert "answered chunk 0 when asked for chunk 1" in failure(workspace).message
    else:
        assert len(fetch(PROVIDER, "usage", workspace, window("2026-10-01", 1))[0].rows) == 4


def answer(rows, columns=("record_id", "usage_quantity", "usage_date"), **manifest):
    described = {"schema": {"columns": [{"name": name} for name in columns]}, "total_chunk_count": 1}
    return {
        "statement_id": "s",
        "status": {"state": "SUCCEEDED"},
        "manifest": described | manifest,
        "result": {"data_array": rows},
    }


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"status": {"state": "SUCCEEDED"}}, "without a `statement_id`"),
        ({"statement_id": "s"}, "without its `status.state`"),
        ({"statement_id": "s", "status": {"state": "CANCELED"}}, "ended as CANCELED"),
        ({"statement_id": "s", "status": {"state": "SUCCEEDED"}}, "without describing its result"),
        (answer([], truncated=True), "cut the result"),
        (answer([["r", "1"]]), "has not one value for each of its columns"),
        (answer([["r", "1", "2026-10-01"]], total_row_count=2), "announced 2 rows of `usage` but gave 1"),
        (answer([[None, "1", "2026-10-01"]]), "lacks its `record_id`"),
        (answer([["r", "a lot", "2026-10-01"]]), "Field `usage_quantity`"),
        (answer([["r", "1", "yesterday"]]), "lacks its `usage_date`"),
        (answer([["r", "1", "2026-09-30"]]), "holds 2026-09-30, which was not asked for"),
        (
            answer([["r", "1", "1"]], ("record_id", "usage_quantity", "list_price")),
            "no currency in `currency`",
        ),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(workspace, body, sentence):
    workspace.faults[STATEMENTS] = [Answer(body=body)]
    assert sentence in failure(workspace).message


def test_quantities_keep_every_digit_and_a_new_column_passes_through(workspace):
    quantities = (Raw("1.2e-07"), "0.000000100", "-3", "12345.000000000000001")
    rows = [[f"r{n}ü", quantity, "2026-10-01", "new"] for n, quantity in enumerate(quantities)]
    columns = ("record_id", "usage_quantity", "usage_date", "brand_new")
    workspace.faults[STATEMENTS] = [Answer(body=answer(rows, columns))]
    (day,) = fetch(PROVIDER, "usage", workspace, window("2026-10-01", 1))
    assert [row["usage_quantity"] for row in day.rows] == [
        "1.2e-07",
        "0.000000100",
        "-3",
        "12345.000000000000001",
    ]
    assert {row["brand_new"] for row in day.rows} == {"new"}
