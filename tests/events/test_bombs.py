"""Small files that unpack to more than a machine has: refused in words, in bounded memory, neighbours unharmed."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meterhouse.events.lines import MOST_UNPACKED_BYTES
from tests.events.making import event, jsonl, read

PART_BYTES = 100 * 2**20
PARTS = MOST_UNPACKED_BYTES // PART_BYTES + 1


def gzip_bomb() -> bytes:
    return gzip.compress(b"0" * PART_BYTES, compresslevel=1) * PARTS


def zstd_bomb() -> bytes:
    return pa.compress(b"0" * PART_BYTES, codec="zstd", asbytes=True) * PARTS


def parquet_bomb() -> bytes:
    """One stored text of a megabyte that so many rows point to."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20 * PARTS * 100, pa.int32()), ["0" * 2**20])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"customer": texts}), sink, store_schema=False)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "make"), [("a.jsonl.gz", gzip_bomb), ("a.jsonl.zst", zstd_bomb), ("a.parquet", parquet_bomb)]
)
def test_a_file_that_unpacks_to_more_than_a_machine_has_is_one_reject(name, make):
    content = make()
    assert len(content) < 20 * 2**20
    reading = read(content, name)
    assert reading.events.num_rows == 0
    (reject,) = reading.rejects.to_pylist()
    assert "more than 1,073,741,824 bytes unpacked" in reject["reason"]
    assert read(jsonl(event(1)), "b.jsonl").events.num_rows == 1
