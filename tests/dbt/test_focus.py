"""The bill in FOCUS: the same money, conformant by the Foundation's validator and by what it does not look at."""

import csv
import json
import subprocess
from decimal import Decimal

import duckdb
import pytest

from meterhouse.errors import UsageError
from meterhouse.focus import export_focus
from meterhouse.settings import PROJECT_ROOT, Settings
from meterhouse.warehouse.publish import publish
from tests.dbt import raw
from tests.dbt.world import DAYS, PROVISIONAL_DAY
from tests.killing import run

VALIDATOR = PROJECT_ROOT / ".venv/focus-validator"


@pytest.fixture(scope="module")
def settings(built):
    _, path, _, _ = built
    home = Settings(home=path.parent)
    publish(home)
    return home


@pytest.fixture(scope="module")
def parquet(settings):
    target = settings.home_path / "focus.parquet"
    export_focus(settings, target)
    return target


def test_the_file_holds_every_final_line_and_its_money(built, parquet):
    world, _, _, _ = built
    final = [charge for charge in world.charges if charge.day < PROVISIONAL_DAY]
    [total] = duckdb.sql(f"select count(*), sum(BilledCost) from '{parquet}'").fetchall()
    assert total == (len(final), sum(charge.amount for charge in final))
    kinds = duckdb.sql(f"select ChargeCategory, sum(BilledCost), count(SkuId) from '{parquet}' group by 1")
    credited = sum(charge.amount for charge in final if charge.category == "credit")
    assert ("Credit", credited, 0) in kinds.fetchall()


def test_tokens_are_those_of_the_bill_or_of_the_usage_report_or_unknown(built, parquet):
    world, _, _, _ = built
    final = [charge for charge in world.charges if charge.day < PROVISIONAL_DAY and charge.amount >= 0]
    counted = [charge.quantity for charge in final if charge.quantity is not None]
    used = {
        (use.connection, use.day, use.model, use.token_type, use.tier, use.project): use.quantity
        for use in world.used
    }
    reported = [
        used[key]
        for charge in final
        if charge.quantity is None
        and (
            key := (
                charge.connection,
                charge.day,
                charge.model,
                charge.token_type,
                charge.tier,
                charge.project,
            )
        )
        in used
    ]
    sums = f"select x_QuantitySource, sum(x_TokenCount) from '{parquet}' where ConsumedUnit is not null group by 1"
    found = dict(duckdb.sql(sums).fetchall())
    assert found == {"bill": sum(counted), "usage report": sum(reported), "unknown": None}
    [unknown] = duckdb.sql(
        f"select distinct ConsumedUnit, PricingUnit, ContractedUnitPrice from '{parquet}'"
        " where x_QuantitySource = 'unknown'"
    ).fetchall()
    assert unknown == ("USD", "USD", 1)


def test_native_skus_are_kept_and_others_name_model_and_token_type(parquet):
    skus = duckdb.sql(
        f"select distinct x_Provider, SkuId, x_LineItem from '{parquet}' where SkuId is not null"
    )
    for provider, sku, line_item in skus.fetchall():
        assert sku == line_item if provider == "openai" else sku != line_item or "/" not in sku
    details = duckdb.sql(
        f"select distinct SkuPriceDetails from '{parquet}' where SkuPriceDetails is not null"
    )
    for (text,) in details.fetchall():
        assert all(
            name.startswith("x_") and isinstance(value, str) for name, value in json.loads(text).items()
        )


def test_a_csv_says_the_same_in_text_and_a_period_cuts_whole_days(settings):
    target = settings.home_path / "focus.csv"
    first, last = DAYS[1], DAYS[2]
    outcome = run(
        ["export", "focus", "--out", str(target), "--from", str(first), "--to", str(last), "--json"], settings
    )
    answer = json.loads(outcome.stdout)
    with target.open(newline="") as file:
        lines = list(csv.DictReader(file))
    columns = list(lines[0])
    assert columns == sorted(columns, key=lambda name: (name.startswith("x_"), name)), (
        "custom columns are last"
    )
    assert {line["ChargePeriodStart"] for line in lines} == {f"{day}T00:00:00Z" for day in (first, last)}
    assert sum(Decimal(line["BilledCost"]) for line in lines) == Decimal(answer["billed_usd"])
    assert (answer["rows"], answer["left_out"]) == (len(lines), {"provisional": 0, "unknown_usd": 0})
    [billed] = raw.rows(
        settings.warehouse_path,
        f"select sum(billed_cost_usd) as usd from marts.fct_charges where charge_date between '{first}' and '{last}'",
    )
    assert billed["usd"] == Decimal(answer["billed_usd"])


