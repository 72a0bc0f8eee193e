"""The sensor that asks for a run when event files arrived that are not in the warehouse yet."""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import partition_key
from assets.resources import Installation
from meterhouse.events.load import partitions_with_new_files


def build_new_event_files_sensor(job_name: str) -> dg.SensorDefinition:
    """A sensor that requests the job for each arrival hour with files that are not loaded."""

    @dg.sensor(
        name="new_event_files",
        job_name=job_name,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a load, build and publish of each arrival hour with event files not loaded yet.",
    )
    def new_event_files(installation: Installation) -> Iterator[dg.RunRequest]:
        for partition, fingerprint in partitions_with_new_files(installation.settings()).items():
            yield dg.RunRequest(run_key=f"{partition}:{fingerprint}", partition_key=partition_key(partition))

    return new_event_files
