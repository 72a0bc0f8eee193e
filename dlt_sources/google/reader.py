"""Which days are asked of the export, and with what patience.

What belongs here: the door to `export.py`, which is opened late. What does not: what is asked there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dlt_sources.buckets import Clock, begun_days
from dlt_sources.contract import Day, Window
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.http import Patience


@dataclass(frozen=True)
class ExportReader:
    """Reads the export with a given clock and patience."""

    clock: Clock
    patience: Patience

    def days(self, form: GoogleCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window that the export covers, and earlier ones that changed since it began."""
        asked = begun_days(window, self.clock())
        if asked:
            # google-cloud-bigquery loads pandas, for a second that no other command need wait.
            from dlt_sources.google.export import export_days  # noqa: PLC0415

            yield from export_days(form, self.patience, asked)
