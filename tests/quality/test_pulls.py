"""Rules on pulls: real syncs of a small provider into a real warehouse, and what each rule says when it is broken."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from dlt_sources.contract import Day, Report
from dlt_sources.registry import PROVIDERS
from dlt_sources.rows import Kind, RowShape
from meterhouse.connections import registry
from meterhouse.connections.sync import sync
from meterhouse.quality.pulls import RULES, check_pulls
from meterhouse.settings import Settings
from tests.connections.fake_provider import GOOD_KEY, PROVIDER

COSTS = RowShape("costs", {"amount": Kind.DECIMAL, "tokens": Kind.INTEGER, "model": Kind.TEXT})
GOOD = [{"amount": "-1.25", "tokens": 0, "model": "m"}, {"amount": "3E-8", "tokens": 7, "model": "-"}]


class Account:
    """A provider whose answers a test writes: rows by how many days ago, and days it tells beside those asked for."""

    def __init__(self, home: Path, monkeypatch) -> None:
        self.rows_by_age: dict[int, list[dict]] = {0: GOOD, 1: GOOD}
        self.days_ahead: list[int] = []
        self.settings = Settings(home=home)
        report = Report("costs", "The costs.", COSTS.columns, self._days)
        self.provider = replace(PROVIDER, history=timedelta(days=2), reports=(report,), dimensions=())
        monkeypatch.setitem(PROVIDERS, "fake", self.provider)
        values = {"admin_key": GOOD_KEY, "base_url": "http://127.0.0.1:9"}
        self.connection = registry.add(self.settings, "fake", "team-a", values, is_checked=False)

    def _days(self, credentials, window):
        for day in window.days:
            age = (window.days[-1] - day).days
            yield Day(day, [COSTS.row(row) for row in self.rows_by_age.get(age, [])])
        for ahead in self.days_ahead:
            yield Day(window.end + timedelta(days=ahead), [COSTS.row(row) for row in GOOD])

    def pull(self) -> None:
        assert sync(self.settings, self.connection).error is None

    def broken(self) -> dict[str, str]:
        """The sentences of the rules that are broken, by name."""
        findings = check_pulls(self.settings, self.provider)
        assert [finding.rule for finding in findings] == list(RULES)
        return {finding.rule.name: finding.sentence for finding in findings if not finding.passed}


@pytest.fixture
def account(tmp_path, monkeypatch) -> Account:
    return Account(tmp_path / "home", monkeypatch)


def test_a_connection_that_was_never_pulled_is_not_judged_and_a_good_pull_breaks_no_rule(account):
    assert check_pulls(account.settings, account.provider) == []
    account.pull()
    assert account.broken() == {}
    account.pull()
    assert account.broken() == {}


def test_each_rule_names_the_account_the_report_the_day_and_the_value(account):
    account.rows_by_age[2] = GOOD
    account.pull()
    today, two_days_ago = _days(account)
    account.rows_by_age = {
        0: [*GOOD, {"amount": "1E+26", "tokens": -5, "surcharge": {"usd": 1}, "quiet": None}],
        1: GOOD,
    }
    account.days_ahead = [1]
    account.pull()
    with duckdb.connect(str(account.settings.warehouse_path)) as warehouse:
        warehouse.execute("delete from raw_fake.costs where day = ? and amount = '-1.25'", [today])
    broken = account.broken()
    place = f"Fake `team-a` costs {today}"
    assert broken.keys() == {rule.name for rule in RULES}
    assert f"{place}: the pull brought 3 rows, the warehouse holds 2" in broken["rows_complete"]
    assert f"{place}: 1 rows, as `amount` = 1E+26" in broken["decimals_readable"]
    assert f"{place}: 1 rows, as `tokens` = -5" in broken["counts_not_negative"]
    assert f"{place}: new fields surcharge." in broken["fields_documented"]
    assert f"costs {two_days_ago}: the day had 2 rows" in broken["days_not_emptied"]
    assert f"costs {today + timedelta(days=2)}: the day lies 2 days after" in broken["days_inside_window"]


def _days(account):
    with duckdb.connect(str(account.settings.warehouse_path), read_only=True) as warehouse:
        days = warehouse.execute("select distinct day from raw_fake.pulled_days order by day").fetchall()
    return days[-1][0], days[0][0]
