"""Bills in files: exact lines of CSV, Parquet and FOCUS; a day counts once or not at all; bad rows stop the pull."""

import gzip
import os
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs as pafs
from pydantic import ValidationError

from dlt_sources import file
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.file.form import FileCredentials
from dlt_sources.file.mapping import TOKEN_TYPES, parse_mapping
from dlt_sources.file.records import MOST_UNPACKED_BYTES
from sandbox.file.books import small_account
from sandbox.file.files import EXPORT_MAPPING, export_csv, focus_csv
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.warehouse import Warehouse, window

FOCUS_FILES = Path(__file__).parent.parent / "data" / "file" / "focus"
PROVIDER = file.build_provider(clock=lambda: NOW)
DAY = date(2026, 10, 1)
SIMPLE = "day: d\namount: a\ncurrency: {constant: USD}\n"


class Bill:
    """A folder of bill files and a mapping."""

    def __init__(self, folder: Path):
        self.folder, self.mapping = folder / "bills", folder / "mapping.yaml"
        self.folder.mkdir()

    def put(self, name: str, content: str | bytes, at: datetime = NOW) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def form(self, mapping: str | None = SIMPLE, **more) -> FileCredentials:
        if mapping is not None:
            self.mapping.write_text(mapping)
        place = {} if mapping is None else {"mapping": str(self.mapping)}
        return FileCredentials(**{"location": str(self.folder), "billed_provider": "groq", **place, **more})

    def days(self, mapping: str | None = SIMPLE, days: Window | None = None, **more) -> dict[date, list]:
        (report,) = PROVIDER.reports
        return {
            d.day: d.rows for d in report.fetch(self.form(mapping, **more), days or window("2026-10-01", 3))
        }

    def rows(self, mapping: str | None = SIMPLE, days: Window | None = None) -> list[dict]:
        return [row for rows in self.days(mapping, days).values() for row in rows]

    def failure(self, mapping: str | None = SIMPLE, days: Window | None = None) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.days(mapping, days)
        return caught.value


@pytest.fixture
def bill(tmp_path):
    return Bill(tmp_path)


def said(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_an_export_with_semicolons_and_decimal_commas_loads_to_its_truth(bill, tmp_path):
    books, truth = small_account(DAY, 5, seed=3)
    bill.put("groq-october.csv", export_csv(books.lines))
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, None, window("2026-10-01", 5), credentials=bill.form(EXPORT_MAPPING))
    money = "sum(cast(amount_usd as decimal(38, 12)))"
    assert dict(warehouse.current("file", "lines", f"day, {money}", "group by 1")) == truth.by_day
    by_line = "day, coalesce(model, ''), coalesce(token_type, ''), " + money
    assert {
        tuple(row[:3]): row[3] for row in warehouse.current("file", "lines", by_line, "group by all")
    } == (truth.by_line)
    (credit,) = warehouse.current(
        "file", "lines", "amount_sent, amount, charge_category", "where charge_category <> 'usage'"
    )
    assert credit == ("$-1,25", "-1.25", "credit")
    assert warehouse.ask("select file, billed_provider, size_bytes > 0 from raw_file.files") == [
        ("groq-october.csv", "groq", True)
    ]


def test_the_same_bill_as_a_gzipped_focus_export_is_the_same_money(bill):
    books, truth = small_account(DAY, 4, seed=5)
    bill.put("deep/focus.csv.gz", focus_csv(books.lines))
    days = bill.days(None, window("2026-10-01", 4))
    assert {
        day: sum(Decimal(row["amount_usd"]) for row in rows) for day, rows in days.items()
    } == truth.by_day
    line = next(row for row in days[DAY] if row["model"])
    assert (line["file"], line["tier"], line["service"], line["quantity_unit"]) == (
        "deep/focus.csv.gz",
        "standard",
        "GroqCloud",
        "Tokens",
    )


