"""Files: the bill of any provider without a usable API, as CSV, Parquet or FOCUS export.

Data flow: a folder, S3 or GCS → `raw_file.{lines,files}`. No secret: cloud rights are the machine's own. Runs
alone: `python -m dlt_sources.file --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.file.form import FileCredentials
from dlt_sources.file.places import shown_place
from dlt_sources.file.reader import FileReader
from dlt_sources.file.tables import FILE_COLUMNS, FILES, LINE_COLUMNS, LINES
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:  # noqa: ARG001
    """Files as a provider, reading with the given clock; a file is read once, so patience is not needed."""
    reader = FileReader(clock)
    reports = (
        Report(LINES, "Lines of the bill, by the day each is charged on.", LINE_COLUMNS, reader.lines),
    )
    dimensions = (
        Dimension(FILES, "Files of the bill, and whose bill it is.", FILE_COLUMNS, "file", reader.files),
    )

    def check(form: FileCredentials) -> Rights:
        readable = readable_tables(form, reports, dimensions, clock().date())
        place = shown_place(form.location)
        return Rights(account_id=f"{form.billed_provider} in {place}", account_name=place, readable=readable)

    return Provider(
        name="file",
        title="Files (CSV, Parquet, FOCUS)",
        credentials=FileCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=400),
        freshness=timedelta(days=45),
        history=timedelta(days=400),
        interval=timedelta(days=1),
    )


provider = build_provider()
