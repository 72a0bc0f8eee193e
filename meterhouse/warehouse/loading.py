"""How dlt loads into the warehouse: a pipeline that leaves nothing behind.

Everything we load can be extracted again (a provider's window, a landing file), so a pipeline works in a fresh folder,
restores no state, and a package that an earlier process left half-loaded blocks nobody. What does not belong here: what
is loaded.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import dlt
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from meterhouse.settings import Settings, exported

_DLT_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "LOAD__WORKERS": "1",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}


@contextmanager
def fresh_pipeline(settings: Settings, name: str, dataset: str) -> Iterator[dlt.Pipeline]:
    """A dlt pipeline into one dataset of the warehouse, its working folder gone afterwards.

    Extract and normalize at will; hold `lock.warehouse` around `load`. One process at a time per `name`.
    """
    folder = settings.home_path / "dlt" / name
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with exported(_DLT_SETTINGS):
            yield dlt.pipeline(
                pipeline_name=name,
                pipelines_dir=str(folder),
                destination=dlt.destinations.duckdb(_one_thread(settings)),
                dataset_name=dataset,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one_thread(settings: Settings) -> DuckDbCredentials:
    """The warehouse, loaded by one thread: each further one would hold row groups of its own in memory."""
    credentials = DuckDbCredentials(str(settings.warehouse_path))
    credentials.global_config = {"threads": 1}
    return credentials
