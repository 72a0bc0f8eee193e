"""GitHub Copilot against its contract page: one question a day, each day billed by one table, exact amounts."""

import time
from datetime import date, timedelta
from decimal import Decimal

import pytest

from dlt_sources import github_copilot
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.github_copilot.credentials import GitHubCredentials
from sandbox.github_copilot.api import GitHubKeys, github_copilot_app
from sandbox.github_copilot.books import REQUESTS, BilledLine, GitHubBooks, GitHubDesk, small_account
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

BILLING = "/organizations/acme/settings/billing"
CREDITS, PREMIUM, WHOLE = f"{BILLING}/ai_credit/usage", f"{BILLING}/premium_request/usage", f"{BILLING}/usage"
KEYS = GitHubKeys("github_pat_PLANTEDbilling", "github_pat_PLANTEDmember")
PROVIDER = github_copilot.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)


@pytest.fixture
def desk():
    return GitHubDesk(GitHubBooks())


@pytest.fixture
def github(desk):
    with Served(github_copilot_app(desk, KEYS)) as served:
        served.credentials = lambda key=None, account="acme", **more: GitHubCredentials(
            account=account, token=key or KEYS.billing, base_url=served.url, **more
        )
        yield served


def failure(github, table="ai_credit_usage", **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, table, github, **options)
    return caught.value


def recorded(name):
    return Answer(body=(PAYLOADS / f"github_copilot_{name}.json").read_bytes())


def test_recorded_answers_load_with_every_digit_and_no_other_product(github, tmp_path):
    github.faults[CREDITS], github.faults[WHOLE] = [recorded("ai_credit_usage")], [recorded("usage")]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, github, window("2026-10-01", 1))
    columns = "sku, model, unit_type, gross_quantity, gross_amount, discount_amount, net_amount"
    assert warehouse.current("github_copilot", "ai_credit_usage", columns) == [
        ("Copilot AI Credits", "Claude Sonnet 4.5", "ai-credits", "1200", "12.0", "10.0", "2.0")
    ]
    assert warehouse.current(
        "github_copilot", "product_usage", "sku, quantity, net_amount", "order by 1"
    ) == [
        ("Copilot AI Credits", "1200", "2.0"),
        ("Copilot Business", "0.6451612903", "12.2580645157"),
    ]
    assert github.asked(CREDITS) == [{"year": ["2026"], "month": ["10"], "day": ["1"]}]


def test_premium_requests_are_the_bill_until_ai_credits_begin(desk, github):
    github.faults[PREMIUM] = [recorded("premium_request_usage")]
    days = window("2026-05-31", 2)
    premium, credited = (
        fetch(PROVIDER, f"{kind}_usage", github, days) for kind in ("premium_request", "ai_credit")
    )
    assert [(day.day, day.rows[0]["net_amount"]) for day in premium] == [(date(2026, 5, 31), "0.98")]
    assert [(day.day, day.rows) for day in credited] == [(date(2026, 6, 1), [])]
    desk.books = GitHubBooks((BilledLine(DAY, REQUESTS, Decimal("0.04"), Decimal(100)),))
    assert fetch(PROVIDER, "premium_request_usage", github, window("2026-10-01", 1)) == []


def test_the_books_of_a_small_account_arrive_to_the_last_digit(desk, github):
    desk.books, truth = small_account(DAY, 3, seed=7)
    rows = [(day.day, row) for day in fetch(PROVIDER, "ai_credit_usage", github) for row in day.rows]
    expected = {key: money for key, money in truth.items() if key[2] == "ai_credits"}
    assert {(day, row["model"], "ai_credits"): Decimal(row["net_amount"]) for day, row in rows} == expected


def test_an_enterprise_has_paths_of_its_own(desk, github):
    desk.account, desk.account_kind = "big", "enterprise"
    rights = PROVIDER.check(github.credentials(account="Big", account_kind="enterprise"))
    assert (rights.readable, rights.account_id) == (PROVIDER.tables, "enterprise/big")


def test_days_to_come_and_days_older_than_two_years_are_not_told(github):
    assert [day.day for day in fetch(PROVIDER, "product_usage", github, window("2024-10-19", 3))] == [
        date(2024, 10, 20),
        date(2024, 10, 21),
    ]
    assert len(fetch(PROVIDER, "ai_credit_usage", github, window("2026-10-19", 5))) == 2
    github.requests.clear()
    assert "last 24 months only" in failure(github, days=window("2024-09-01", 3)).message
    assert github.requests == []


