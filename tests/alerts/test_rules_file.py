"""The rules file: every fault is one sentence with its line, and limits stay exact."""

from datetime import timedelta
from decimal import Decimal

import pytest

from meterhouse.alerts.delivery.channels import CHANNELS
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.rules_file import RulesError, json_schema, load_rules, parse_rules

GOOD = """\
- name: average-cost-per-transaction
  metric: cost_per_transaction
  window: 1h
  group_by: [product, agent]
  where: {provider: openai, customer: {starts_with: acme, is_not: acme-test}}
  when: {warning: "> 1", critical: "> 1.25"}
  min_samples: 5
  notify: [slack]
"""


def test_a_good_file_is_read_with_exact_limits():
    [rule] = parse_rules(GOOD, "rules.yaml")
    assert rule.window == timedelta(hours=1)
    assert [(limit.severity, limit.comparison, limit.value) for limit in rule.when] == [
        ("warning", ">", Decimal(1)),
        ("critical", ">", Decimal("1.25")),
    ]
    assert (rule.mode, rule.min_samples, rule.notify, rule.group_by) == (
        "live",
        5,
        ("slack",),
        ("product", "agent"),
    )


def test_a_mapping_with_rules_is_the_same_as_a_list_and_an_empty_file_has_none():
    nested = "rules:\n" + "".join(f"  {line}\n" for line in GOOD.splitlines())
    assert parse_rules(nested, "rules.yaml") == parse_rules(GOOD, "rules.yaml")
    assert parse_rules("", "rules.yaml") == parse_rules("rules:\n", "rules.yaml") == []


def test_a_limit_is_read_from_its_text_and_never_from_a_float():
    [rule] = parse_rules(GOOD.replace("> 1.25", "> 0.100000000001"), "rules.yaml")
    assert str(rule.when[1].value) == "0.100000000001"


def faults(old, new):
    assert GOOD.count(old) == 1
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new), "rules.yaml")
    return caught.value.faults


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "metric: cost_per_transaction",
            "metric: cost_per_transction",
            2,
            "did you mean 'cost_per_transaction'?",
        ),
        ("  metric: cost_per_transaction\n", "", 1, "has no metric"),
        ("window: 1h", "period: year", 3, "'year' is not a period"),
        ("  window: 1h\n", "", 1, "write either window, such as 1h, or period"),
        ("window: 1h", "window: 1h\n  period: day", 1, "write either window, such as 1h, or period"),
        ("window: 1h", "window: 1h\n  timezone: Europe/Berlin", 1, "timezone is for a period"),
        ("window: 1h", "period: day\n  timezone: Europe/Berln", 4, "'Europe/Berln' is not a time zone"),
        ("window: 1h", "window: 1h\n  for: 0s", 4, "for: '0s' is not a duration"),
        ("window: 1h", "window: 1h\n  renotify: soon", 4, "renotify: 'soon' is not a duration"),
        ("window: 1h", "window: 1 hour", 3, "'1 hour' is not a window"),
        ("window: 1h", "window: 0s", 3, "'0s' is not a window"),
        ("window: 1h", "window: 90d", 3, "at most 31d"),
        ("window: 1h", "windw: 1h\n  window: 1h", 3, "unknown key 'windw'; did you mean 'window'?"),
        ("window: 1h", "window: 1h\n  window: 2h", 4, "the key 'window' stands twice"),
        ("[product, agent]", "[produt]", 4, "did you mean 'product'?"),
        ("provider: openai", "provider: 12", 5, "12 is not a condition"),
        ("provider: openai", "provider: no", 5, "False is not a condition"),
        ("provider: openai", "provider: {like: open}", 5, "'like' is no operator of where"),
        ("provider: openai", "provider: {in: []}", 5, "must hold at least one value"),
        ("provider: openai", "provider: {is: 3}", 5, "put it in quotes"),
        ("provider: openai", "custmer: acme", 5, "did you mean 'customer'?"),
        ("provider: openai", "provider: {is: a, is: b}", 5, "the key 'is' stands twice"),
        ('"> 1.25"', "1.25", 6, "'1.25' is not a limit"),
        ('"> 1.25"', '"> 1e3"', 6, "'> 1e3' is not a limit"),
        ('"> 1.25"', '"> nan"', 6, "'> nan' is not a limit"),
        ('"> 1.25"', '"> 0.1234567890123"', 6, "more than 12 decimal places"),
        ('"> 1.25"', '"> 9999999999999999"', 6, "is beyond"),
        ("critical:", "urgent:", 6, "urgent is not a severity"),
        ("min_samples: 5", "min_samples: -1", 7, "greater than or equal to 0"),
        ("min_samples: 5", "min_samples: 0", 1, "needs a window, and a metric that is no average"),
        ("[slack]", "[teams]", 8, "'teams' is not a channel"),
        ("[slack]", "[slack]\n  mode: quiet", 9, "'live' or 'shadow'"),
        ("min_samples: 5", "enforce: stop", 7, "'block', 'warn' or 'shadow'"),
        ("[product, agent]", "[response_model]\n  enforce: block", 1, "response_model is not"),
        ("provider: openai", "canonical_model: gpt-5}\n  enforce: warn #", 1, "which canonical_model is not"),
        ("min_samples: 5", "mode: shadow\n  enforce: block", 1, "write enforce: shadow"),
        ('"> 1.25"', '"< 1.25"}\n  enforce: block #', 1, "write limits with > or >="),
        (', critical: "> 1.25"}', "}\n  enforce: shadow", 1, "needs a critical limit"),
        ("name: average-cost-per-transaction", "name: average cost", 1, "a name is 1 to 100 letters"),
        ("- name", "- [", 1, "the YAML cannot be read"),
    ],
)
def test_each_fault_is_one_sentence_with_its_line(old, new, line, words):
    [fault] = faults(old, new)
    assert fault.startswith(f"rules.yaml:{line}: ")
    assert words in fault
    assert "\n" not in fault


