"""Where a bill's files lie: a folder, S3 or GCS, through one interface.

What belongs here: finding files and reading them whole, and saying in one sentence why that fails. What does not:
what stands in them (`records.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from dlt_sources.contract import Fault, ProviderError

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")


@dataclass(frozen=True)
class BillFile:
    """One file: its name below the place, size, last change (UTC), and how to read it."""

    name: str
    size_bytes: int
    modified_at: datetime
    filesystem: pafs.FileSystem = field(compare=False)
    path: str


def list_bill_files(location: str) -> list[BillFile]:
    """The bill files at a place, by name: all below a folder, or the one file that it is.

    Raises:
        ProviderError: the place cannot be read, or holds no such file.
    """
    with _explained(location):
        filesystem, root = _open(location)
        place = filesystem.get_file_info(root)
        if place.type == pafs.FileType.NotFound:
            raise FileNotFoundError(f"{shown_place(location)} does not exist")
        selector = pafs.FileSelector(root, recursive=True)
        found = [place] if place.is_file else filesystem.get_file_info(selector)
        files = [
            BillFile(
                info.path.removeprefix(root).strip("/") or info.base_name,
                info.size,
                (info.mtime or datetime.now(UTC)).astimezone(UTC),
                filesystem,
                info.path,
            )
            for info in found
            if info.is_file and _is_bill(info.base_name)
        ]
    if not files:
        raise ProviderError(
            Fault.CONTRACT,
            f"There is no bill file at {shown_place(location)}.",
            f"Put files there whose names end in {', '.join(SUFFIXES)}.",
        )
    return sorted(files, key=lambda file: file.name)


def read_bill_file(file: BillFile) -> bytes:
    """The whole content of a file, as stored.

    Raises:
        ProviderError: it cannot be read, or changed since it was listed.
    """
    with _explained(file.name):
        with file.filesystem.open_input_stream(file.path, compression=None) as stream:
            content: bytes = stream.read()
        now = file.filesystem.get_file_info(file.path)
    if len(content) != file.size_bytes or now.size != file.size_bytes:
        raise ProviderError(
            Fault.UNAVAILABLE,
            f"{file.name} is still being written.",
            "The next sync reads it; write files aside and rename them when they are whole.",
        )
    return content


def read_text(location: str) -> str:
    """The text of one small file, such as a mapping.

    Raises:
        ProviderError: it cannot be read, or is no UTF-8.
    """
    with _explained(location):
        filesystem, path = _open(location)
        with filesystem.open_input_stream(path, compression=None) as stream:
            content: bytes = stream.read()
        return content.decode("utf-8-sig")


def shown_place(location: str) -> str:
    """A place as it may be shown: without its query."""
    return location.partition("?")[0]


def _open(location: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a place and the path in it; a URL may name its endpoint and region in its query."""
    if urlsplit(location).scheme in ("s3", "gs"):
        filesystem, path = pafs.FileSystem.from_uri(location)
        return filesystem, path.rstrip("/")
    return pafs.LocalFileSystem(), location


def _is_bill(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith((".", "_")) and ".tmp" not in name


@contextmanager
def _explained(location: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        cause = " ".join(str(error).split())[:300].rstrip(".")
        is_refused = isinstance(error, PermissionError) or "ACCESS_DENIED" in cause or "AccessDenied" in cause
        raise ProviderError(
            Fault.PERMISSION if is_refused else Fault.UNAVAILABLE,
            f"{shown_place(location)} cannot be read: {cause}.",
            "Check that the place exists and that the user Meterhouse runs as may read it.",
        ) from None
