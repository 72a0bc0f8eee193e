"""Which lines make a day: the union of a place's files, and what holds when two of them tell of one day.

What belongs here: files, days and the rule between them. What does not: one file's format (`records.py`) and
fields (`lines.py`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dlt_sources.buckets import Clock, begun_days, midnight
from dlt_sources.contract import Day, Fault, ProviderError, Row, Window
from dlt_sources.file.form import FileCredentials
from dlt_sources.file.lines import bill_lines, is_wanted
from dlt_sources.file.mapping import FOCUS_NAME, Mapping, SameDay, focus_mapping, parse_mapping
from dlt_sources.file.places import BillFile, list_bill_files, read_bill_file, read_text, shown_place
from dlt_sources.file.records import read_records
from dlt_sources.spool import Spool


@dataclass(frozen=True)
class FileReader:
    """Reads bills in files with a given clock."""

    clock: Clock

    def lines(self, form: FileCredentials, window: Window) -> Iterator[Day]:
        """The window's days, each with the lines that the files hold of it; nothing is yielded before all were read.

        A day without a line is told as empty, which means: no file tells of it. A day that had not ended when
        its file was written is not told.

        Raises:
            ProviderError: any file, or any row of one, cannot be read; two files tell of one day and the mapping
                does not say what that means; two files are alike.
        """
        mapping, days = mapping_of(form), begun_days(window, self.clock())
        spool, files_of = Spool(), {day: set[BillFile]() for day in days}
        hashes: dict[str, str] = {}
        for file in list_bill_files(form.location):
            content = read_bill_file(file)
            twin = hashes.setdefault(hashlib.sha256(content).hexdigest(), file.name)
            if twin != file.name:
                raise _twofold(f"{file.name} holds the same as {twin}", "Take one of the two files away.")
            for day, row in _file_lines(file, content, mapping):
                if day in files_of:
                    files_of[day].add(file)
                    spool.put(day, [{"billed_provider": form.billed_provider} | row])
        for day, files in files_of.items():
            kept = _kept_files(day, files, mapping.same_day)
            if kept == files:
                yield Day(day, spool.rows(day))
            elif kept:
                names = {file.name for file in kept}
                yield Day(day, [row for row in spool.rows(day) if row["file"] in names])

    def files(self, form: FileCredentials) -> Iterator[Row]:
        """The files that are read."""
        for file in list_bill_files(form.location):
            yield {
                "file": file.name,
                "billed_provider": form.billed_provider,
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at.isoformat(),
            }


def mapping_of(form: FileCredentials) -> Mapping:
    """The mapping that the form names.

    Raises:
        ProviderError: it cannot be read or used.
    """
    if form.mapping == FOCUS_NAME:
        return focus_mapping()
    return parse_mapping(read_text(form.mapping), shown_place(form.mapping))


def _file_lines(file: BillFile, content: bytes, mapping: Mapping) -> Iterator[tuple[date, Row]]:
    for place, record in read_records(file.name, content, mapping).rows:
        if is_wanted(record, mapping):
            yield from bill_lines(file.name, place, record, mapping)


def _kept_files(day: date, files: set[BillFile], same_day: SameDay) -> set[BillFile]:
    """The files that count for a day; none of some when one that counts was written before the day had ended."""
    if not files:
        return files
    if len(files) > 1 and same_day is SameDay.REFUSE:
        names = " and in ".join(sorted(file.name for file in files))
        raise _twofold(
            f"{day} is in {names}",
            "Say in the mapping `same_day: newest` if the newer file replaces the older one's day, or "
            "`same_day: add` if both count, or take a file away.",
        )
    newest = max(files, key=lambda file: (file.modified_at, file.name))
    kept = {newest} if same_day is SameDay.NEWEST else files
    is_whole = min(file.modified_at for file in kept) >= midnight(day + timedelta(days=1))
    return kept if is_whole else set()


def _twofold(what: str, mend: str) -> ProviderError:
    return ProviderError(
        Fault.CONTRACT, f"{what}: it would count twice.", f"{mend} Nothing of this pull was recorded."
    )