def test_text_that_a_spreadsheet_would_run_is_quoted_in_csv_and_nothing_is_changed_in_parquet(
    settings, tmp_path
):
    with duckdb.connect(str(settings.published_path)) as marts:
        marts.execute("update marts.focus_costs set ServiceName = '=HYPERLINK(1)', SkuId = '-12.50'")
    try:
        for name in ("bill.csv", "bill.parquet"):
            export_focus(settings, tmp_path / name)
    finally:
        publish(settings)
    with (tmp_path / "bill.csv").open(newline="") as file:
        assert {(line["ServiceName"], line["SkuId"]) for line in csv.DictReader(file)} == {
            ("'=HYPERLINK(1)", "-12.50")
        }
    kept = duckdb.sql(f"select distinct ServiceName, SkuId from '{tmp_path / 'bill.parquet'}'").fetchall()
    assert kept == [("=HYPERLINK(1)", "-12.50")]


def test_what_cannot_be_in_the_file_is_counted_and_a_wrong_place_is_one_sentence(settings, tmp_path):
    done = export_focus(settings, tmp_path / "all.parquet", PROVISIONAL_DAY)
    assert (done.row_count, done.provisional_count > 0) == (0, True)
    for target in (tmp_path / "no folder" / "x.csv", tmp_path / "x.xlsx"):
        with pytest.raises(UsageError):
            export_focus(settings, target)
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


MUTATIONS = {
    "a cost is not its unit price x quantity": "ListCost = ListCost + 0.01",
    "a unit price is negative": "ContractedUnitPrice = -ContractedUnitPrice, ContractedCost = -ContractedCost",
    "a value is none of those allowed": "ChargeFrequency = 'Sometimes'",
    "the charge period is not inside its billing period": "BillingPeriodEnd = BillingPeriodStart",
    "what a usage or purchase must say is missing": "ListUnitPrice = null",
    "usage must say what was consumed, and it alone": "ConsumedUnit = null",
    "a tax, credit or adjustment has no SKU and no unit price": "ChargeCategory = 'Tax', x_ChargeCategory = 'tax'",
    "a purchase that prepays has an effective cost": "x_ChargeCategory = 'purchase'",
    "a sub account has a name and a type, and only it has": "SubAccountId = 'p', SubAccountName = null",
    "an empty text stands for no value": "ServiceName = ''",
    "a SKU price belongs to two SKUs": "SkuId = x_ChargeId",
    "a service is in two categories": "ServiceSubcategory = x_ChargeId",
}


def test_our_own_rules_find_what_the_validator_does_not(built, settings):
    """Each rule is broken once, in a transaction that is taken back."""
    _, path, _, _ = built
    rules = (path.parent / "dbt/compiled/meterhouse/tests/focus_costs_conform.sql").read_text()
    with raw.connect(path) as warehouse:
        assert warehouse.execute(rules).fetchall() == []
        for rule, change in MUTATIONS.items():
            warehouse.execute("begin")
            warehouse.execute(f"update marts.focus_costs set {change} where ChargeCategory = 'Usage'")
            assert rule in {found for _, found in warehouse.execute(rules).fetchall()}, rule
            warehouse.execute("rollback")


def test_the_validator_of_the_finops_foundation_finds_nothing(parquet):
    if not (VALIDATOR / ".installed").exists():
        pytest.skip(
            "NO FOCUS VALIDATOR ON THIS MACHINE (.ci/focus-validator; needs Python 3.12): the file is NOT validated"
        )
    checked = subprocess.run(
        [str(VALIDATOR / "bin/python"), str(PROJECT_ROOT / "tests/focus/check_focus.py"), str(parquet)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