def test_every_fault_of_a_file_is_told_in_the_order_of_its_lines():
    text = GOOD.replace("1h", "1x").replace("[slack]", "[teams]") + "- 7\n" + GOOD.replace("> 1.25", "> x")
    with pytest.raises(RulesError) as caught:
        parse_rules(text, "f")
    assert [fault.split(":")[1] for fault in caught.value.faults] == ["3", "8", "9", "15"]


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD + GOOD, "f")
    assert [fault.split(":")[1] for fault in caught.value.faults] == ["1", "9"]


@pytest.mark.parametrize("text", ["just text", "a: 1", "rules: 3", "- &a [*a]", "- 2024-13-45"])
def test_a_file_of_another_shape_is_refused_in_one_sentence(text):
    with pytest.raises(RulesError) as caught:
        parse_rules(text, "f")
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("f:1: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "rules.yaml").write_bytes(b"\xff\xfe")
    for name, reason in (("missing.yaml", "No such file"), ("rules.yaml", "not UTF-8")):
        with pytest.raises(RulesError, match=f"{name}.*{reason}"):
            load_rules(tmp_path / name)


def test_the_version_changes_with_what_fires_and_not_with_whom_it_tells():
    def version(**changes):
        base = {
            "name": "n",
            "metric": "total_cost",
            "window": "1h",
            "when": "> 1",
            "group_by": ["agent", "product"],
        }
        return Rule.model_validate(base | changes).version

    assert (
        version()
        == version(notify=["slack"])
        == version(mode="shadow")
        == version(group_by=["product", "agent"])
    )
    others = [
        {"when": "> 2"},
        {"window": "2h"},
        {"group_by": []},
        {"where": {"model": "x"}},
        {"min_samples": 2},
    ]
    assert len({version(), *(version(**other) for other in others)}) == 6


def test_the_json_schema_knows_every_key_metric_and_channel():
    rule = json_schema()["$defs"]["Rule"]
    assert set(rule["properties"]) == {field.alias or name for name, field in Rule.model_fields.items()}
    assert rule["additionalProperties"] is False
    assert "cost_per_transaction" in str(rule["properties"]["metric"])
    assert all(channel in str(rule["properties"]["notify"]) for channel in CHANNELS)