@pytest.mark.parametrize("name", ["focus12_all.csv", "focus12_all.parquet"])
def test_a_validated_focus_file_reads_alike_from_csv_and_parquet(bill, name):
    bill.put(name, (FOCUS_FILES / name).read_bytes())
    rows = bill.rows(None, window("2026-10-05", 1))
    found = [
        (row["model"], row["token_type"], row["charge_category"], row["project"], Decimal(row["amount_usd"]))
        for row in rows
    ]
    assert sorted(found, key=str) == sorted(
        [
            ("gpt-5", "input", "usage", "proj_1", Decimal("6.25")),
            ("gpt-5", "output", "usage", "proj_1", Decimal(15)),
            ("gpt-5", "cache_read", "usage", "proj_1", Decimal("0.015432125")),
            ("claude-sonnet-4-5", "output", "usage", "wrk_1", Decimal("3.3750135")),
            (None, None, "tax", None, Decimal("1.7")),
            (None, None, "credit", None, Decimal(-5)),
            (None, None, "purchase", None, Decimal(100)),
        ],
        key=str,
    )
    quantities = {row["token_type"]: Decimal(row["quantity"]) for row in rows if row["model"] == "gpt-5"}
    assert quantities == {"input": 5_000_000, "output": 1_500_000, "cache_read": 123_457}


@pytest.mark.parametrize(
    ("name", "money", "meters"),
    [
        ("ai_model_identity_a", "37.5", {"input", "output"}),
        ("ai_prompt_caching_a", "33.9", {"input", "cache_write_5m", "cache_read", "output"}),
        ("ai_prompt_caching_b", "38.4", {"input", "cache_read", "output", None}),
        ("drawdown_via_prepayment_foundation_model_api", "500000", {"input", "output", None}),
    ],
)
def test_every_example_of_the_focus_draft_loads(bill, name, money, meters):
    early = file.build_provider(clock=lambda: datetime(2025, 7, 1, tzinfo=UTC))
    bill.put(f"{name}.csv", (FOCUS_FILES / f"{name}.csv").read_bytes(), datetime(2025, 6, 1, tzinfo=UTC))
    (report,) = early.reports
    days = list(report.fetch(bill.form(None), window("2025-01-01", 150)))
    rows = [row for day in days for row in day.rows]
    assert sum(Decimal(row["amount_usd"]) for row in rows) == Decimal(money)
    assert {row["token_type"] for row in rows} == meters


def test_amortised_cost_is_one_line_on_top_of_focus(bill):
    name = "drawdown_via_prepayment_foundation_model_api.csv"
    bill.put(name, (FOCUS_FILES / name).read_bytes())
    rows = bill.rows(
        "base: focus\namount: EffectiveCost\nskip: {ChargeCategory: Purchase}\n", window("2025-05-01", 1)
    )
    assert said(rows, "model", "token_type", "amount") == [
        ("solora-saturn-5.0", "input", "20.00"),
        ("solora-saturn-5.0", "output", "30.00"),
    ]


