"""The sensor that asks for a run when event files arrived that are not in the warehouse yet, or not published.

While a run is under way new files wait, and the next run takes all that came meanwhile: runs never pile up. A run that
loaded its files and then failed, or was killed, is followed by another one, even if nothing more arrives.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.partitions import ARRIVAL_HOURS, partition_key
from assets.resources import Installation
from meterhouse.events.load import partitions_with_new_files
from meterhouse.published import unpublished_since
from meterhouse.settings import Settings
from meterhouse.warehouse.dbt import is_whole_build_due

LONGEST_RUN = timedelta(minutes=10)
"""A run that has not ended after this long holds up no other: its process may have been killed."""
PATIENCE = timedelta(minutes=2)
"""Events that were loaded this long ago and are not published yet are left behind, not on their way."""
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build_new_event_files_sensor(part_job: Any, whole_job: Any) -> dg.SensorDefinition:
    """A sensor that requests a job for each arrival hour with files that are not loaded.

    Args:
        part_job: Builds what events touch, as `define_asset_job` gives it.
        whole_job: Builds everything, as the first time and after an upgrade.
    """

    @dg.sensor(
        name="new_event_files",
        jobs=[part_job, whole_job],
        minimum_interval_seconds=2,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a load, build and publish of each arrival hour with event files not loaded yet.",
    )
    def new_event_files(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        # A run key asks once, also when its run fails; with the hour in it, files still due are asked for again.
        now = datetime.now(UTC)
        settings = installation.settings()
        job_name = whole_job.name if is_whole_build_due(settings) else part_job.name
        if _is_run_under_way(context.instance, (part_job.name, whole_job.name), now):
            yield dg.SkipReason("A run is under way; what has arrived since is taken by the next one.")
            return
        due = partitions_with_new_files(settings) or _left_behind(settings, now)
        for partition, fingerprint in due.items():
            key = partition_key(partition)
            if ARRIVAL_HOURS.has_partition_key(key):
                run_key = f"{partition}:{fingerprint}:{now:%Y-%m-%dT%H}"
                yield dg.RunRequest(run_key=run_key, partition_key=key, job_name=job_name)
            else:
                context.log.warning(
                    "Event files of the hour %s wait: it has not begun, or lies before all partitions. "
                    "`meterhouse build` loads them now.",
                    partition,
                )

    return new_event_files


def _left_behind(settings: Settings, now: datetime) -> dict[str, str]:
    """The hour of the last load, asked for once in ten minutes, when its events are not published."""
    loaded_at = unpublished_since(settings)
    if loaded_at is None or now - loaded_at < PATIENCE:
        return {}
    return {f"{loaded_at:%Y-%m-%dT%H}": f"{loaded_at.isoformat()}:{now.minute // 10}"}


def _is_run_under_way(instance: dg.DagsterInstance, job_names: tuple[str, ...], now: datetime) -> bool:
    filters = (
        dg.RunsFilter(job_name=name, statuses=_UNDER_WAY, created_after=now - LONGEST_RUN)
        for name in job_names
    )
    return any(instance.get_runs_count(one) for one in filters)
