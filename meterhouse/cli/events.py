"""`meterhouse events`: bring event files in, and see what was refused."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from uuid_utils import uuid7

from dlt_sources.contract import CallLogs, Credentials, LogObject
from meterhouse.cli.event_flow import replay, send_test, tail
from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, say
from meterhouse.connections import registry
from meterhouse.connections.form import known_provider
from meterhouse.errors import UsageError
from meterhouse.events.call_logs import DIALECTS, import_new, import_objects
from meterhouse.events.imports import SUFFIXES, landing_content
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition
from meterhouse.published import published_marts
from meterhouse.settings import Settings

LOG_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
NATIVE = "native"

events_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Bring event files in, and see what was refused."
)
events_app.command("tail")(tail)
events_app.command("send-test")(send_test)
events_app.command("replay")(replay)


@events_app.command("import")
@errors_in_words()
def import_files(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders of them, or s3://bucket/prefix.")
    ],
    dialect: Annotated[
        str, typer.Option(help=f"What the files hold: {NATIVE}, or call logs: {', '.join(DIALECTS)}.")
    ] = NATIVE,
    connection: Annotated[
        str | None, typer.Option(help="Connection whose credentials read s3://bucket/prefix.")
    ] = None,
    is_json: JsonFlag = False,
) -> None:
    """Land event files (JSON lines, plain, .gz or .zst, or Parquet) and load them.

    The same file twice counts once. Call logs become events first; prompts and answers are left behind.

    Example: meterhouse events import exported-calls.jsonl.gz

    Example: meterhouse events import s3://our-logs/bedrock --dialect bedrock_log --connection aws
    """
    settings = Settings()
    if dialect != NATIVE:
        _import_call_logs(settings, paths, dialect, connection, is_json)
        return
    files = _files(paths, SUFFIXES)
    zone = open_landing_zone(settings)
    partition = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    with progress(f"Landing and loading event files ({len(files)}) ..."):
        for file in files:
            suffix, content = landing_content(file.name, file.read_bytes())
            write_file(zone, f"{partition_folder(partition)}/import-{uuid7()}{suffix}", content)
        result = load_partition(settings, partition)
    if result.duplicate_file_count:
        say(f"Imported before, so not counted again: {result.duplicate_file_count} of the files.")
    if result.waiting_count:
        say(
            f"Broken, and kept: {result.waiting_count} of the files. They might still be arriving, so the first "
            f"`meterhouse build` after {settings.settle_seconds:.0f} s takes what can be read of them; "
            "`meterhouse events rejects` then says what is wrong with the rest."
        )
    answer = {
        "files": len(files),
        "events": result.event_count + result.duplicate_count + result.rejected_count,
        "accepted": result.event_count,
        "duplicates": result.duplicate_count,
        "rejected": result.rejected_count,
    }
    if is_json:
        print_json(answer)
    else:
        print_table(tuple(answer), [tuple(answer.values())])


@events_app.command("rejects")
@errors_in_words()
def rejects(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50, is_json: JsonFlag = False
) -> None:
    """Lines that could not become events, each with its reason; as of the last build."""
    columns = ("file", "line", "reason", "text", "first_seen_at")
    found = _published(
        "select file_url, file_line, reason, raw_text, first_seen_at from marts.rejected_events "
        "order by first_seen_at desc, file_url, file_line limit ?",
        limit,
    )
    if is_json:
        print_json([dict(zip(columns, row, strict=True)) for row in found])
    else:
        print_table(columns[:4], (row[:4] for row in found), empty="No line was refused.")


@events_app.command("duplicates")
@errors_in_words()
def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50, is_json: JsonFlag = False
) -> None:
    """Events of calls that another event counts, as an SDK and a proxy both metered them; as of the last build.

    They are kept and in no sum. See docs/marts.md.
    """
    columns = ("event_id", "source", "counted_event_id", "counted_source", "uncounted_cost_usd", "started_at")
    found = _published(
        f"select {', '.join(columns)} from marts.duplicate_events order by started_at desc, event_id limit ?",  # noqa: S608
        limit,
    )
    if is_json:
        print_json([dict(zip(columns, row, strict=True)) for row in found])
    else:
        print_table(columns, found, empty="No call was metered twice.")


def _published(query: str, limit: int) -> list[tuple[Any, ...]]:
    """Rows of the published marts.

    Raises:
        NothingPublishedError: Nothing is published yet.
    """
    with published_marts(Settings()) as marts:
        return marts.execute(query, [limit]).fetchall()


def _import_call_logs(
    settings: Settings, paths: list[str], dialect: str, connection: str | None, is_json: bool
) -> None:
    if dialect not in DIALECTS:
        raise UsageError(
            f"There is no dialect {dialect!r}.", f"Known dialects: {', '.join((NATIVE, *DIALECTS))}."
        )
    in_storage = [path for path in paths if path.startswith("s3://")]
    files = _files([path for path in paths if path not in in_storage], LOG_SUFFIXES)
    with progress("Reading call logs ..."):
        done = [import_objects(settings, dialect, map(_log_object, files))]
        for location in in_storage:
            logs, credentials = _call_logs(settings, dialect, connection)
            done.append(import_new(settings, logs, credentials, location))
        loads = [
            load_partition(settings, hour)
            for hour in sorted({hour for one in done for hour in one.partitions})
        ]
    answer = {
        "objects": sum(one.object_count for one in done),
        "events": sum(one.line_count for one in done),
        "accepted": sum(load.event_count for load in loads),
        "rejected": sum(load.rejected_count for load in loads),
    }
    if is_json:
        print_json(answer)
    else:
        print_table(tuple(answer), [tuple(answer.values())])


def _call_logs(settings: Settings, dialect: str, name: str | None) -> tuple[CallLogs, Credentials]:
    if name is None:
        raise UsageError(
            "Logs in s3:// are read with the credentials of a connection.", "Add --connection NAME."
        )
    logs = known_provider(registry.get(settings, name).provider).call_logs
    if logs is None or logs.dialect != dialect:
        raise UsageError(
            f"The provider of {name!r} keeps no logs of the dialect {dialect!r}.",
            "Name another --connection.",
        )
    return logs, registry.credentials_of(settings, name)


def _log_object(file: Path) -> LogObject:
    """A file on this machine is known by its content: its name may come again with another one."""
    content = file.read_bytes()
    return LogObject(
        f"sha256:{hashlib.sha256(content).hexdigest()}{''.join(file.suffixes[-1:])}", lambda: content
    )


def _files(paths: list[str], suffixes: tuple[str, ...]) -> list[Path]:
    """The files at the paths, those in folders too.

    Raises:
        UsageError: A path does not exist, holds no file, or one that does not end in any of the suffixes.
    """
    files = []
    for path in map(Path, paths):
        if not path.exists():
            raise UsageError(f"There is no file or folder {path}.", "Check the path.")
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    foreign = [file for file in files if not file.name.endswith(suffixes)]
    if foreign or (paths and not files):
        raise UsageError(
            f"{foreign[0]} is not an event file." if foreign else "There is no file in these folders.",
            f"Event files end in {', '.join(suffixes)}.",
        )
    return files
