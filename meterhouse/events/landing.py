"""The landing zone: immutable files of records in hour partitions, on a folder, S3 or GCS, by one URL.

What belongs here: finding, reading and writing whole files below the zone, and saying in one sentence why
that fails. What does not: what stands in the files (`reader.py`), and which were loaded (`ledger.py`).

Layout: `<kind>/date=YYYY-MM-DD/hour=HH/<name>`: the kind of its records (`events`, ...) and the hour of arrival in UTC.
Files whose name starts with a dot or an underscore, or holds `.tmp`, are still being written and do not exist for us.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as pafs
from uuid_utils import uuid7

from meterhouse.disk import sync_to_disk
from meterhouse.errors import MeterhouseError
from meterhouse.events.kinds import EVENTS, KINDS, RecordKind, kind_of
from meterhouse.settings import Settings

_PATH = re.compile("(?:" + "|".join(KINDS) + r")/date=(\d{4}-\d{2}-\d{2})/hour=(\d{2})/([^/]+)")
_S3_TIMEOUT_SECONDS = 30

logger = logging.getLogger(__name__)


class LandingZoneError(MeterhouseError):
    """The landing zone cannot be used; the message names its URL, without secrets, and the cause."""


@dataclass(frozen=True)
class LandingZone:
    """An opened landing zone; `root` is the path inside `filesystem`, `url` is safe to show."""

    filesystem: pafs.FileSystem
    root: str
    url: str

    def path_of(self, url: str) -> str:
        """Path inside the file system of a file given relative to the zone.

        Raises:
            LandingZoneError: the path leads out of the zone.
        """
        parts = PurePosixPath(url).parts
        if not parts or parts[0] not in KINDS or ".." in parts or "\\" in url:
            raise LandingZoneError(
                f"{url!r} is not a path below {', '.join(KINDS)} of the landing zone {self.url}.",
                "Name the file relative to the zone.",
            )
        if isinstance(self.filesystem, pafs.LocalFileSystem):
            resolved = Path(self.root, url).resolve()
            if not resolved.is_relative_to(Path(self.root).resolve()):
                raise LandingZoneError(
                    f"{url!r} leads out of the landing zone {self.url}.", "Remove the link."
                )
        return f"{self.root}/{url}"


@dataclass(frozen=True)
class LandingFile:
    """A file: `url` relative to the zone, hour `partition` (`YYYY-MM-DDTHH`), size, last change (UTC)."""

    url: str
    partition: str
    size_bytes: int
    modified_at: datetime

    @property
    def kind(self) -> RecordKind:
        """What its records are."""
        return kind_of(self.url)


def open_landing_zone(settings: Settings) -> LandingZone:
    """Open the landing zone; the folder in the home is made when missing, a place set by URL must exist.

    Raises:
        LandingZoneError: the URL is of no known kind, or cannot be reached.
    """
    raw = settings.landing_zone_url
    shown = _without_secrets(raw)
    with _explained(shown):
        filesystem, root = _file_system(raw, settings.landing_endpoint_url)
        if settings.landing_url is None:
            filesystem.create_dir(root, recursive=True)
        is_folder = isinstance(filesystem, pafs.LocalFileSystem)
        place = root if is_folder else root.partition("/")[0]
        if filesystem.get_file_info(place).type == pafs.FileType.NotFound:
            raise FileNotFoundError(f"{place} does not exist")
    return LandingZone(filesystem, root, shown)


def list_files(
    zone: LandingZone, partition: str | None = None, kind: RecordKind = EVENTS
) -> list[LandingFile]:
    """Files of a kind, of one partition (`YYYY-MM-DDTHH`), or of all, in order of their names.

    Raises:
        LandingZoneError: the zone cannot be listed.
    """
    folder = kind.name if partition is None else partition_folder(partition, kind)
    selector = pafs.FileSelector(zone.path_of(folder), allow_not_found=True, recursive=True)
    with _explained(zone.url):
        found = zone.filesystem.get_file_info(selector)
    files = (_landing_file(zone, info) for info in found if info.is_file)
    return sorted((file for file in files if file is not None), key=lambda file: file.url)


def list_partitions(zone: LandingZone) -> list[str]:
    """Hours (`YYYY-MM-DDTHH`) that hold event files, oldest first."""
    return sorted({file.partition for file in list_files(zone)})


def read_bytes(zone: LandingZone, url: str) -> bytes:
    """The whole content of one file, as stored.

    Raises:
        LandingZoneError: it cannot be read.
    """
    path = zone.path_of(url)
    with _explained(zone.url), zone.filesystem.open_input_stream(path, compression=None) as stream:
        content: bytes = stream.read()
        return content


def write_file(zone: LandingZone, url: str, content: bytes) -> None:
    """Write one file so that it appears whole: aside, fsync and rename on a folder, one upload elsewhere.

    Raises:
        LandingZoneError: it cannot be written, or leads out of the zone.
    """
    path = zone.path_of(url)
    with _explained(zone.url):
        if isinstance(zone.filesystem, pafs.LocalFileSystem):
            _write_aside(Path(path), content)
            return
        with zone.filesystem.open_output_stream(path, compression=None) as stream:
            stream.write(content)


def delete_file(zone: LandingZone, url: str) -> None:
    """Delete one file.

    Raises:
        LandingZoneError: it cannot be deleted.
    """
    path = zone.path_of(url)
    with _explained(zone.url):
        zone.filesystem.delete_file(path)


def partition_folder(partition: str, kind: RecordKind = EVENTS) -> str:
    """Folder of an hour `YYYY-MM-DDTHH`, relative to the zone.

    Raises:
        ValueError: it is not an hour.
    """
    hour = datetime.strptime(partition, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return f"{kind.name}/date={hour:%Y-%m-%d}/hour={hour:%H}"


def _landing_file(zone: LandingZone, info: pafs.FileInfo) -> LandingFile | None:
    try:
        url = info.path.removeprefix(f"{zone.root}/")
    except UnicodeDecodeError:
        _tell_once(f"A file in the landing zone {zone.url} has a name that is not UTF-8; rename it.")
        return None
    match = _PATH.fullmatch(url)
    if match is None or match[3].startswith((".", "_")) or ".tmp" in match[3]:
        return None
    partition = f"{match[1]}T{match[2]}"
    if not _is_hour(partition):
        _tell_once(f"{url} in the landing zone {zone.url} lies in no hour of any day; move it into one.")
        return None
    modified_at = info.mtime if info.mtime is not None else datetime.now(UTC)
    return LandingFile(url, partition, info.size, modified_at.astimezone(UTC))


@lru_cache(maxsize=1024)
def _is_hour(partition: str) -> bool:
    try:
        partition_folder(partition)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _tell_once(sentence: str) -> None:
    """Log what is left out; the zone is listed many times a second."""
    logger.warning(sentence)


def _file_system(url: str, endpoint_url: str | None) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(url)
    if parts.scheme == "":
        return pafs.LocalFileSystem(), str(Path(url).expanduser().resolve())
    if parts.scheme == "file":
        return pafs.LocalFileSystem(), str(Path(parts.path).resolve())
    bucket = parts.netloc.rpartition("@")[2]
    if parts.scheme == "gs":
        return pafs.GcsFileSystem(), f"{bucket}{parts.path}".rstrip("/")
    if parts.scheme == "s3":
        return _s3(bucket, endpoint_url), f"{bucket}{parts.path}".rstrip("/")
    raise ValueError(f"{parts.scheme}:// is not a folder, file://, s3:// or gs:// URL")


def _s3(bucket: str, endpoint_url: str | None) -> pafs.S3FileSystem:
    options: dict[str, object] = {
        "connect_timeout": _S3_TIMEOUT_SECONDS,
        "request_timeout": _S3_TIMEOUT_SECONDS,
    }
    if endpoint_url is None:
        return pafs.S3FileSystem(region=pafs.resolve_s3_region(bucket), **options)
    endpoint = urlsplit(endpoint_url)
    return pafs.S3FileSystem(
        endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region="us-east-1", **options
    )


def _write_aside(path: Path, content: bytes) -> None:
    _make_folder(path.parent)
    aside = path.with_name(f".{path.name}.{uuid7()}.tmp")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_to_disk(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder that is still there after a power cut: each new one is on disk in its parent."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_to_disk(folder.parent)


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path


@contextmanager
def _explained(shown_url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        cause = " ".join(str(error).split())[:300].rstrip(".")
        raise LandingZoneError(
            f"The landing zone {shown_url} cannot be used: {cause}.",
            "Check METERHOUSE_LANDING_URL, that the place exists and that this machine may use it.",
        ) from None
