"""Cursor against its contract page: recorded answers load exactly, a day's events are whole or nothing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import cursor
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.cursor.reports import CursorCredentials
from sandbox.cursor.api import CursorKeys, cursor_app
from sandbox.cursor.books import CursorBooks, CursorDesk, Member, TokenUsage, UsageEvent, small_account
from sandbox.faults import EndlessPaging
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer, Raw, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

EVENTS, SPEND = "/teams/filtered-usage-events", "/teams/spend"
KEYS = CursorKeys("key_PLANTEDadmin", "key_PLANTEDuser")
PROVIDER = cursor.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)


def event(cents, at="2026-10-01T12:00:00", model="gpt-5", is_chargeable=True, tokens=True):
    usage = TokenUsage(10, 20, 30, 40, Decimal(cents)) if tokens else None
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return UsageEvent(moment, "ada@example.com", model, is_chargeable, Decimal(cents), usage)


@pytest.fixture
def desk():
    return CursorDesk(CursorBooks())


@pytest.fixture
def team(desk):
    with Served(cursor_app(desk, KEYS)) as served:
        served.credentials = lambda key=None, **more: CursorCredentials(
            admin_key=key or KEYS.admin, base_url=served.url, **more
        )
        yield served


def failure(team, table="usage_events", **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(PROVIDER, table, team, **options)
    return caught.value


def recorded(name):
    return Answer(body=(PAYLOADS / f"cursor_{name}.json").read_bytes())


def test_recorded_answers_load_with_every_digit_twins_apart_and_no_names(team, tmp_path):
    team.faults[EVENTS] = [recorded("usage_events_page1"), recorded("usage_events_page2")]
    team.faults[SPEND] = [recorded("team_spend")]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, team, window("2025-06-26", 1), tables=["usage_events"])
    warehouse.pull(
        PROVIDER, team, Window(NOW.date(), NOW.date() + timedelta(days=1)), tables=["member_spend"]
    )
    columns = "timestamp, user_email, charged_cents, token_usage_total_cents, cursor_token_fee, is_chargeable"
    assert warehouse.current("cursor", "usage_events", columns, "order by 1") == [
        (1750978339901, "admin@company.com", "8", None, None, False),
        (1750978339901, "admin@company.com", "8", None, None, False),
        (1750979225854, "developer@company.com", "21.36232", "20.18232", "1.18", True),
    ]
    assert warehouse.current(
        "cursor", "member_spend", "email, spend_cents, subscription_cycle_start", "order by 1"
    ) == [
        ("admin@company.com", "0", 1748411762359),
        ("developer@company.com", "2450.5", 1748411762359),
    ]
    names = warehouse.ask("select column_name from duckdb_columns() where table_name = 'member_spend'")
    assert ("name",) not in names


def test_the_books_of_a_small_team_arrive_to_the_last_digit(desk, team, tmp_path):
    desk.books, truth = small_account(DAY, 3, seed=7)
    desk.page_limit = 2
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, team, window("2026-10-01", 3), tables=["usage_events"])
    found = warehouse.current(
        "cursor",
        "usage_events",
        "day, model, case when is_token_based_call then 'tokens' else 'requests' end,"
        " sum(cast(charged_cents as decimal(38, 10)))",
        "where is_chargeable group by all",
    )
    assert {tuple(row[:3]): row[3].scaleb(-2) for row in found} == truth
    assert warehouse.ask("select count(*) from raw_cursor.usage_events") == [(len(desk.books.events),)]


def test_a_day_takes_its_first_millisecond_and_not_the_next_days(desk, team):
    moments = (
        "2026-10-01T00:00:00",
        "2026-10-01T23:59:59.999000",
        "2026-10-02T00:00:00",
        "2026-09-30T23:59:59.999000",
    )
    desk.books = CursorBooks(tuple(event(n + 1, at) for n, at in enumerate(moments)))
    days = fetch(PROVIDER, "usage_events", team, window("2026-10-01", 2))
    assert [sorted(row["charged_cents"] for row in day.rows) for day in days] == [["1", "2"], ["3"]]


def test_empty_days_are_told_and_days_to_come_are_not(team):
    days = fetch(PROVIDER, "usage_events", team, window("2026-10-19", 5))
    assert [(day.day, day.rows) for day in days] == [(date(2026, 10, 19), []), (date(2026, 10, 20), [])]


def test_events_that_come_in_between_two_pages_fail_the_day_instead_of_doubling_it(desk, team):
    desk.books = CursorBooks(tuple(event(n + 1, f"2026-10-01T0{n}:00:00") for n in range(4)))
    desk.page_limit = 2
    first = body(WHOLE, WHOLE | {"chargedCents": 2}, total=3, more=True)
    team.faults[EVENTS] = [Answer(body=first)]
    error = failure(team, days=window("2026-10-01", 1))
    assert error.fault is Fault.UNAVAILABLE
    assert "has 3 and then 4 usage events, but its pages held 4" in error.message


def test_emails_can_be_left_out(desk, team):
    desk.books = CursorBooks((event(1),), (Member("ada@example.com", "Ada", Decimal(1)),))
    credentials = team.credentials(user_emails="drop")
    both = Window(DAY, NOW.date() + timedelta(days=1))
    for report in PROVIDER.reports:
        rows = [row for day in report.fetch(credentials, both) for row in day.rows]
        assert len(rows) == 1
        assert "example.com" not in str(rows)


def test_a_members_own_key_is_told_that_an_admin_key_is_needed(team):
    with pytest.raises(ProviderError, match=r"^usage_events: .*does not have access") as caught:
        PROVIDER.check(team.credentials(KEYS.user))
    assert caught.value.fault is Fault.PERMISSION
    assert "team admin" in caught.value.next_step


def test_an_admin_key_may_read_everything(team):
    assert PROVIDER.check(team.credentials()).readable == PROVIDER.tables


@pytest.mark.parametrize(
    ("status", "name", "fault"),
    [
        (401, "error_401", Fault.CREDENTIALS),
        (403, "error_403", Fault.PERMISSION),
        (429, "error_429", Fault.RATE_LIMITED),
    ],
)
def test_recorded_errors_become_a_fault_with_the_words_of_cursor(team, status, name, fault):
    team.faults[EVENTS] = [Answer(status, payload(f"cursor_{name}.json")) for _ in range(6)]
    error = failure(team)
    assert error.fault is fault
    assert payload(f"cursor_{name}.json")["message"] in error.message
    assert "PLANTED" not in error.message


@pytest.mark.parametrize("retry_after", [0, None])
def test_a_storm_of_rate_limits_and_server_errors_is_waited_out(desk, team, retry_after):
    desk.books = CursorBooks((event("1.5"),))
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 3, retry_after
    desk.faults.failing_requests = 2
    (day,) = fetch(PROVIDER, "usage_events", team, window("2026-10-01", 1))
    assert [row["charged_cents"] for row in day.rows] == ["1.5"]


@pytest.mark.parametrize("table", ["usage_events", "member_spend"])
def test_pages_that_repeat_are_refused(desk, team, table):
    desk.books = CursorBooks(
        (event(1), event(2)), (Member("a", "A", Decimal(1)), Member("b", "B", Decimal(1)))
    )
    desk.page_limit, desk.faults.endless_paging = 1, EndlessPaging.SAME_CURSOR
    assert "came twice" in failure(team, table, days=window("2026-10-01", 1)).message


@pytest.mark.parametrize("table", ["usage_events", "member_spend"])
def test_pages_that_never_end_are_refused(desk, team, table):
    desk.books = CursorBooks((event(1),), (Member("a", "A", Decimal(1)),))
    desk.faults.endless_paging = EndlessPaging.NEW_CURSORS
    assert "says that more follow" in failure(team, table, days=window("2026-10-01", 1)).message


def body(*events, total=None, more=False):
    return {
        "totalUsageEventsCount": len(events) if total is None else total,
        "pagination": {"hasNextPage": more},
        "usageEvents": list(events),
    }


WHOLE = {"timestamp": "1790856000000", "isChargeable": True, "chargedCents": 1}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"usageEvents": []}, "does not say whether more pages follow"),
        ({"pagination": {"hasNextPage": False}}, "lacks its list `usageEvents`"),
        (body(total="three"), "lacks its `totalUsageEventsCount`"),
        (body(total=7), "has 7 usage events, but its pages held 0"),
        (body("x"), "is not an object"),
        (body(WHOLE | {"timestamp": None}), "lacks its `timestamp`"),
        (body(WHOLE | {"timestamp": "1790856000000.5"}), "Field `timestamp`"),
        (body(WHOLE | {"timestamp": "1690856000000"}), "an event of another time"),
        (body(WHOLE | {"isChargeable": None}), "lacks its `is_chargeable`"),
        (body(WHOLE | {"isChargeable": "yes"}), "Field `isChargeable`"),
        (body(WHOLE | {"chargedCents": None}), "lacks its `charged_cents`"),
        (body(WHOLE | {"chargedCents": "a lot"}), "Field `chargedCents`"),
        (body(WHOLE | {"tokenUsage": [1]}), "Field `tokenUsage`"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(team, answer, sentence):
    team.faults[EVENTS] = [Answer(body=answer)]
    assert sentence in failure(team, days=window("2026-10-01", 1)).message


def test_cents_keep_every_digit_and_a_new_field_passes_through(team, tmp_path):
    lines = [
        WHOLE | {"chargedCents": cents, "model": f"m{n}/ü", "brandNew": {"a": [1]}}
        for n, cents in enumerate([Raw("1.2e-07"), "0.000000100", Raw("12345.000000000000001")])
    ]
    team.faults[EVENTS] = [Answer(body=body(*lines))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, team, window("2026-10-01", 1), tables=["usage_events"])
    assert warehouse.current("cursor", "usage_events", "charged_cents, brand_new", "order by model") == [
        (cents, '{"a": [1]}') for cents in ("1.2e-07", "0.000000100", "12345.000000000000001")
    ]
