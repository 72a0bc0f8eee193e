"""The sensor that asks for a run when event files arrived that are not in the warehouse yet."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from assets.partitions import ARRIVAL_HOURS, partition_key
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
    def new_event_files(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> Iterator[dg.RunRequest]:
        # A run key asks once, also when its run fails; with the hour in it, files still due are asked for again.
        now = datetime.now(UTC)
        for partition, fingerprint in partitions_with_new_files(installation.settings()).items():
            key = partition_key(partition)
            if ARRIVAL_HOURS.has_partition_key(key):
                yield dg.RunRequest(run_key=f"{partition}:{fingerprint}:{now:%Y-%m-%dT%H}", partition_key=key)
            else:
                context.log.warning(
                    "Event files of the hour %s wait: it has not begun, or lies before all partitions. "
                    "`meterhouse build` loads them now.",
                    partition,
                )

    return new_event_files