def test_parquet_keeps_decimals_dates_and_maps_exactly(bill):
    table = pa.table(
        {
            "d": pa.array([datetime(2026, 10, 1, 23, 30, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)]),
            "a": pa.array([Decimal("0.000000000001"), Decimal("-12345.678900000000")], pa.decimal128(30, 12)),
            "n": pa.array([1e-7, None], pa.float64()),
            "m": pa.array([[("ModelId", "m-1")], None], pa.map_(pa.string(), pa.string())),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    bill.put("bill.parquet", sink.getvalue().to_pybytes())
    mapping = SIMPLE + "quantity: n\nmodel: {column: m, json_key: ModelId}\n"
    assert said(bill.rows(mapping), "amount", "quantity", "model") == [
        ("0.000000000001", "1e-07", "m-1"),
        ("-12345.678900000000", None, None),
    ]
    assert [len(rows) for rows in bill.days(mapping).values()] == [1, 1, 0]


def test_one_record_may_make_several_lines(bill):
    bill.put("wide.csv", "d,in,out,in_cost,out_cost,m\n2026-10-01,100,20,0.10,0.20,x\n")
    mapping = """
day: d
currency: {constant: usd}
model: m
lines:
  - {amount: in_cost, quantity: in, token_type: {constant: input}}
  - {amount: out_cost, quantity: out, token_type: {constant: output}}
"""
    assert said(bill.rows(mapping), "amount", "quantity", "token_type", "currency", "model") == [
        ("0.10", "100", "input", "USD", "x"),
        ("0.20", "20", "output", "USD", "x"),
    ]


def test_a_currency_without_a_rate_stays_unknown_in_dollars_and_a_rate_is_exact(bill):
    bill.put("eur.csv", "d,a,c\n2026-10-01,0.1000000000001,EUR\n2026-10-01,3,GBP\n")
    mapping = 'day: d\namount: a\ncurrency: c\nrates: {EUR: "1.0832"}\n'
    assert said(bill.rows(mapping), "amount", "currency", "amount_usd") == [
        ("0.1000000000001", "EUR", "0.10832000000010832"),
        ("3", "GBP", None),
    ]


def test_what_the_bill_calls_otherwise_stays_visible(bill):
    bill.put("b.csv", "d,a,t,s\n2026-10-01,1,Mystery,weird\n2026-10-01,2,OUTPUT,Batch\n2026-10-01,3,,\n")
    rows = bill.rows(SIMPLE + "token_type: t\ntier: s\n")
    assert said(rows, "token_type_sent", "token_type", "tier") == [
        ("Mystery", None, "unknown"),
        ("OUTPUT", "output", "batch"),
        (None, None, "standard"),
    ]


def test_only_and_skip_leave_records_out_before_they_are_read(bill):
    bill.put("b.csv", "d,a,s\n2026-10-01,1,AI\n2026-10-01,2,Disk\nTotal,3,\n")
    assert said(bill.rows(SIMPLE + "only: {s: [AI, '']}\nskip: {d: Total}\n"), "amount") == [("1",)]


def test_times_become_utc_days(bill):
    bill.put("b.csv", "d,a\n2026-10-02T01:00:00+02:00,1\n2026-10-01 23:59:59,2\n")
    assert [said(rows, "amount") for rows in bill.days().values()] == [[("1",), ("2",)], [], []]


def test_a_day_is_taken_only_from_a_file_written_after_it_had_ended(bill):
    bill.put("b.csv", "d,a\n2026-10-01,1\n2026-10-02,2\n", datetime(2026, 10, 2, 18, tzinfo=UTC))
    assert list(bill.days()) == [DAY, date(2026, 10, 3)]
    bill.put("b.csv", "d,a\n2026-10-01,1\n2026-10-02,5\n", datetime(2026, 10, 3, tzinfo=UTC))
    assert said(bill.rows(), "amount") == [("1",), ("5",)]


def test_a_day_in_two_files_is_refused_until_the_mapping_says_what_it_means(bill):
    bill.put("b-2.csv", "d,a\n2026-10-01,1\n2026-10-02,2\n", NOW - timedelta(hours=1))
    bill.put("b-1.csv", "d,a\n2026-10-02,5\n2026-10-03,6\n")
    error = bill.failure()
    assert error.message == "2026-10-02 is in b-1.csv and in b-2.csv: it would count twice."
    assert "same_day: newest" in error.next_step
    assert "same_day: add" in error.next_step
    assert said(bill.rows(SIMPLE + "same_day: newest\n"), "amount") == [("1",), ("5",), ("6",)]
    assert said(bill.rows(SIMPLE + "same_day: add\n"), "amount") == [("1",), ("5",), ("2",), ("6",)]


def test_two_files_that_are_alike_are_refused_whatever_the_mapping_says(bill):
    bill.put("b.csv", "d,a\n2026-10-01,1\n")
    bill.put("b (1).csv", "d,a\n2026-10-01,1\n")
    assert (
        bill.failure(SIMPLE + "same_day: add\n").message
        == "b.csv holds the same as b (1).csv: it would count twice."
    )


def test_a_restated_a_shrunk_and_a_removed_file_replace_what_was_said(bill, tmp_path):
    warehouse = Warehouse(tmp_path)
    bill.put("other.csv", "d,a\n2026-10-02,0.5\n")
    for content, money in (
        ("d,a\n2026-10-01,1\n2026-10-01,2\n", "3.5"),
        ("d,a\n2026-10-01,1.5\n2026-10-01,2\n", "4"),
        ("d,a\n2026-10-01,2\n", "2.5"),
        (None, "0.5"),
    ):
        (bill.folder / "b.csv").unlink() if content is None else bill.put("b.csv", content)
        warehouse.pull(PROVIDER, None, window("2026-10-01", 3), credentials=bill.form())
        assert warehouse.money("file", "lines", "amount_usd") == Decimal(money)


@pytest.mark.parametrize(
    ("content", "sentence", "mend"),
    [
        (
            "d,a\n2026-10-01,1\n\n2026-10-02,12;5\n",
            "b.csv, line 4, column a: '12;5' is no number.",
            "`decimal`",
        ),
        ("d,a\n2026-10-01,\n", "b.csv, line 2, column a: there is no amount.", "`skip`"),
        ("d,a\n01.10.2026,1\n", "line 2, column d: '01.10.2026' is no date like 2026-10-31", "`date_format`"),
        ("d,a\n2026-10-01,NaN\n", "'NaN' is no number", "mapping"),
        (
            'd,a,x\n2026-10-01,1,"two\nlines"\n2026-10-01,1\n',
            "line 4 has 2 fields where the header has 3",
            "whole",
        ),
        ('d,a\n2026-10-01,"1\n', "line 2 is no CSV", "whole"),
        ("d,b\n2026-10-01,1\n", "b.csv lacks the column 'a'; its header is 'd', 'b'.", "`delimiter`"),
        ("d,a,a\n2026-10-01,1,2\n", "has the column 'a' twice", "Correct the names"),
        ("", "it has no header", "whole"),
        (b"d,a\n2026-10-01,1\xff\n", "not in the encoding utf-8-sig", "`encoding`"),
    ],
)
def test_a_bad_row_is_one_sentence_and_the_whole_pull_stops(bill, content, sentence, mend):
    bill.put("a.csv", "d,a\n2026-10-03,1\n")
    bill.put("b.csv", content)
    error = bill.failure()
    assert sentence in error.message
    assert mend in error.next_step
    assert error.fault is Fault.CONTRACT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv.gz", gzip.compress(b"d,a\n2026-10-01,1\n" * 99)[:-20]),
        ("b.csv.gz", b"no gzip at all"),
        ("b.parquet", (FOCUS_FILES / "focus12_all.parquet").read_bytes()[:-30]),
    ],
)
def test_a_truncated_file_is_refused(bill, name, content):
    bill.put(name, content)
    assert "it is no whole" in bill.failure().message


