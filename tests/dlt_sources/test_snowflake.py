"""Snowflake against its contract page: the SQL runs for real over the books, old and new views, one source of money."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from dlt_sources import snowflake
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.snowflake.credentials import SnowflakeCredentials
from sandbox.faults import EndlessPaging
from sandbox.snowflake.api import SnowflakeKeys, snowflake_app
from sandbox.snowflake.books import (
    ContractLine,
    FunctionUse,
    MeteredDay,
    SnowflakeBooks,
    SnowflakeDesk,
    small_account,
)
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

STATEMENTS = "/api/v2/statements"
RECORDED = f"{STATEMENTS}/01b0-aaaa-bbbb"
PROVIDER = snowflake.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
HOUR = datetime(2026, 10, 1, 10, tzinfo=UTC)
NEW_VIEW = "ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY"
AISQL_VIEW = "ACCOUNT_USAGE.CORTEX_AISQL_USAGE_HISTORY"
FROZEN_VIEW = "ACCOUNT_USAGE.CORTEX_FUNCTIONS_USAGE_HISTORY"
CURRENCY_VIEW = "ORGANIZATION_USAGE.USAGE_IN_CURRENCY_DAILY"


def pem(key, password=None):
    hiding = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hiding).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def desk():
    return SnowflakeDesk(SnowflakeBooks())


@pytest.fixture
def account(desk, key):
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    keys = SnowflakeKeys("PLANTEDpat", public_key=public.decode())
    with Served(snowflake_app(desk, keys)) as served:
        form = {"account": "myorg-my_account", "user": "meterhouse", "role": "METERHOUSE", "warehouse": "WH"}
        served.credentials = lambda key=None, **more: SnowflakeCredentials(
            **form, base_url=served.url, **({"access_token": key or "PLANTEDpat"} | more)
        )
        yield served


def days_of(account, table, days=None, **form):
    report = next(report for report in PROVIDER.reports if report.name == table)
    return list(report.fetch(account.credentials(**form), days or window("2026-10-01", 1)))


def failure(account, table="metering_daily", **form) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        days_of(account, table, **form)
    return caught.value


def recorded(name):
    return Answer(body=(PAYLOADS / f"snowflake_{name}.json").read_bytes())


def use(query="q1", hour=HOUR, **more):
    return FunctionUse(hour, query, "AI_COMPLETE", "claude-4-sonnet", 10, 5, Decimal("0.5"), **more)


def test_recorded_answers_of_all_views_load_with_every_digit(account, tmp_path):
    names = ("aisql", "functions", "metering_daily", "usage_in_currency")
    running = Answer(202, payload("snowflake_running.json"))
    account.faults[STATEMENTS] = [running, *map(recorded, names)]
    partition = recorded("ai_functions_partition1")
    partition.when = lambda query: "partition" in query
    whole = recorded("ai_functions")
    whole.when = lambda query: "partition" not in query
    account.faults[RECORDED] = [Answer(202, payload("snowflake_running.json")), whole, partition]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, account, window("2026-10-01", 1))

    def rows(table, columns):
        return warehouse.current("snowflake", table, columns, "order by 1")

    assert rows(
        "cortex_ai_functions", "query_id, start_time, model_name, input_tokens, output_tokens, credits"
    ) == [
        ("q1", "2026-10-01T10:00:00Z", "claude-4-sonnet", "1200", "340", "0.003120000"),
        ("q2", "2026-10-01T10:00:00Z", None, "1200", "340", "0.000000001"),
    ]
    assert rows("cortex_aisql", "usage_time, model_name, tokens, token_credits") == [
        ("2026-10-01T10:00:00Z", "mistral-large2", "500", "0.001")
    ]
    assert rows("cortex_functions", "end_time, model_name, tokens, token_credits") == [
        ("2026-10-01T11:00:00Z", "llama3.1-70b", "100000", "0.5")
    ]
    assert rows("metering_daily", "usage_date, service_type, credits_billed, credit_price") == [
        ("2026-10-01", "AI_SERVICES", "0.503120001", None)
    ]
    assert rows("usage_in_currency", "usage_date, usage, currency, usage_in_currency, is_adjustment") == [
        ("2026-10-01", "0.503", "USD", "1.51", "false")
    ]


def test_the_books_of_a_small_account_arrive_to_the_last_digit_in_small_partitions(desk, account):
    desk.books, truth = small_account(DAY, 3, seed=7)
    desk.rows_per_partition, desk.polls = 2, 2
    money: dict[date, Decimal] = {}
    for day in days_of(account, "usage_in_currency", window("2026-10-01", 3)):
        for row in day.rows:
            assert row["account_name"] == "MY_ACCOUNT"
            if row["balance_source"] != "free usage":
                money[day.day] = money.get(day.day, Decimal(0)) + Decimal(row["usage_in_currency"])
    assert money == {day: usd for (day, _, _), usd in truth.items()}
    uses = [
        row for day in days_of(account, "cortex_ai_functions", window("2026-10-01", 3)) for row in day.rows
    ]
    assert sum(Decimal(row["credits"]) for row in uses) == sum(one.credits for one in desk.books.uses)
    assert sum(int(row["input_tokens"]) for row in uses) == sum(one.input_tokens for one in desk.books.uses)
    assert "EXAMPLE.COM" not in str(uses)


def test_only_days_that_are_asked_for_come_and_empty_days_are_told(desk, account):
    hours = (HOUR - timedelta(hours=11), HOUR - timedelta(hours=10), HOUR + timedelta(hours=13, minutes=59))
    later = HOUR + timedelta(hours=14)
    desk.books = SnowflakeBooks(tuple(use(f"q{n}", hour) for n, hour in enumerate((*hours, later))))
    days = days_of(account, "cortex_ai_functions", window("2026-10-01", 3))
    assert [sorted(row["query_id"] for row in day.rows) for day in days] == [["q1", "q2"], ["q3"], []]
    assert len(days_of(account, "metering_daily", window("2026-10-19", 5))) == 2


def test_only_service_types_that_are_asked_for_come(desk, account):
    metered = (
        MeteredDay(DAY, Decimal(1)),
        MeteredDay(DAY, Decimal(2), "CORTEX_X"),
        MeteredDay(DAY, Decimal(3), "WH"),
    )
    desk.books = SnowflakeBooks(metered=metered)
    (day,) = days_of(account, "metering_daily", service_types="ai_services, cortex_x")
    assert sorted(Decimal(row["credits_billed"]) for row in day.rows) == [1, 2]


@pytest.mark.parametrize(
    "identifier", ["myorg-my-account", "MYORG-MY_ACCOUNT", "ab12345", "ab12345.eu-central-1"]
)
def test_the_bill_of_the_organization_is_read_for_this_account_alone(desk, account, identifier):
    other = ContractLine(DAY, Decimal(1), Decimal(9), account_name="ELSE", account_locator="ZZ1")
    desk.books = SnowflakeBooks(contract=(ContractLine(DAY, Decimal(1), Decimal(2)), other))
    form = account.credentials().model_copy(update={"account": identifier})
    (day,) = PROVIDER.reports[-1].fetch(form, window("2026-10-01", 1))
    assert [row["usage_in_currency"] for row in day.rows] == ["2.00"]


def test_money_comes_from_one_source(desk, account):
    desk.books, _ = small_account(DAY, 1, seed=1)
    for source, price, contract in (
        ("organization_usage", None, [3]),
        ("credit_price", "3.10", [0]),
        ("none", None, []),
    ):
        form = {"cost_source": source, "credit_price_usd": "3.10"}
        (day,) = days_of(account, "metering_daily", **form)
        assert [row["credit_price"] for row in day.rows] == [price]
        told = days_of(account, "usage_in_currency", **form)
        assert [len(day.rows) for day in told] == contract


def test_a_day_whose_money_may_still_come_is_not_called_free(desk, account):
    desk.books = SnowflakeBooks(contract=(ContractLine(date(2026, 10, 18), Decimal(1), Decimal(2)),))
    days = days_of(account, "usage_in_currency", window("2026-10-15", 6))
    assert [(day.day.day, len(day.rows)) for day in days] == [(15, 0), (16, 0), (18, 1)]


def test_older_views_are_read_and_views_an_account_lacks_tell_nothing(desk, account):
    desk.books = SnowflakeBooks(older_uses=(use(),), oldest_uses=(use(), use("q2")))
    desk.hidden = {NEW_VIEW}
    assert days_of(account, "cortex_ai_functions") == []
    counts = [len(days_of(account, f"cortex_{name}")[0].rows) for name in ("aisql", "functions")]
    assert counts == [1, 2]
    assert PROVIDER.check(account.credentials()).readable == PROVIDER.tables


@pytest.mark.parametrize("hidden", [{NEW_VIEW, AISQL_VIEW, FROZEN_VIEW}, {CURRENCY_VIEW}])
def test_missing_grants_are_named(desk, account, hidden):
    desk.hidden = hidden
    with pytest.raises(ProviderError, match="does not let the role METERHOUSE read") as caught:
        PROVIDER.check(account.credentials())
    assert caught.value.fault is Fault.PERMISSION
    assert "IMPORTED PRIVILEGES" in caught.value.next_step
    if hidden == {CURRENCY_VIEW}:
        assert PROVIDER.check(account.credentials(cost_source="none")).readable == PROVIDER.tables


@pytest.mark.parametrize("password", [None, b"PLANTEDphrase"])
def test_a_key_pair_signs_in(account, key, password):
    form = {"access_token": None, "private_key": pem(key, password).replace("\n", "\\n")}
    if password:
        form["private_key_passphrase"] = password.decode()
    rights = PROVIDER.check(account.credentials(**form))
    assert (rights.readable, rights.account_id) == (PROVIDER.tables, "myorg-my_account")


def test_a_key_that_is_not_the_users_or_cannot_be_read_is_refused(account, key):
    stranger = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    error = failure(account, access_token=None, private_key=stranger)
    assert (error.fault, "JWT token is invalid" in error.message) == (Fault.CREDENTIALS, True)
    for form in ({"private_key": pem(key, b"phrase")}, {"private_key": pem(key).replace("MII", "NII", 1)}):
        error = failure(account, access_token=None, **form)
        assert (error.fault, "cannot be read" in error.message) == (Fault.CREDENTIALS, True)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "either a private key or a programmatic access token"),
        ({"access_token": "t", "private_key": "hello"}, "a private key is a PEM file"),
        ({"access_token": "t", "cost_source": "credit_price"}, "needed when money comes from credit_price"),
        ({"access_token": "t", "credit_price_usd": "3 dollars"}, "String should match pattern"),
    ],
)
def test_the_form_says_what_is_wrong(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SnowflakeCredentials(account="a-b", user="u", role="r", warehouse="w", **fields)


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (401, "error_401", Fault.CREDENTIALS),
        (403, "error_403", Fault.PERMISSION),
        (422, "error_422", Fault.PERMISSION),
    ],
)
def test_recorded_errors_become_a_fault_with_the_words_of_snowflake(account, status, name, fault):
    account.faults[STATEMENTS] = [Answer(status, payload(f"snowflake_{name}.json"))]
    error = failure(account)
    assert error.fault is fault
    assert payload(f"snowflake_{name}.json")["message"].rpartition("\n")[2].rstrip(".") in error.message
    assert "PLANTED" not in error.message


def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, account):
    desk.books = SnowflakeBooks(metered=(MeteredDay(DAY, Decimal("1.5")),))
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 3, None
    desk.faults.failing_requests = 2
    (day,) = days_of(account, "metering_daily")
    assert [Decimal(row["credits_billed"]) for row in day.rows] == [Decimal("1.5")]


@pytest.mark.parametrize("endless", EndlessPaging)
def test_partitions_that_do_not_add_up_are_refused(desk, account, endless):
    desk.books = SnowflakeBooks(tuple(use(f"q{n}") for n in range(4)))
    desk.rows_per_partition, desk.faults.endless_paging = 2, endless
    assert "is not what Snowflake announced" in failure(account, "cortex_ai_functions").message


def answer(
    rows, columns=(("SERVICE_TYPE", "text"), ("CREDITS_BILLED", "fixed"), ("METERHOUSE_DAY", "date")), **more
):
    described = {
        "rowType": [{"name": name, "type": kind} for name, kind in columns],
        "partitionInfo": [{"rowCount": len(rows)}],
        "numRows": len(rows),
    }
    return {"statementHandle": "s", "data": rows, "resultSetMetaData": described | more}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"data": []}, "without a `statementHandle`"),
        ({"statementHandle": "s", "resultSetMetaData": {}}, "without describing its result"),
        (answer([["AI", "1"]]), "has not one value for each of its columns"),
        (answer([["AI", "1", "20727"]], numRows=2), "announced 2 rows of `metering_daily` but gave 1"),
        (answer([["AI", "a lot", "20727"]]), "Field `credits_billed`"),
        (answer([["AI", "1", None]]), "has no day"),
        (answer([["AI", "1", "yesterday"]]), "sent a date that is none"),
        (answer([["AI", "1", "20726"]]), "holds 2026-09-30, which was not asked for"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(account, body, sentence):
    account.faults[STATEMENTS] = [Answer(body=body)]
    assert sentence in failure(account).message


def test_money_without_a_currency_and_metrics_that_are_none_are_refused(account):
    columns = (("USAGE_IN_CURRENCY", "fixed"), ("METERHOUSE_DAY", "date"))
    account.faults[STATEMENTS] = [Answer(body=answer([["1.5", "20727"]], columns))]
    assert "no currency" in failure(account, "usage_in_currency").message
    columns = (("METRICS", "array"), ("METERHOUSE_DAY", "date"))
    account.faults[STATEMENTS] = [Answer(body=answer([['{"input": 3}', "20727"]], columns))]
    assert "`metrics`" in failure(account, "cortex_ai_functions").message


def test_credits_keep_every_digit_and_a_new_column_passes_through(account):
    columns = (("CREDITS_BILLED", "fixed"), ("BRAND_NEW", "variant"), ("METERHOUSE_DAY", "date"))
    credited = ("1.2e-07", "0.000000100", "-3", "12345.000000000000001")
    account.faults[STATEMENTS] = [
        Answer(body=answer([[one, '{"ü":1}', "20727"] for one in credited], columns))
    ]
    (day,) = days_of(account, "metering_daily")
    assert [row["credits_billed"] for row in day.rows] == list(credited)
    assert {row["brand_new"] for row in day.rows} == {'{"ü":1}'}
    assert len(fetch(PROVIDER, "metering_daily", account)) == 3
