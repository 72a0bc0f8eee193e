"""`meterhouse report --html`: one page that says what the report says, and loads nothing."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import duckdb

from meterhouse.report import build_report, disputes, usd
from meterhouse.settings import Settings
from tests.killing import run

ONE_DAY = timedelta(days=1)
INJECTED = '<script>alert("1")</script>'


class Page(HTMLParser):
    """The cells of each table by the heading above it, and every tag and address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self._heading, self._inside = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag == "h2":
            self._heading, self._inside = "", tag
        elif tag == "tr":
            self.tables.setdefault(self._heading, []).append([])
        elif tag in ("td", "th"):
            self._inside = tag
            self.tables[self._heading][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h2", "td", "th"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "h2":
            self._heading += data
        elif self._inside:
            self.tables[self._heading][-1][-1] += data


def page_of(settings: Settings, folder: Path, *arguments: str) -> Page:
    path = folder / "costs.html"
    outcome = run(["report", "--html", str(path), *arguments], settings)
    assert outcome.returncode == 0, outcome.stderr
    return Page(path.read_text())


def test_the_page_says_what_the_report_says(built: Settings, tmp_path: Path) -> None:
    report = build_report(built)
    tables = page_of(built, tmp_path).tables
    assert tables["By provider"][-1][1:5] == [
        usd(report[name]) for name in ("billed", "attributed", "metered", "provisional")
    ]
    assert tables["Why billed and metered differ"][-1][-1] == usd(report["billed"] - report["metered"])
    assert {row[0].split()[0] for row in tables["How far to trust it"][1:]} == {"openai", "anthropic"}
    by_customer = {row["customer"]: row["attributed"] for row in build_report(built, by=["customer"])["rows"]}
    for name, amount, _ in tables["By customer"][1:]:
        assert amount == usd(by_customer[None if name.startswith("(") else name])


def test_movers_and_unit_costs_are_those_of_the_bill(built: Settings, tmp_path: Path) -> None:
    tables = page_of(built, tmp_path).tables
    report = build_report(built, by=["provider", "model"])
    last = report["to"] - ONE_DAY
    now = build_report(built, last - ONE_DAY, last, ["provider", "model"])
    before = build_report(built, last - 3 * ONE_DAY, last - 2 * ONE_DAY, ["provider", "model"])
    moved = {(row["provider"], row["model"]): row["billed"] for row in now["rows"]}
    for row in before["rows"]:
        key = (row["provider"], row["model"])
        moved[key] = moved.get(key, Decimal(0)) - row["billed"]
    shown = {
        (row[0], None if row[1] == "–" else row[1]): row[-1].removeprefix("+")
        for row in tables["Top movers"][1:]
    }
    assert shown
    assert shown == {key: usd(moved[key]) for key in shown}
    for provider, model, tokens, price in tables["Cost of a million tokens, as billed"][1:]:
        with duckdb.connect(built.published_path, read_only=True) as marts:
            [found] = marts.execute(
                "select sum(billed_cost_usd), sum(billed_quantity) from marts.fct_reconciliation "
                "where (provider, model) = ($1, $2) and not is_provisional and billed_quantity > 0 "
                "and token_type <> 'web_searches'",
                [provider, model],
            ).fetchall()
        assert (tokens, price) == (f"{int(found[1]):,}", usd(found[0] * 1_000_000 / found[1]))


def test_what_price_books_differ_on_is_told_in_money_by_report_and_page(
    built: Settings, tmp_path: Path
) -> None:
    with duckdb.connect(built.published_path) as marts:
        marts.execute(
            "update marts.fct_transactions set provider = 'aws_bedrock', model = 'gpt-5.5',"
            " requested_model = 'gpt-5.5', served_model = null, tier = 'standard', region = null"
            " where provider = 'openai'"
        )
    rows = disputes(built, build_report(built))
    assert rows
    assert {row["model"] for row in rows} == {"gpt-5.5"}
    shown = page_of(built, tmp_path).tables["Prices on which the books differ"][1:]
    assert [row[2:5] for row in shown] == [
        [row["token_type"], usd(row["cost_usd"]), usd(row["other_cost_usd"])] for row in rows
    ]
    told = json.loads(run(["report", "--json"], built).stdout)["disputed_prices"]
    assert [Decimal(row["difference_usd"]) for row in told] == [row["difference_usd"] for row in rows]


def test_the_page_loads_nothing_and_runs_nothing(built: Settings, tmp_path: Path) -> None:
    with duckdb.connect(built.published_path) as marts:
        marts.execute(
            "update marts.fct_attributed_costs set customer = $1 where customer is not null", [INJECTED]
        )
    page = page_of(built, tmp_path)
    assert "script" not in page.tags
    assert page.addresses == []
    assert INJECTED in {row[0] for row in page.tables["By customer"]}
    text = (tmp_path / "costs.html").read_text()
    assert not re.search(r"url\((?!['\"]?#)|@import", text)


def test_a_period_without_costs_and_a_folder_that_is_not_there(built: Settings, tmp_path: Path) -> None:
    page = page_of(built, tmp_path, "--from", "2020-01-01", "--to", "2020-01-02")
    assert page.tables["By provider"][-1][1] == "0.00"
    refused = run(["report", "--html", str(tmp_path / "no" / "costs.html")], built)
    assert refused.returncode != 0
    assert "cannot be written" in refused.stderr
