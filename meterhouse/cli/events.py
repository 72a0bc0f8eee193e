"""`meterhouse events`: bring event files in, and see what was refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from uuid_utils import uuid7

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, say
from meterhouse.errors import UsageError
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition
from meterhouse.report import NothingPublishedError
from meterhouse.settings import Settings

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")

events_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Bring event files in, and see what was refused."
)


@events_app.command("import")
@errors_in_words()
def import_files(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders of them.")],
    is_json: JsonFlag = False,
) -> None:
    """Land event files (JSON lines, plain, .gz or .zst, or Parquet) and load them.

    The same file twice counts once. Example: `meterhouse events import exported-calls.jsonl.gz`
    """
    settings = Settings()
    files = _event_files(paths)
    zone = open_landing_zone(settings)
    partition = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    with progress(f"Landing and loading event files ({len(files)}) ..."):
        for file in files:
            suffix = next(suffix for suffix in SUFFIXES if file.name.endswith(suffix))
            write_file(zone, f"{partition_folder(partition)}/import-{uuid7()}{suffix}", file.read_bytes())
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
    settings = Settings()
    if not settings.published_path.exists():
        raise NothingPublishedError("Nothing is published yet.", "Run `meterhouse build`.")
    with duckdb.connect(settings.published_path, read_only=True) as marts:
        found = marts.execute(
            "select file_url, file_line, reason, raw_text, first_seen_at from marts.rejected_events "
            "order by first_seen_at desc, file_url, file_line limit ?",
            [limit],
        ).fetchall()
    columns = ("file", "line", "reason", "text", "first_seen_at")
    if is_json:
        print_json([dict(zip(columns, row, strict=True)) for row in found])
    else:
        print_table(columns[:4], (row[:4] for row in found), empty="No line was refused.")


def _event_files(paths: list[Path]) -> list[Path]:
    files = [
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    ]
    foreign = [file for file in files if not file.name.endswith(SUFFIXES)]
    if foreign or not files:
        raise UsageError(
            f"{foreign[0]} is not an event file." if foreign else "There is no file in these folders.",
            f"Event files end in {', '.join(SUFFIXES)}.",
        )
    return files
