"""The pages of costs, transactions, traces, rejects, alerts and health over published marts, and the API keys."""

import csv
import html
import io
import re
from decimal import Decimal

import duckdb
import pytest

from meterhouse.console import users
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.console.serving import Visitor, publish, served, words
from tests.console.small_marts import HOSTILE, TODAY, filled_home
from tests.gateway import endpoint as gateway


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return filled_home(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def visitor(settings):
    with served(settings) as url:
        yield Visitor(url)


def table(answer) -> list[dict[str, str]]:
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


PAGES = (
    *("/connections", "/connections/new", "/integrations", "/costs?by=customer&compare=1"),
    *(
        "/budgets",
        "/transactions",
        "/transactions/call?id=held-130",
        "/transactions/call?id=call-002",
        "/transactions/trace?id=t-1",
        "/rejects",
        "/alerts",
    ),
    *("/alerts/backtest?rule=dear-calls&days=2", "/health", "/audit"),
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_what_others_wrote_and_interprets_nothing_of_it(visitor, path):
    page = visitor.get(path)
    assert page.status_code == 200, words(page)
    for markup in ("<img src=x", "<script>alert", "<b>7", "<i>answer", " style=", "javascript:"):
        assert markup not in page.text


def test_costs_are_those_of_the_report_to_the_last_digit(visitor):
    page = words(visitor.get("/costs?by=customer&days=7"))
    assert "Billed 12.50 USD" in page
    assert "Not billed yet 3.25 USD" in page
    assert "96.0 % of billed usage" in page
    assert "Quantity : unmetered (or, if negative, metered twice) 1.50" in page
    rows = table(visitor.get("/costs.csv?by=customer&days=7"))
    found = {row["customer"]: row["billed_usd"] for row in rows}
    assert found == {
        "acme": "10.000000000001",
        f"'{HOSTILE}": "2.000000000000",
        "": "0.500000000000",
        "globex": "0.000000000000",
    }


def test_a_comparison_puts_the_top_mover_first_and_shows_what_ended(visitor):
    page = words(visitor.get("/costs?by=customer&days=7&compare=1"))
    assert "top movers first" in page
    assert page.index("acme Provisional") < page.index("globex")
    assert "+13.25" in page
    assert "-7.00" in page


@pytest.mark.parametrize(
    "address", ["by=colour", "from=2026-02-30", "from=2026-02-02&to=2026-02-01", "days=x"]
)
def test_a_wrong_address_gets_a_sentence(visitor, address):
    page = visitor.get(f"/costs?{address}")
    assert page.status_code == 400
    assert "This cannot be shown" in words(page)


def calls_on(page) -> list[str]:
    return re.findall(r'href="/transactions/call\?id=([^"&]+)&', page.text)


def linked(page, relation: str) -> str | None:
    """Where the page before or after is."""
    found = re.search(rf'rel="{relation}" href="([^"]+)"', page.text)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("sort", ["started_at", "cost_usd", "customer", "trace_id", "total_input_tokens"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_log_is_paged_both_ways_without_losing_or_doubling_a_call(visitor, sort, order):
    """Ties, and unknown values, which are last in either order."""
    page = visitor.get(f"/transactions?days=2&sort={sort}&order={order}")
    rows = table(visitor.get(f"/transactions.csv?days=2&sort={sort}&order={order}"))
    pages = [page]
    while (later := linked(pages[-1], "next")) is not None:
        pages.append(visitor.get(later))
    assert [one for page in pages for one in calls_on(page)] == [row["event_id"] for row in rows]
    assert len(rows) == 128
    back = pages[-1]
    for page in pages[-2::-1]:
        back = visitor.get(linked(back, "prev"))
        assert calls_on(back) == calls_on(page)
    assert linked(back, "prev") is None


def test_a_page_after_a_call_that_is_no_more_is_the_first(visitor):
    assert calls_on(visitor.get("/transactions?days=2&after=gone")) == calls_on(
        visitor.get("/transactions?days=2")
    )


def test_what_controls_held_back_is_in_the_log_and_counts_as_no_call(visitor):
    page = words(visitor.get("/transactions?days=2"))
    assert "126 calls" in page
    assert "the cost of 1 is unknown and in no sum" in page
    assert "1 held back by controls and 1 that would have been : in the list, and no calls." in page
    assert "0 calls, – USD" in words(visitor.get("/transactions?days=2&outcome=blocked"))
    assert calls_on(visitor.get("/transactions?days=2&outcome=would_block")) == ["held-131"]
    assert "No call was made: the control customers <b> held it back." in words(
        visitor.get("/transactions/call?id=held-130")
    )
    assert "A note, and no call" in words(visitor.get("/transactions/call?id=held-131"))


def test_an_id_is_found_by_how_it_begins_whatever_it_is_of_and_whenever_it_was(visitor):
    assert calls_on(visitor.get("/transactions?id=call-00")) == [
        f"call-{number:03}" for number in range(1, 10)
    ]
    assert sorted(calls_on(visitor.get("/transactions?id=t-"))) == sorted(
        ["child", "circle-a", "circle-b", "grandchild", "orphan", "root"]
    )
    assert calls_on(visitor.get("/transactions?id=%25")) == []


def test_the_columns_a_viewer_chose_last_until_they_choose_others(settings):
    with served(settings) as url:
        visitor = Visitor(url)
        assert (
            "<th"
            in visitor.get("/transactions?days=2&columns=customer&columns=workflow&columns=nonsense").text
        )
        later = visitor.get("/transactions?days=2").text
        assert re.findall(r"sort=(\w+)&amp;order=\w+&amp;columns=customer&amp;columns=workflow", later)
        assert "sort=cost_usd" not in later
        usual = html.unescape(re.search(r'href="([^"]+)">The usual ones', later)[1])
        visitor.get(usual)
        assert "sort=cost_usd" in visitor.get("/transactions?days=2").text


def test_the_log_narrows_sorts_and_chooses_columns_and_its_csv_says_the_same(visitor):
    address = "days=2&customer=acme&status=priced&sort=cost_usd&order=asc&columns=cost_usd&columns=customer"
    rows = table(Visitor(str(visitor.base_url)).get(f"/transactions.csv?{address}"))
    assert list(rows[0]) == ["event_id", "customer", "cost_usd"]
    assert {row["customer"] for row in rows} == {"acme"}
    costs = [Decimal(row["cost_usd"]) for row in rows]
    assert costs == sorted(costs)
    assert f"{len(rows)} calls" in words(Visitor(str(visitor.base_url)).get(f"/transactions?{address}"))
    assert "0 calls" in words(visitor.get("/transactions?days=2&customer=acme' or '1'='1"))
    assert visitor.get("/transactions?sort=event_id;drop").status_code == 200


def test_budgets_say_how_far_along_they_are_and_whether_they_will_last(visitor):
    page = words(visitor.get("/budgets"))
    assert f"customers customer: {HOSTILE} metered, month; resets 20" in page
    assert "UTC 103.7 % 41.50 of 40.00 2 unpriced calls not in it" in page
    assert "13.33 124.50 50 %, 80 %, 100 % Used up" in page
    assert "50.0 % 20.00 of 40.00 13.33 60.00 50 % next 80 % At risk" in page
    assert "bill all events billed, quarter; resets" in page
    assert "10.0 % 100.00 of 1,000.00 333.33 300.00 910.50 by weekdays none" in page
    assert "Nothing spent in this period, as published: unused (5.00 USD, metered, day (UTC))" in page
    over = page[page.index("Periods that are over") :]
    assert "99.9 % 39.99 of 40.00 50 %, 80 % Within" in over
    assert "bill all events" not in words(visitor.get("/budgets?budget=customers"))
    rows = table(visitor.get("/budgets.csv?budget=customers"))
    assert [row["used_usd"] for row in rows] == ["41.500000000000", "20.000000000000", "39.990000000000"]


def test_costs_say_what_a_success_of_a_workflow_cost_and_what_it_is_worth(visitor):
    page = words(visitor.get("/costs?days=7"))
    assert "answer <b> 8 2 4.00 without 2 calls of unknown cost 1.50 4 1.00 20.00 14.00" in page
    assert "ticket <b> 2 1 1 5.00 of 1 unknown" in page


def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not(visitor):
    rows = table(visitor.get("/transactions.csv?days=2&columns=customer&columns=cost_usd"))
    hostile = [row["customer"] for row in rows if "HYPERLINK" in row["customer"]]
    assert hostile
    assert set(hostile) == {f"'{HOSTILE}"}
    assert not [row for row in rows if row["cost_usd"].startswith("'")]


def test_a_call_shows_its_quantities_costs_metadata_and_prompt(visitor):
    page = words(visitor.get("/transactions/call?id=call-001"))
    assert "input tokens 1 0.001000000000" in page
    assert "Price book v1" in page
    assert '"ticket": "<b>7</b>"' in page
    assert "You are <script>" in page
    assert words(visitor.get(f"/transactions/call?id=call-001&day={TODAY}"))[:99] == page[:99]
    assert visitor.get("/transactions/call?id=none").status_code == 404
    assert visitor.get("/transactions/call?id=call-001&day=2020-01-01").status_code == 404
    assert visitor.get("/transactions/call?id=call-001&day=x").status_code == 400


def test_prompts_are_for_admins(settings):
    password = users.add(settings, "viewer", users.Role.VIEWER)
    with served(settings, asks_log_in=True) as url:
        visitor = Visitor(url)
        visitor.log_in("viewer", password)
        page = words(visitor.get("/transactions/call?id=call-001"))
    assert "input tokens 1" in page
    assert "You are" not in page


def test_a_trace_is_a_tree_in_which_every_call_stands_once(visitor):
    text = visitor.get("/transactions/trace?id=t-1").text
    order = calls_on(visitor.get("/transactions/trace?id=t-1"))
    assert sorted(order) == ["child", "circle-a", "circle-b", "grandchild", "orphan", "root"]
    assert order[:3] == ["root", "child", "grandchild"]
    between = text[text.index("id=root") : text.index("id=grandchild")]
    assert between.count("<ol") == 2


def test_rejects_are_paged_with_their_reasons(visitor):
    first, second = words(visitor.get("/rejects")), words(visitor.get("/rejects?page=2"))
    assert "60 refused" in first
    assert "model is missing in line 60" in second + first
    assert "Next page" in first
    assert "Next page" not in second


def test_alerts_show_incidents_rules_and_what_was_not_delivered(visitor):
    page = words(visitor.get("/alerts"))
    assert "dear-calls" in page
    assert HOSTILE in page
    assert "Slack answered 500." in page
    assert "critical > 0.02" in page
    assert "Held back now" in page
    assert f"Block dear-calls customer: {HOSTILE} 0.03 > 0.02" in page
    assert "critical: a connection that is not paused is Disconnected" in page
    backtest = words(visitor.get("/alerts/backtest?rule=dear-calls&days=2"))
    assert "it would have fired" in backtest
    assert "globex" in backtest
    assert visitor.get("/alerts/backtest?rule=none").status_code == 400
    refused = visitor.send_form("/alerts/send-test", "/alerts", channel="slack")
    assert "Slack" in words(refused)


def test_health_says_what_the_doctor_says(visitor):
    page = words(visitor.get("/health"))
    assert "No provider is connected, so nothing billed can be seen." in page
    assert "Pipeline runs" in page


def test_an_api_key_is_made_shown_regenerated_and_revoked(visitor, settings):
    made = visitor.send_form(
        "/integrations/create", "/integrations", name="shop", expires_in_days="30", **{"scope-write": "on"}
    )
    first = made.text.split('<input readonly value="')[1].split('"')[0]
    assert keys.copy(settings, "shop").key == first
    assert first not in visitor.get("/integrations").text
    again = visitor.send_form("/integrations/create", "/integrations", name="shop")
    assert "There is a key 'shop' already." in words(again)
    renewed = visitor.send_form("/integrations/regenerate", "/integrations", name="shop")
    second = renewed.text.split('<input readonly value="')[1].split('"')[0]
    assert second != first
    assert "Revoked shop" in words(visitor.send_form("/integrations/revoke", "/integrations", name="shop"))
    log = visitor.get("/audit").text
    assert first not in log
    assert second not in log
    for what in ("created", "copied", "regenerated", "revoked"):
        assert f"{what} an API key shop Done" in words(visitor.get("/audit"))


def test_a_test_event_goes_through_the_endpoint_and_a_regenerated_key_is_refused_there(tmp_path):
    settings = Settings(home=tmp_path)
    key = keys.create(settings, "shop").key
    with gateway.served(settings) as url:
        settings = Settings(home=tmp_path, gateway_url=url)
        with served(settings) as console:
            visitor = Visitor(console)
            sent = visitor.send_form("/integrations/send-test", "/integrations", name="shop")
            assert "The endpoint took the test event" in words(sent)
            assert "shows in the transaction log with the next build" in words(sent)
            visitor.send_form("/integrations/regenerate", "/integrations", name="shop")
            with gateway.client(url, key) as old:
                assert old.post("/v1/events", json={}).status_code == 401
    assert len(gateway.landed_lines(settings)) == 1


def test_marts_of_an_older_release_get_a_sentence(tmp_path):
    settings = Settings(home=tmp_path)
    publish(settings, {})
    with duckdb.connect(settings.published_path) as file:
        file.execute("alter table marts.fct_transactions drop column outcome")
        file.execute("drop table marts.fct_data_trust")
    with served(settings) as url:
        visitor = Visitor(url)
        log = visitor.get("/transactions")
        assert log.status_code == 503
        assert "published by an older Meterhouse" in words(log)
        assert visitor.get("/transactions.csv").status_code == 503
        assert visitor.get("/health").status_code == 200


def test_no_page_reads_the_warehouse(settings, visitor):
    assert not settings.warehouse_path.exists()
    for path in PAGES:
        visitor.get(path)
    assert not settings.warehouse_path.exists()
