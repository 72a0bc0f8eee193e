"""Whom calls were for, said after the fact: every rule on every event, and not a cent more or less on the bill."""

import json
import shutil
from collections import Counter
from datetime import timedelta

import pytest

from meterhouse.business_units import parse_units
from meterhouse.report import build_report
from meterhouse.settings import Settings
from meterhouse.tagging import parse_rules
from meterhouse.warehouse.organization_snapshot import snapshot_organization
from meterhouse.warehouse.publish import publish
from meterhouse.yaml_items import ItemsError
from tests.dbt import raw
from tests.dbt.world import DAYS
from tests.killing import run

RULES = f"""
rules:
  - name: p1 makes search
    when: {{project: p1, model: [GPT-4O*, claude-haiku-4-5]}}
    set: {{product: search, business_unit: bids}}
  - name: tenants
    when: {{metadata.team: [search, ranking]}}
    copy: {{customer: metadata.tenant}}
    overwrite: true
  - name: quoted's
    when: {{environment: "it's 5%_*"}}
    set: {{subscriber: "o'neill"}}
  - name: the rest
    when: {{connection: "name of c-*"}}
    set: {{product: other}}
    from: {DAYS[2]}
    to: {DAYS[4]}
"""
UNITS = f"""
business_units:
  - {{unit: growth}}
  - {{unit: sales, name: Sales}}
  - {{unit: bids, parent: growth, to: {DAYS[3]}}}
  - {{unit: bids, parent: sales, from: {DAYS[4]}}}
"""
COLUMNS = ("product", "customer", "subscriber_id", "business_unit", "tagging_rules")


def tagged(event: dict) -> tuple:
    """What the rules above say of an event, in plain Python."""
    day = event["started_at"].date()
    metadata = json.loads(event.get("metadata", "{}"))
    held, product, customer = [], None, event["customer"]
    subscriber, unit = None, event.get("business_unit")
    model = event["model"].strip().lower().removesuffix("-20260102")
    if event["provider_project"] == "p1" and (model.startswith("gpt-4o") or model == "claude-haiku-4-5"):
        held.append("p1 makes search")
        product, unit = "search", unit or "bids"
    if metadata.get("team") in ("search", "ranking"):
        held.append("tenants")
        customer = str(metadata["tenant"]) if "tenant" in metadata else customer
    if event.get("environment") == "it's 5%_off":
        held.append("quoted's")
        subscriber = "o'neill"
    if DAYS[2] <= day <= DAYS[4]:
        held.append("the rest")
        product = product or "other"
    return product, customer, subscriber, unit, ", ".join(held) or None


@pytest.fixture(scope="module")
def settings(built, tmp_path_factory):
    """A copy of the built world, with rules and units written after the fact and what they touch built anew."""
    _, path, _, _ = built
    home = tmp_path_factory.mktemp("tagged")
    shutil.copy(path, home / "warehouse.duckdb")
    (home / "tagging_rules.yaml").write_text(RULES)
    (home / "business_units.yaml").write_text(UNITS)
    made = Settings(home=home)
    assert snapshot_organization(made) == {"tagging_rules": 4, "business_units": 4}
    touched = ("stg_control__tagging_rules+", "stg_control__business_units+")
    assert raw.dbt(made.warehouse_path, "build", "--select", *touched) == []
    publish(made)
    return made


def transactions(path):
    rows = raw.rows(path, f"select event_id, {', '.join(COLUMNS)} from marts.fct_transactions")
    return {row["event_id"]: tuple(row[name] for name in COLUMNS) for row in rows}


def test_every_event_is_what_the_first_rule_that_holds_says(built, settings):
    world, path, _, _ = built
    expected = {event["event_id"]: tagged(event) for event in world.events}
    assert transactions(settings.warehouse_path) == expected
    assert {rule for row in expected.values() for rule in (row[4] or "").split(", ") if rule} == {
        "p1 makes search", "tenants", "quoted's", "the rest",
    }  # fmt: skip
    before = transactions(path)
    assert {row[4] for row in before.values()} == {None}, "without rules events are as they were sent"


