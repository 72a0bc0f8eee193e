"""Reading one event file: what is good, what is rejected and why, and that nothing goes missing."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.events.reader import RAW_TEXT_CHARACTERS
from meterhouse.pricing.book import load_price_book
from meterhouse.pricing.price import price_events
from tests.events.making import ARRIVED, FORMATS, event, jsonl, pack, read, reason_of

BOOK = load_price_book()


def line(**fields) -> bytes:
    return json.dumps(event(**fields)).encode()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{nope", "not valid JSON"),
        (b'{"event_id": "1"', "not valid JSON"),
        (b"[1]", "JSON array"),
        (b'"text"', "JSON varchar"),
        (b'{"event_id": "\xff"}', "UTF-8"),
        (line(customer="x").replace(b'"x"', b'"\\ud83d"'), "not valid JSON"),
        (line(customer="x").replace(b'"x"', b'"a\x00b"'), "not valid JSON"),
        (line(customer="a\x00b"), "`customer`"),
        (line(event_id="a\x00b"), "`event_id`"),
        (line(event_id=None), "`event_id` is missing"),
        (line(event_id=" "), "`event_id` is missing"),
        (line(provider=""), "`provider` is missing"),
        (line(model=None), "`model` is missing"),
        (line(started_at=None), "`started_at` is missing"),
        (line(started_at="2026-11-23T09:30:00"), "with its offset"),
        (line(started_at="2026-02-30T09:30:00Z"), '`started_at` is "2026-02-30T09:30:00Z"'),
        (line(started_at=1763890200), "with its offset"),
        (line(started_at="infinity"), "with its offset"),
        (line(input_tokens=-5), '`input_tokens` is "-5"; it cannot be negative'),
        (line(input_tokens=1.5), "whole number"),
        (line(input_tokens="many"), "whole number"),
        (line(input_tokens="1_000"), "whole number"),
        (line(input_tokens=10**30), "whole number"),
        (line(input_tokens=10**12 + 1), "beyond 1E+12"),
        (line(audio_seconds="-0.1"), "cannot be negative"),
        (line(client_cost_usd="NaN"), "amount in USD"),
        (line(client_cost_usd="1e99"), "amount in USD"),
        (line(client_cost_usd="1000000.01"), "beyond 1E+6"),
        (line(client_cost_usd=float("nan")), "NaN or Infinity"),
        (line(client_cost_usd=float("-inf")), "NaN or Infinity"),
        (line(metadata={"x": float("nan")}), "NaN or Infinity"),
        (line(quality_score="1.01"), "from 0 to 1"),
        (line(is_streamed="maybe"), "true or false"),
        (line(operation="chatt"), "write one of chat, embed"),
        (line(service_tier="default"), "write one of standard, batch"),
        (line(metadata=[1]), "JSON object"),
        (line(metadata="{"), "write it as JSON"),
        (line(metadata={"team": 1}, team=2), "beside metadata"),
        (line().replace(b"{", b'{"model": "other", ', 1), "twice"),
    ],
)
def test_a_bad_line_is_rejected_alone_with_one_sentence(bad, said):
    assert said in reason_of(bad)


@pytest.mark.parametrize("sent", ['"123456.123456789012"', "123456.123456789012"])
def test_an_amount_is_taken_from_its_text_whether_string_or_number(sent):
    content = line(client_cost_usd="@").replace(b'"@"', sent.encode())
    assert read(content).events["client_cost_usd"].to_pylist() == [Decimal("123456.123456789012")]


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        ("1e-9", "0.000000001"),
        ("-0", "0"),
        ("0.0", "0"),
        ("1E2", "100"),
        ("0.1", "0.1"),
        ("999999.999999999999", "999999.999999999999"),
    ],
)
def test_small_and_odd_amounts_are_exact(sent, amount):
    content = line(client_cost_usd="@").replace(b'"@"', sent.encode())
    assert read(content).events["client_cost_usd"].to_pylist() == [Decimal(amount)]


def test_a_number_inside_a_text_or_a_nested_object_is_left_alone():
    text = 'he said "client_cost_usd": 0.25, twice'
    row = read(
        jsonl(
            event(customer=text, usage_raw={"client_cost_usd": 0.25, "input_tokens": 3}, client_cost_usd=0.5)
        )
    )
    (got,) = row.events.to_pylist()
    assert (got["customer"], got["client_cost_usd"]) == (text, Decimal("0.5"))
    assert json.loads(got["usage_raw"]) == {"client_cost_usd": 0.25, "input_tokens": 3}


def test_a_long_numeric_id_keeps_every_digit():
    content = line(subscriber_id="@").replace(b'"@"', b"123456789012345678901")
    assert read(content).events["subscriber_id"].to_pylist() == ["123456789012345678901"]


@pytest.mark.parametrize("name", ["agent\x01customer", "\x01", "agent\x01", "agents", "", "agent|customer"])
def test_a_name_that_only_looks_like_known_ones_is_unknown_and_kept(name):
    reading = read(jsonl(event(1, **{name: "kept"}), event(2, agent="kept\x01 \\u0001")))
    assert [json.loads(one or "{}") for one in reading.events["metadata"].to_pylist()] == [{name: "kept"}, {}]


def test_unknown_fields_are_kept_in_metadata_and_prompts_are_not():
    (got,) = read(jsonl(event(team="search", system_prompt="be kind", metadata={"a": 1}))).events.to_pylist()
    assert json.loads(got["metadata"]) == {"a": 1, "team": "search"}
    (got,) = read(jsonl(event(team={"x": [1]}))).events.to_pylist()
    assert json.loads(got["metadata"]) == {"team": {"x": [1]}}


def test_arrival_and_spelling_are_normalised():
    (got,) = read(
        jsonl(event(provider=" OpenAI ", started_at="2026-11-23T15:00:00+05:30", customer=""))
    ).events.to_pylist()
    assert (got["provider"], got["source"], got["received_at"]) == ("openai", "file", ARRIVED)
    assert (got["started_at"], got["customer"]) == (datetime(2026, 11, 23, 9, 30, tzinfo=UTC), None)


def test_unicode_and_huge_texts_come_through_unchanged():
    name = "Ünïcødé \u202eعربى\u202c 🚀 '; drop table events; --\t" + "x" * 65_536
    content = jsonl(event(1, customer=name), event(2, metadata={"prompt": "y" * 20_000_000}), event(3))
    reading = read(content)
    assert reading.events["customer"].to_pylist() == [name, None, None]
    assert reading.rejects.num_rows == 0


def test_a_huge_bad_line_is_capped_in_its_reject():
    reading = read(b"{" + b"z" * 20_000_000 + b"\n" + jsonl(event(2)))
    assert (reading.events.num_rows, reading.rejects.num_rows) == (1, 1)
    assert len(reading.rejects["raw_text"][0].as_py()) == RAW_TEXT_CHARACTERS


def test_blank_lines_line_ends_and_a_byte_order_mark_are_no_matter():
    reading = read(b"\xef\xbb\xbf" + line() + b"\r\n\r\n   \n" + line(event_id="2"))
    assert reading.events["file_line"].to_pylist() == [1, 4]
    assert (reading.line_count, reading.rejects.num_rows) == (2, 0)
    assert read(b"").line_count == 0


def test_the_same_event_twice_in_a_file_counts_once_and_another_body_is_rejected():
    reading = read(jsonl(event(1), event(2), event(1), event(1, output_tokens=11), event(1, source="http")))
    assert reading.events["file_line"].to_pylist() == [1, 2]
    assert reading.duplicate_count == 2
    (reject,) = reading.rejects.to_pylist()
    assert (reject["file_line"], reject["event_id"]) == (4, "event-1")
    assert "stands on line 1 with another body" in reject["reason"]


MANY = [event(n, customer=f"customer {n}") for n in range(300)]


def test_gzip_members_after_each_other_are_all_read():
    content = gzip.compress(jsonl(*MANY[:5])) + gzip.compress(jsonl(*MANY[5:9]))
    assert read(content, "a.jsonl.gz").events.num_rows == 9


def broken_files() -> list:
    packed = gzip.compress(jsonl(*MANY))
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    zstd = pack(MANY, "jsonl.zst")
    parquet = pack(MANY, "parquet")
    return [
        pytest.param("cut.jsonl.gz", packed[: len(packed) // 2], id="truncated gzip"),
        pytest.param("trailer.jsonl.gz", packed[:-8], id="gzip without its trailer"),
        pytest.param("flipped.jsonl.gz", bytes(flipped), id="flipped byte"),
        pytest.param("magic.jsonl.gz", b"not gzip at all", id="wrong magic"),
        pytest.param("empty.jsonl.gz", b"", id="empty gzip"),
        pytest.param("cut.jsonl.zst", zstd[: len(zstd) // 2], id="truncated zstd"),
        pytest.param("cut.parquet", parquet[: len(parquet) // 2], id="truncated Parquet"),
    ]


@pytest.mark.parametrize(("name", "content"), broken_files())
def test_a_broken_file_waits_while_it_may_be_arriving_then_lands_what_is_whole(name, content):
    young = read(content, name, now=ARRIVED + timedelta(seconds=119))
    assert young.waiting_for is not None
    assert young.line_count == 0
    settled = read(content, name, now=ARRIVED + timedelta(seconds=121))
    assert settled.waiting_for is None
    assert "deliver the file again" in settled.rejects["reason"][-1].as_py()
    assert settled.line_count == settled.events.num_rows + settled.rejects.num_rows
    whole = {one["event_id"]: one["customer"] for one in MANY}
    assert {e["event_id"]: e["customer"] for e in settled.events.to_pylist()}.items() <= whole.items()


def test_of_a_gzip_without_its_trailer_every_line_is_saved():
    packed = gzip.compress(jsonl(*MANY))[:-8]
    assert read(packed, "a.jsonl.gz").events.num_rows == len(MANY)


def test_a_plain_file_cut_in_a_line_waits_and_then_rejects_that_line():
    content = jsonl(*MANY[:3])[:-20]
    assert "line 3" in read(content, now=ARRIVED).waiting_for
    settled = read(content)
    assert (settled.events.num_rows, settled.rejects.num_rows) == (2, 1)


def fingerprints(files: list[tuple[bytes, str]]) -> set:
    frames = [price_events(pl.DataFrame(read(content, name).events), BOOK) for content, name in files]
    return {row for frame in frames for row in frame.select("event_id", "content_hash", "cost_usd").rows()}


SOME = [
    event(
        n,
        metadata={"team": "a b", "n": n} if n % 3 else None,
        audio_seconds="0.25" if n % 4 == 0 else None,
        client_cost_usd="0.1" if n % 5 else None,
        customer=f"Zoë {n}",
    )
    for n in range(24)
]


EXPECTED = fingerprints([(jsonl(*SOME), "all.jsonl")])


def test_events_that_differ_have_different_hashes():
    assert len({content_hash for _, content_hash, _ in EXPECTED}) == len(SOME)


@settings(max_examples=10, deadline=None)
@given(st.permutations(SOME), st.lists(st.sampled_from(FORMATS), min_size=1, max_size=4))
def test_the_same_events_in_any_order_files_and_formats_are_the_same_events(events, formats):
    parts = [(events[start :: len(formats)], form) for start, form in enumerate(formats)]
    packed = [(pack(part, form), f"{n}.{form}") for n, (part, form) in enumerate(parts)]
    assert fingerprints(packed) == EXPECTED


LINES = st.sampled_from(
    [jsonl(e) for e in MANY[:4]] + [jsonl(event(1, output_tokens=7)), b"{bad\n", b"\n", b"[]\n", b"\xff\n"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_good_and_rejected_and_duplicate_lines_are_all_lines(lines):
    reading = read(b"".join(lines))
    not_blank = [number for number, one in enumerate(lines, 1) if one.strip()]
    assert reading.line_count == len(not_blank)
    seen = reading.events["file_line"].to_pylist() + reading.rejects["file_line"].to_pylist()
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(not_blank)
    ids = reading.events["event_id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_twenty_thousand_lines_are_read_and_priced_to_the_last_digit():
    content = jsonl(*(event(n) for n in range(20_000)))
    priced = price_events(pl.DataFrame(read(content).events), BOOK)
    assert priced["cost_usd"].sum() == sum(
        (1000 + n) * Decimal("0.0000025") + Decimal("0.0001") for n in range(20_000)
    )


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("", pa.array(["x"])),
        ("Model", pa.array(["x"])),
        ("half", pa.array([1.5], pa.float32()).cast(pa.float16())),
        ("wide", pa.array([Decimal(1)], pa.decimal256(70, 2))),
        ("twice", pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64()))),
    ],
)
def test_a_parquet_file_with_a_column_nobody_can_read_is_refused_in_a_sentence(name, column):
    good = pq.read_table(pa.BufferReader(pack([event(1)], "parquet")))
    sink = pa.BufferOutputStream()
    pq.write_table(good.append_column(name, column), sink)
    found = read(sink.getvalue().to_pybytes(), "a.parquet")
    (reject,) = found.rejects.to_pylist()
    assert found.events.num_rows == 0
    assert "columns that cannot be read" in reject["reason"]
    assert "deliver the file again" in reject["reason"]
