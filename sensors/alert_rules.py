"""The alert sensor: judges rules on each new event file within its own tick, and hands out the messages.

A tick watches for about 20 seconds and judges each file as it lands, so that a message leaves within a fraction of a
second; the next tick follows about five seconds later, and a second sensor of the same kind, half a tick behind,
covers that gap. The control database remembers what was judged, so a tick that dies or repeats changes nothing.
"""

import dagster as dg

from assets.resources import Installation
from meterhouse.alerts.judge import watch

WATCH_SECONDS = 20.0
INCIDENTS = dg.AssetKey(["control", "incidents"])
OBSERVATIONS_AT_ONCE = 100
"""A tick that changes more incidents shows the first of them; the control database has all."""


def build_alert_sensor(name: str) -> dg.SensorDefinition:
    """One watching sensor; any number of them share the work safely."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges the alert rules on each event file as it lands, and delivers their messages.",
    )
    def alert_rules(installation: Installation) -> dg.SensorResult:
        judged = watch(installation.settings(), seconds=WATCH_SECONDS)
        observed = [
            dg.AssetObservation(
                INCIDENTS, description=f"{change.event}: {change.rule}", metadata=vars(change)
            )
            for change in judged.changes[:OBSERVATIONS_AT_ONCE]
        ]
        return dg.SensorResult(skip_reason=str(judged), asset_events=observed)

    return alert_rules