def test_the_bill_is_the_same_and_goes_to_whom_the_rules_say(built, settings):
    _, path, _, _ = built
    sums = (
        "select cell_id, allocation, sum(billed_cost_usd) as billed, sum(metered_quantity) as quantity"
        " from marts.fct_attributed_costs group by all order by all"
    )
    assert raw.rows(settings.warehouse_path, sums) == raw.rows(path, sums)
    by_product = {row["product"]: row for row in build_report(settings, by=["product"])["rows"]}
    assert by_product.keys() == {"search", "other", None}
    assert by_product["search"]["attributed"] > 0


def test_units_are_summed_where_they_were_on_each_day(built, settings):
    world, _, _, _ = built
    tops = Counter()
    for event in world.events:
        unit, day = tagged(event)[3], event["started_at"].date()
        tops["growth" if unit == "bids" and day <= DAYS[3] else "sales" if unit == "bids" else unit] += 1
    tops["ads"] = tops.pop("ads/eu")
    rows = build_report(settings, by=["business_unit_1"])["rows"]
    assert {row["business_unit_1"]: row["events"] for row in rows} == dict(tops)
    whole = build_report(settings)
    assert sum(row["billed"] for row in rows) == whole["billed"]
    lower = {row["business_unit_3"] for row in build_report(settings, by=["business_unit_3"])["rows"]}
    assert lower == {"bids", "ads/eu", None}, "a level below a unit is the unit itself"


def test_the_command_says_how_many_calls_each_rule_holds_for_or_what_is_wrong(built, settings):
    world, _, _, _ = built
    held = Counter(rule for event in world.events for rule in (tagged(event)[4] or "").split(", ") if rule)
    answer = json.loads(run(["tags", "check", "--json"], settings).stdout)
    assert {one["rule"]: one["calls"] for one in answer["rules"]} == held
    assert [one["line"] for one in answer["rules"]] == [3, 6, 10, 13]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("rules: {a: b}", ["f:1: the file must hold the list rules."]),
        ("rules: [", ["f:1: the YAML cannot be read: "]),
        (
            "rules:\n  - name: a\n    when: {kee: x}\n    set: {product: y}",
            ["f:3: a rule: when.kee: 'kee' is nothing a rule can look at; did you mean 'key'?"],
        ),
        (
            "rules:\n  - name: a\n    when: {metadata.x'y: x}\n    copy: {customer: metadata.ok}",
            ["f:3: a rule: when.metadata.x'y: \"metadata.x'y\" is nothing a rule can look at; "],
        ),
        (
            "rules:\n  - {name: a, when: {model: x}, set: {product: y}, ovewrite: 1}\n  - {name: b, when: {model: x}}",
            [
                "f:2: unknown key 'ovewrite'; did you mean 'overwrite'?",
                "f:3: a rule: it says nothing; give set or copy.",
            ],
        ),
        (
            "rules:\n  - {name: a, when: {key: x}, set: {agent: y}}\n  - {name: a, when: {key: x}, set: {agent: z}}",
            ["f:3: the rule on line 2 has the name 'a' too."],
        ),
    ],
)  # fmt: skip
def test_a_fault_in_the_rules_is_a_sentence_with_its_line(text, sentences):
    with pytest.raises(ItemsError) as caught:
        parse_rules(text, "f")
    assert len(caught.value.faults) == len(sentences)
    assert all(found.startswith(said) for found, said in zip(caught.value.faults, sentences, strict=True))


def test_units_of_one_place_a_day_no_strangers_and_no_circles():
    day = DAYS[0]
    text = (
        f"business_units:\n  - {{unit: a, parent: b, from: {day}}}\n  - {{unit: b, parent: a}}\n"
        f"  - {{unit: c, parent: x}}\n  - {{unit: c, from: {day + timedelta(days=1)}}}\n"
    )
    with pytest.raises(ItemsError) as caught:
        parse_units(text, "f")
    assert caught.value.faults == [
        "f:2: a would be part of itself: a > b > a.",
        "f:3: b would be part of itself: b > a > b.",
        "f:4: c is part of 'x', which is no business unit here.",
        "f:5: c is said for the same days on line 4; end one before the other begins.",
    ]