def test_a_token_without_the_right_is_told_which_one_is_missing(github):
    with pytest.raises(ProviderError, match=r"^ai_credit_usage: .*Must have admin rights") as caught:
        PROVIDER.check(github.credentials(KEYS.member))
    assert caught.value.fault is Fault.PERMISSION
    assert "Administration: read" in caught.value.next_step


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (401, "error_401", Fault.CREDENTIALS),
        (403, "error_403", Fault.PERMISSION),
        (404, "error_404", Fault.PERMISSION),
        (429, "error_rate_limit", Fault.RATE_LIMITED),
    ],
)
def test_recorded_errors_become_a_fault_with_the_words_of_github(github, status, name, fault):
    github.faults[CREDITS] = [Answer(status, payload(f"github_copilot_{name}.json")) for _ in range(6)]
    error = failure(github)
    assert error.fault is fault
    assert payload(f"github_copilot_{name}.json")["message"] in error.message
    assert "PLANTED" not in error.message


@pytest.mark.parametrize(
    "headers",
    [{"retry-after": "0"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) - 5)}],
)
def test_a_used_up_limit_is_waited_out_although_it_looks_like_a_missing_right(github, headers):
    body = payload("github_copilot_error_rate_limit.json")
    github.faults[CREDITS] = [Answer(403, body, headers) for _ in range(3)]
    (day,) = fetch(PROVIDER, "ai_credit_usage", github, window("2026-10-01", 1))
    assert day.rows == []


def test_a_limit_that_ends_in_an_hour_is_named(github):
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3_600)}
    github.faults[CREDITS] = [Answer(403, payload("github_copilot_error_rate_limit.json"), headers)]
    assert failure(github).fault is Fault.RATE_LIMITED


def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, github):
    desk.books, _ = small_account(DAY, 1, seed=1)
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 2, 0
    desk.faults.failing_requests = 2
    (day,) = fetch(PROVIDER, "ai_credit_usage", github, window("2026-10-01", 1))
    assert len(day.rows) == 3


PERIOD = {"year": 2026, "month": 10, "day": 1}


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        (CREDITS, {"usageItems": []}, "is of the period None"),
        (CREDITS, {"timePeriod": {"year": 2026, "month": 10}, "usageItems": []}, "is of the period"),
        (CREDITS, {"timePeriod": PERIOD}, "lacks its list `usageItems`"),
        (CREDITS, {"timePeriod": PERIOD, "usageItems": ["x"]}, "is not an object"),
        (CREDITS, {"timePeriod": PERIOD, "usageItems": [{"model": "m"}]}, "lacks its `netAmount`"),
        (CREDITS, {"timePeriod": PERIOD, "usageItems": [{"netAmount": "free"}]}, "Field `netAmount`"),
        (WHOLE, {"usageItems": [{"date": "2026-09-30", "product": "Copilot"}]}, "holds a row of 2026-09-30"),
        (WHOLE, {"usageItems": [{"product": "Copilot", "netAmount": 1}]}, "holds a row of None"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(github, path, answer, sentence):
    github.faults[path] = [Answer(body=answer)]
    table = "ai_credit_usage" if path == CREDITS else "product_usage"
    assert sentence in failure(github, table, days=window("2026-10-01", 1)).message


def test_amounts_keep_every_digit_and_a_new_field_passes_through(github):
    amounts = (Raw("1.2e-07"), "0.000000100", Raw("-3"), Raw("12345.000000000000001"))
    items = [{"netAmount": amount, "model": "ü", "brandNew": {"a": [1]}} for amount in amounts]
    github.faults[CREDITS] = [Answer(body={"timePeriod": PERIOD, "usageItems": items})]
    (day,) = fetch(PROVIDER, "ai_credit_usage", github, Window(DAY, DAY + timedelta(days=1)))
    assert [row["net_amount"] for row in day.rows] == [
        "1.2e-07",
        "0.000000100",
        "-3",
        "12345.000000000000001",
    ]
    assert day.rows[0]["brand_new"] == '{"a": [1]}'
