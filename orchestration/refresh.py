"""Run the main job once, here and now, on the Dagster instance of `DAGSTER_HOME`.

`python -m orchestration.refresh [HOUR ...]`, with hours of arrival as `YYYY-MM-DDTHH`; the running one by default.
Exit code 0 when every run succeeded, 1 otherwise.
"""

import sys
from datetime import UTC, datetime

import dagster as dg

from assets.partitions import partition_key
from orchestration.definitions import REFRESH_COSTS, defs


def refresh(partition: str) -> bool:
    """Execute the main job for one landing hour; True when it succeeded."""
    job = defs.resolve_job_def(REFRESH_COSTS)
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition_key(partition),
            run_config={"loggers": {"progress": {}}},
            raise_on_error=False,
        )
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            sys.stderr.write(f"{event.step_key}: {event.step_failure_data.error.to_string()}\n")
    return result.success


def main(partitions: list[str]) -> int:
    """Refresh each of the hours in turn."""
    hours = partitions or [datetime.now(UTC).strftime("%Y-%m-%dT%H")]
    return 0 if all(map(refresh, hours)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