def test_a_packed_file_that_holds_more_than_a_machine_has_is_refused(bill):
    part = gzip.compress(b"0" * 2**27, compresslevel=1)
    bill.put("b.csv.gz", part * (MOST_UNPACKED_BYTES // 2**27 + 1))
    assert "more than 1,073,741,824 bytes unpacked" in bill.failure().message


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("currency: {constant: '€'}", "'€' is no currency of three letters"),
        ("charge_category: a", "'1' is no charge category"),
    ],
)
def test_a_word_that_decides_about_money_is_never_guessed(bill, line, sentence):
    bill.put("b.csv", "d,a\n2026-10-01,1\n")
    fields = {"day": "day: d", "amount": "amount: a", "currency": "currency: {constant: USD}"}
    fields[line.partition(":")[0]] = line
    assert sentence in bill.failure("\n".join(fields.values())).message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("day: d\namount: a\n", "does not say which column is the currency"),
        (SIMPLE + "modle: m\n", "modle: Extra inputs"),
        (SIMPLE + "token_types: {In: inputs}\n", "inputs is none of"),
        (SIMPLE + "model: {column: m, constant: x}\n", "a column or a constant"),
        ("- a\n", "it holds no fields"),
        ("a: [", "it is no YAML"),
        ("base: other\n", "base can be focus only"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_what_is_wrong(text, sentence):
    with pytest.raises(ProviderError) as caught:
        parse_mapping(text, "m.yaml")
    assert "The mapping m.yaml cannot be used" in caught.value.message
    assert sentence in caught.value.message


def test_the_check_reads_every_file_and_names_the_place(bill):
    bill.put("b.csv", "d,a\n2026-01-01,1\n")
    rights = PROVIDER.check(bill.form())
    assert rights.readable == PROVIDER.tables
    assert rights.account_id == f"groq in {bill.folder}"
    bill.put("c.csv", "x,y\n1,2\n")
    with pytest.raises(ProviderError, match=r"^lines: c\.csv lacks the column 'd' and lacks the column 'a'"):
        PROVIDER.check(bill.form())


@pytest.mark.parametrize(
    ("place", "fault", "sentence"),
    [("nowhere", Fault.UNAVAILABLE, "does not exist"), ("", Fault.CONTRACT, "There is no bill file")],
)
def test_a_place_without_bills_is_no_bill_of_nothing(bill, place, fault, sentence):
    bill.put(".hidden.csv", "d,a\n")
    bill.put("notes.md", "")
    with pytest.raises(ProviderError, match=sentence) as caught:
        bill.days(location=str(bill.folder / place))
    assert caught.value.fault is fault


def test_a_missing_mapping_is_named(bill):
    bill.put("b.csv", "d,a\n")
    with pytest.raises(ProviderError, match=r"nope\.yaml cannot be read"):
        PROVIDER.check(bill.form(None).model_copy(update={"mapping": str(bill.folder / "nope.yaml")}))


@pytest.mark.parametrize(
    "wrong",
    [{"location": "s3://key:secret@bucket/x"}, {"location": "ftp://x"}, {"billed_provider": "Groq Inc."}],
)
def test_a_form_that_cannot_be_right_is_refused(tmp_path, wrong):
    with pytest.raises(ValidationError):
        FileCredentials(**{"location": str(tmp_path), "billed_provider": "groq", **wrong})


def test_files_and_mapping_are_read_from_s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        query = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
        bucket, _ = pafs.FileSystem.from_uri(f"s3://bills{query}")
        bucket.create_dir("bills")
        for path, content in (
            ("bills/2026/b.csv", b"d,a\n2026-10-01,1.5\n"),
            ("bills/m.yaml", SIMPLE.encode()),
        ):
            with bucket.open_output_stream(path) as stream:
                stream.write(content)
        late = file.build_provider(clock=lambda: datetime.now(UTC))
        form = FileCredentials(
            location=f"s3://bills/2026{query}", billed_provider="groq", mapping=f"s3://bills/m.yaml{query}"
        )
        (report,) = late.reports
        (day,) = report.fetch(form, window("2026-10-01", 1))
        assert said(day.rows, "file", "amount") == [("b.csv", "1.5")]
        assert late.check(form).account_name == "s3://bills/2026"
    finally:
        server.stop()


def test_token_types_are_those_of_metered_events():
    buckets = Path(__file__).parents[2] / "dbt_project" / "macros" / "buckets.sql"
    known = set(re.findall(r"\('\w+', '(\w+)'\)", buckets.read_text()))
    assert TOKEN_TYPES - {"tokens", "requests"} == known


def test_the_worked_examples_of_the_documentation_work(bill):
    page = (Path(__file__).parents[2] / "docs" / "providers" / "file.md").read_text()
    export, mapping, focus = re.findall(
        r"```(?:yaml)?\n(Date;.*?|delimiter.*?|base: focus.*?)```", page, re.DOTALL
    )
    bill.put("2026-10.csv", export)
    rows = bill.rows(mapping, window("2026-10-01", 1))
    assert said(rows, "amount_usd", "token_type", "quantity", "charge_category") == [
        ("0.59", "input", "1000000", "usage"),
        ("0.1975", "output", "250000", "usage"),
        ("-1.25", None, None, "credit"),
    ]
    assert parse_mapping(focus, "focus.yaml").same_day == "add"
