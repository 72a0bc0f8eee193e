"""Call logs: records of single calls that others keep, brought into the landing zone as events, each object once.

The order is the guarantee: the events land first, then the ledger says which objects they came from. A kill in between
lands them again on the next import, and each event still counts once, by its id. What belongs here: that order. What
does not: finding objects (a provider's folder), what a record means (`dialects/`), loading (`load.py`).
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import duckdb
from filelock import FileLock
from sqlalchemy import func, select
from uuid_utils import uuid7

from dlt_sources.contract import CallLogs, Credentials, LogObject
from meterhouse.control.database import reading, session
from meterhouse.control.tables import ImportedLogRow
from meterhouse.events import checks
from meterhouse.events.dialects import bedrock_log
from meterhouse.events.dialects.registry import READERS, items_of_file
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.lines import read_lines, unpack
from meterhouse.events.schema import EVENT_FIELDS, Kind
from meterhouse.settings import Settings

_IN_SQL = {"bedrock_log": bedrock_log.fields_as_text}
DIALECTS = (*_IN_SQL, *READERS)
OBJECTS_PER_FILE = 500
CHARACTERS_PER_FILE = 8_000_000

_FIELDS = ", ".join(
    f"{field.name}: {field.name}{'::JSON' if field.kind == Kind.JSON else ''}" for field in EVENT_FIELDS
)


@dataclass(frozen=True)
class Imported:
    """What an import brought in: new objects, their records, and the hours (`YYYY-MM-DDTHH`) they landed in."""

    object_count: int = 0
    line_count: int = 0
    partitions: tuple[str, ...] = ()


def import_new(
    settings: Settings, logs: CallLogs, credentials: Credentials, location: str | None = None
) -> Imported:
    """Bring in every object of a provider's call logs that is new.

    Args:
        settings: Where the installation lives.
        logs: The provider's call logs.
        credentials: Who reads them.
        location: Where to look; by default where the credentials say.

    Raises:
        ProviderError: The objects cannot be listed or read; what landed before stays.
        LandingZoneError: The events cannot be written.
    """
    return import_objects(
        settings, logs.dialect, logs.objects(credentials, location, lambda prefix: _last(settings, prefix))
    )


def import_objects(settings: Settings, dialect: str, objects: Iterable[LogObject]) -> Imported:
    """Bring in those of the objects that are new, many of them in one event file.

    Raises:
        ProviderError: An object cannot be read; what landed before stays.
        LandingZoneError: The events cannot be written.
    """
    done = Imported()
    with FileLock(settings.home_path / "call-logs.lock"):
        for batch in _batches(settings, dialect, objects):
            partition = datetime.now(UTC).strftime("%Y-%m-%dT%H")
            landing_url = f"{partition_folder(partition)}/{dialect}-{uuid7()}.jsonl.gz"
            content = "".join(line + "\n" for _, lines in batch for line in lines).encode()
            write_file(open_landing_zone(settings), landing_url, gzip.compress(content, mtime=0))
            with session(settings) as opened:
                opened.add_all(
                    ImportedLogRow(
                        url=url, landing_url=landing_url, line_count=len(lines), imported_at=datetime.now(UTC)
                    )
                    for url, lines in batch
                )
            line_count = sum(len(lines) for _, lines in batch)
            partitions = tuple(dict.fromkeys((*done.partitions, partition)))
            done = Imported(done.object_count + len(batch), done.line_count + line_count, partitions)
    return done


def event_lines(dialect: str, url: str, content: bytes) -> list[str]:
    """The records of one object as native event lines, as text and without what is unknown.

    What is no record becomes a line that says so and will be refused; nothing of its text is kept, since it may hold a
    prompt.
    """
    if dialect in READERS:
        return _foreign_lines(dialect, url, content)
    with duckdb.connect(config={"threads": 2}) as connection:
        for statement in checks.MACROS:
            connection.execute(statement)
        lines = read_lines(url, content, connection)
        connection.register("records", lines.table)
        found = connection.execute(
            f"""SELECT CASE WHEN fault IS NULL THEN json_merge_patch('{{}}', {{{_FIELDS}}})::VARCHAR
                ELSE to_json({{refused: fault, record: file_line, object: $url}})::VARCHAR END
            FROM ({_IN_SQL[dialect]("records")}) ORDER BY file_line""",  # noqa: S608
            {"url": url},
        ).fetchall()
    texts = [str(text) for (text,) in found]
    return texts if lines.damage is None else [*texts, json.dumps({"refused": lines.damage, "object": url})]


def _foreign_lines(dialect: str, url: str, content: bytes) -> list[str]:
    text, damage = unpack(url, content)
    items = items_of_file(dialect, text)
    lines = [
        item.line if item.unfit is None else json.dumps({"refused": item.unfit, "object": url})
        for item in items
    ]
    return lines if damage is None else [*lines, json.dumps({"refused": damage, "object": url})]


def _batches(
    settings: Settings, dialect: str, objects: Iterable[LogObject]
) -> Iterator[list[tuple[str, list[str]]]]:
    """New objects with their event lines, as many together as one event file takes."""
    remaining = iter(objects)
    batch: list[tuple[str, list[str]]] = []
    size = 0
    while listed := list(islice(remaining, OBJECTS_PER_FILE)):
        known = _known(settings, [one.url for one in listed])
        for one in listed:
            if one.url in known:
                continue
            known.add(one.url)
            lines = event_lines(dialect, one.url, one.read())
            batch.append((one.url, lines))
            size += sum(map(len, lines))
            if len(batch) >= OBJECTS_PER_FILE or size >= CHARACTERS_PER_FILE:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _known(settings: Settings, urls: list[str]) -> set[str]:
    with reading(settings) as opened:
        return set(opened.scalars(select(ImportedLogRow.url).where(ImportedLogRow.url.in_(urls))))


def _last(settings: Settings, prefix: str) -> str | None:
    with reading(settings) as opened:
        below = ImportedLogRow.url.startswith(prefix, autoescape=True)
        return opened.scalar(select(func.max(ImportedLogRow.url)).where(below))
