"""The sensors that tell health rules how runs end: an incident is open from a failed run to the next good one.

Thin: what a rule does with it is in `meterhouse/alerts/health.py`; the alert sensor delivers the messages.
"""

from datetime import UTC, datetime

import dagster as dg

from assets.resources import Installation
from meterhouse.alerts.health import report_run
from meterhouse.alerts.rules_file import load_health_rules


def build_run_sensors() -> list[dg.SensorDefinition]:
    """One sensor for runs that failed, one for those that succeeded."""

    @dg.run_failure_sensor(name="failed_runs", default_status=dg.DefaultSensorStatus.RUNNING)
    def failed_runs(context: dg.RunFailureSensorContext, installation: Installation) -> dg.SkipReason:
        steps = ", ".join(event.step_key for event in context.get_step_failure_events() if event.step_key)
        where = f"in {steps}" if steps else "before its first step"
        return _tell(installation, context.dagster_run, f"run {context.dagster_run.run_id} failed {where}")

    @dg.run_status_sensor(
        name="succeeded_runs",
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def succeeded_runs(context: dg.RunStatusSensorContext, installation: Installation) -> dg.SkipReason:
        return _tell(installation, context.dagster_run, None)

    return [failed_runs, succeeded_runs]


def _tell(installation: Installation, run: dg.DagsterRun, error: str | None) -> dg.SkipReason:
    """Report a run; the step's own error stays in Dagster, for it may hold what a message must not."""
    settings = installation.settings()
    rules = load_health_rules(settings.rules_file) if settings.rules_file.exists() else []
    changes = report_run(settings, rules, run.job_name, error, datetime.now(UTC))
    told = ", ".join(f"{change.event} {change.rule}" for change in changes) or "nothing changed"
    return dg.SkipReason(f"{run.job_name}: {told}")
