"""The landing zone as the SDK writes it: one file per batch, in the folder of its kind and hour of arrival (UTC).

What belongs here: layout, and writing so that a file appears whole or not at all. Prompts that travel with events get a
file of their own, written first. What does not: when to write and what to do when it fails (`delivery.py`).
Layout and names: design/events.md, The landing zone.
"""

import gzip
import importlib
import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

from meterhouse_sdk.fields import PROMPT_FIELDS
from meterhouse_sdk.spool import sync_folder
from meterhouse_sdk.transport import Batch, Refusal, Transport

_PROMPTS = "prompts"
_S3_TIMEOUT_SECONDS = 10


def open_landing_zone(url: str, endpoint_url: Optional[str], producer: str) -> Transport:
    """The transport that writes event files below `url`: a folder, or a file://, s3:// or gs:// URL.

    `endpoint_url` is the address of an S3-compatible store. S3 and GCS need the extra
    `meterhouse-sdk[cloud]`.

    Raises:
        ValueError: the URL is of no known kind.
        ImportError: the extra is missing.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        return _Folder(Path(parts.path if parts.scheme else url).expanduser(), producer)
    if parts.scheme in ("s3", "gs"):
        bucket = parts.netloc.rpartition("@")[2]
        return _Bucket(parts.scheme, bucket, f"{bucket}{parts.path}".rstrip("/"), endpoint_url, producer)
    raise ValueError(
        f"{parts.scheme}:// is no landing zone: give a folder, or a file://, s3:// or gs:// URL."
    )


class _Folder:
    """Write aside, fsync, rename, fsync the folder: a killed process leaves a whole file or none."""

    title = "landing zone"
    stamps_arrival = True

    def __init__(self, root: Path, producer: str) -> None:
        self.destination = root.absolute().as_uri()
        self._root = root
        self._producer = producer

    def send(self, batch: Batch) -> Sequence[Refusal]:
        if not self._root.is_dir():
            raise FileNotFoundError(f"the landing folder {self._root} does not exist, make it or mount it")
        for url, content in _files(self._producer, batch):
            self._write(self._root / url, content)
        return ()

    def _write(self, path: Path, content: bytes) -> None:
        self._make_folder(path.parent)
        aside = path.with_name(f".{path.name}.tmp")
        try:
            with aside.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
        finally:
            if aside.exists():
                aside.unlink()
        sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)


class _Bucket:
    """One upload per file; an object store shows it when it is complete."""

    title = "landing zone"
    stamps_arrival = True

    def __init__(
        self, scheme: str, bucket: str, root: str, endpoint_url: Optional[str], producer: str
    ) -> None:
        try:
            self._fs: Any = importlib.import_module("pyarrow.fs")
        except ImportError as error:
            raise ImportError(f"{scheme}:// needs pyarrow: pip install 'meterhouse-sdk[cloud]'.") from error
        self.destination = f"{scheme}://{root}"
        self._scheme, self._bucket, self._root, self._endpoint_url = scheme, bucket, root, endpoint_url
        self._producer = producer
        self._store: Any = None

    def send(self, batch: Batch) -> Sequence[Refusal]:
        if self._store is None:
            self._store = self._connect()
        for url, content in _files(self._producer, batch):
            with self._store.open_output_stream(f"{self._root}/{url}", compression=None) as stream:
                stream.write(content)
        return ()

    def _connect(self) -> Any:
        if self._scheme == "gs":
            return self._fs.GcsFileSystem()
        timeouts = {"connect_timeout": _S3_TIMEOUT_SECONDS, "request_timeout": _S3_TIMEOUT_SECONDS}
        if self._endpoint_url is None:
            return self._fs.S3FileSystem(region=self._fs.resolve_s3_region(self._bucket), **timeouts)
        endpoint = urlsplit(self._endpoint_url)
        return self._fs.S3FileSystem(
            endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region="us-east-1", **timeouts
        )


def _files(producer: str, batch: Batch) -> list[tuple[str, bytes]]:
    """The files of a batch in the order in which they are to be written, by their place below the zone."""
    lines, prompts = batch.lines, b""
    if any(f'"{name}"'.encode() in lines for name in PROMPT_FIELDS):
        lines, prompts = _apart(lines)
    now = datetime.now(timezone.utc)
    place = f"date={now:%Y-%m-%d}/hour={now:%H}/{producer}-{batch.batch_id}.jsonl.gz"
    files = [(_PROMPTS, prompts), (batch.kind, lines)]
    return [(f"{kind}/{place}", _compressed(content)) for kind, content in files if content]


def _apart(lines: bytes) -> tuple[bytes, bytes]:
    """The events without their prompts, and the prompts by the id of their event."""
    events, prompts = [], []
    for line in lines.splitlines():
        event = json.loads(line)
        found = {name: event.pop(name) for name in PROMPT_FIELDS if name in event}
        events.append(json.dumps(event))
        if found:
            about = {name: event[name] for name in ("event_id", "received_at") if name in event}
            prompts.append(json.dumps({**about, **found}))
    return _joined(events), _joined(prompts)


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=6, mtime=0)
