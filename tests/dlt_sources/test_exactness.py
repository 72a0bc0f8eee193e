"""Money, tokens and days that go in come out, whatever the provider sends."""

import tempfile
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_sources.contract import Fault, ProviderError
from tests.dlt_sources.fake_provider import FakeProvider, Raw
from tests.dlt_sources.warehouse import Warehouse, fetch, window

FIRST, DAYS = date(2026, 9, 20), 20
COSTS, COMPLETIONS = "/v1/organization/costs", "/v1/organization/usage/completions"

amounts = st.decimals(-(10**9), 10**9, places=12)
spellings = st.sampled_from(
    [
        lambda d: Raw(format(d, "f")),
        lambda d: Raw(format(d, "e")),
        lambda d: format(d, "f"),
        lambda d: format(d, "E"),
        lambda d: format(d, "f") + "0000000000",
    ]
)
days = st.integers(0, DAYS - 1).map(lambda n: FIRST + timedelta(days=n))
labels = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x01"), max_size=8
)
tokens = st.integers(0, 2**53)
cost_lines = st.lists(st.tuples(days, amounts, spellings, labels, labels), max_size=60)
usage_lines = st.lists(st.tuples(days, tokens, tokens, st.booleans(), labels), max_size=60)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cost_lines, usage_lines, st.integers(1, 40))
def test_sums_per_day_are_exact_and_a_rerun_changes_nothing(
    openai_provider, cost_lines, usage_lines, per_page
):
    money, counts = defaultdict(Decimal), defaultdict(lambda: [0, 0])
    with FakeProvider() as fake, tempfile.TemporaryDirectory() as folder, localcontext() as context:
        context.prec = 60
        fake.buckets_per_page = per_page
        for day, amount, spell, item, project in cost_lines:
            row = {
                "amount": {"value": spell(amount), "currency": "usd"},
                "line_item": item,
                "project_id": project,
            }
            fake.buckets[COSTS].setdefault(day, []).append(row)
            money[day] += amount
        for day, read, written, as_text, model in usage_lines:
            row = {"input_tokens": str(read) if as_text else read, "output_tokens": written, "model": model}
            fake.buckets[COMPLETIONS].setdefault(day, []).append(row | {"num_model_requests": 1})
            counts[day][0] += read
            counts[day][1] += written

        warehouse = Warehouse(Path(folder))
        seen = []
        for _ in range(2):
            pulled = warehouse.pull(
                openai_provider, fake, window(FIRST.isoformat(), DAYS), tables=["costs", "usage_completions"]
            )
            assert len(pulled.versions) == 2 * DAYS
            billed = "day, sum(cast(amount_value as decimal(38, 18)))"
            used = "day, [sum(input_tokens), sum(output_tokens)]"
            assert dict(warehouse.current("openai", "costs", billed, "group by day")) == money
            assert dict(warehouse.current("openai", "usage_completions", used, "group by day")) == counts
            ids = warehouse.current("openai", "costs", "row_id, line_item, project_id, amount_value")
            seen.append(sorted(ids))
        assert seen[0] == seen[1]
        assert sorted(str(label) for _, label, *_ in seen[0]) == sorted(
            str(item) for *_, item, _ in cost_lines
        )


@pytest.mark.parametrize(
    "sent",
    [
        Raw("0.5456665000000000"),
        "0.5456665000000000",
        Raw("1e-7"),
        Raw("-0.10"),
        Raw("3"),
        "12345678901234567890.123456789012345678",
    ],
)
def test_an_amount_keeps_every_digit_it_was_sent_with(fake, openai_provider, sent):
    fake.buckets[COSTS][FIRST] = [{"amount": {"value": sent, "currency": "usd"}, "quantity": sent}]
    row = fetch(openai_provider, "costs", fake, window(FIRST.isoformat(), 1))[0].rows[0]
    assert row["amount_value"] == row["quantity"] == str(sent)


@pytest.mark.parametrize(
    ("table", "path", "row", "field"),
    [
        ("costs", COSTS, {"amount": {"value": "about 5", "currency": "usd"}}, "amount.value"),
        ("costs", COSTS, {"amount": {"value": "NaN", "currency": "usd"}}, "amount.value"),
        ("costs", COSTS, {"amount": {"value": True, "currency": "usd"}}, "amount.value"),
        ("costs", COSTS, {"amount": {"value": [1], "currency": "usd"}}, "amount.value"),
        ("costs", COSTS, {"amount": 5}, "amount"),
        ("usage_completions", COMPLETIONS, {"input_tokens": Raw("1.5")}, "input_tokens"),
        ("usage_completions", COMPLETIONS, {"input_tokens": 2**63}, "input_tokens"),
        ("usage_completions", COMPLETIONS, {"input_tokens": "many"}, "input_tokens"),
        ("usage_completions", COMPLETIONS, {"batch": "yes"}, "batch"),
    ],
)
def test_a_value_of_another_type_than_documented_is_named(fake, openai_provider, table, path, row, field):
    fake.buckets[path][FIRST] = [row]
    with pytest.raises(ProviderError, match=f"Field `{field}` of a row of `{table}` is not") as caught:
        fetch(openai_provider, table, fake, window(FIRST.isoformat(), 1))
    assert caught.value.fault is Fault.CONTRACT


def test_counts_sent_as_text_or_with_a_point_are_counts_and_missing_ones_are_unknown(fake, openai_provider):
    fake.buckets[COMPLETIONS][FIRST] = [{"input_tokens": Raw("800000.0"), "output_tokens": "-5"}]
    row = fetch(openai_provider, "usage_completions", fake, window(FIRST.isoformat(), 1))[0].rows[0]
    assert (row["input_tokens"], row["output_tokens"], row["input_cached_tokens"]) == (800000, -5, None)
