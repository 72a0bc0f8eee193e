"""Days are replaced whole and their history is kept; a pull cut short shows nothing."""

from collections import defaultdict
from datetime import date

import pytest

from dlt_sources.contract import Day
from dlt_sources.versions import day_version, report_columns
from tests.dlt_sources.fake_provider import Raw
from tests.dlt_sources.warehouse import window

COSTS = "/v1/organization/costs"
DAY = date(2026, 10, 1)
ONLY = ["costs"]


def line(value, item="a", **extra):
    return {"amount": {"value": value, "currency": "usd"}, "line_item": item, **extra}


def version(*rows, connection_id="c"):
    return day_version(connection_id, "r", Day(DAY, list(rows)))


def ids_by_row(of):
    found = defaultdict(set)
    for table in of.tables(report_columns({"x": {"data_type": "text"}})):
        for row in table.to_pylist():
            found[row["x"]].add(row["row_id"])
    return found


def row_ids(of):
    return set().union(*ids_by_row(of).values())


@pytest.fixture
def pull(fake, warehouse, openai_provider):
    def pull(rows, **options):
        fake.buckets[COSTS][DAY] = rows
        return warehouse.pull(openai_provider, fake, window("2026-10-01", 1), tables=ONLY, **options)

    return pull


def test_a_restated_day_is_a_second_version_and_a_restatement_undone_a_third(pull, warehouse):
    first, second = [line("1.00"), line("2.00", "b")], [line("1.10"), line("2.00", "b")]
    for rows, money in ((first, "3.00"), (second, "3.10"), (first, "3.00")):
        pull(rows)
        assert str(warehouse.money("openai", "costs", "amount_value")).startswith(money)
    assert warehouse.ask("select count(*), count(distinct content_hash) from raw_openai.pulled_days") == [
        (3, 2)
    ]
    assert warehouse.ask("select count(*), count(distinct row_id) from raw_openai.costs") == [(4, 4)]


def test_a_line_that_vanished_is_gone_and_an_emptied_day_is_empty(pull, warehouse):
    pull([line("1"), line("2", "b")])
    pull([line("2", "b")])
    assert warehouse.current("openai", "costs", "line_item") == [("b",)]
    pull([])
    assert warehouse.current("openai", "costs", "line_item") == []
    assert warehouse.ask("select row_count from raw_openai.pulled_days order by observed_at") == [
        (2,),
        (1,),
        (0,),
    ]


def test_a_pull_killed_before_its_days_were_recorded_shows_nothing_and_doubles_nothing(pull, warehouse):
    pull([line("1")])
    pull([line("5"), line("5")], finish=False)
    assert warehouse.current("openai", "costs", "amount_value") == [("1",)]
    pull([line("5"), line("5")])
    assert warehouse.current("openai", "costs", "amount_value") == [("5",), ("5",)]


def test_lines_that_are_alike_are_all_kept(pull, warehouse):
    pull([line("0.1")] * 3)
    assert warehouse.current("openai", "costs", "count(*), count(distinct row_id)") == [(3, 3)]


def test_two_connections_with_the_same_content_stay_apart(pull, warehouse):
    pull([line("1")], connection_id="one")
    pull([line("1")], connection_id="two")
    pull([], connection_id="two")
    assert warehouse.current("openai", "costs", "connection_id") == [("one",)]


def test_what_a_provider_adds_later_passes_through_as_text_and_never_changes_a_type(pull, warehouse):
    pull(
        [line("1", seen_at="2026-10-01T00:00:00Z", rate=Raw("0.10"), extra={"b": [1, Raw("2.50")], "a": "ü"})]
    )
    pull([line("1", seen_at="some day", rate=7, extra=True)])
    columns = warehouse.ask(
        """select column_name, data_type from information_schema.columns where table_schema = 'raw_openai'
        and table_name = 'costs' and column_name in ('seen_at', 'rate', 'extra') order by 1"""
    )
    assert columns == [("extra", "VARCHAR"), ("rate", "VARCHAR"), ("seen_at", "VARCHAR")]
    assert warehouse.ask("select seen_at, rate, extra from raw_openai.costs order by length(seen_at)") == [
        ("some day", "7", "true"),
        ("2026-10-01T00:00:00Z", "0.10", '{"a": "ü", "b": [1, "2.50"]}'),
    ]


def test_every_documented_column_and_table_exists_though_no_row_ever_came(fake, warehouse, openai_provider):
    warehouse.pull(openai_provider, fake, window("2026-10-01", 2))
    found = {}
    for table, column, data_type in warehouse.ask(
        """select table_name, column_name, data_type from information_schema.columns
        where table_schema = 'raw_openai'"""
    ):
        found.setdefault(table, {})[column] = data_type
    names = {"text": "VARCHAR", "bigint": "BIGINT", "bool": "BOOLEAN"}
    for part in (*openai_provider.reports, *openai_provider.dimensions):
        for column, hints in part.columns.items():
            assert found[part.name][column] == names[hints["data_type"]], (part.name, column)
    assert found["costs"]["day"] == "DATE"
    assert found["pulled_days"]["observed_at"] == "TIMESTAMP WITH TIME ZONE"
    assert warehouse.ask("select count(*), sum(row_count) from raw_openai.pulled_days") == [(8, 0)]


def test_a_hash_is_of_content_not_of_order_or_of_fields_that_are_null():
    a, b = {"x": "1", "y": None}, {"x": "2"}
    assert version(a, b).content_hash == version(b, {"x": "1"}).content_hash
    assert version(a).content_hash != version(a, a).content_hash
    assert version().content_hash != version(a).content_hash
    assert len(row_ids(version(a, a)) | row_ids(version(a, connection_id="d"))) == 3


def test_a_row_keeps_its_id_however_the_answer_is_ordered():
    rows = [{"x": str(n % 7)} for n in range(50)]
    one, other = version(*rows), version(*reversed(rows))
    assert ids_by_row(one) == ids_by_row(other)
    assert len(row_ids(one)) == 50


@pytest.mark.parametrize("name", ["amountValue", "amount_value", "Amount Value"])
def test_a_new_field_never_takes_the_place_of_a_documented_column(pull, warehouse, name):
    pull([line("1.25", **{name: "99"})])
    assert warehouse.current("openai", "costs", "amount_value") == [("1.25",)]
    pull([line("1.50", observed_at="never", rowId="mine", Day="some")])
    assert warehouse.current("openai", "costs", "amount_value, undocumented_observed_at") == [
        ("1.50", "never")
    ]
