"""The page of health: what the doctor says, how fresh each source is, and a build at once.

What does not belong here: the judgements (`meterhouse/doctor.py`).
"""

from datetime import UTC, datetime

from starlette.responses import Response
from starlette.routing import Route

from meterhouse.connections.overview import overview
from meterhouse.console import marts
from meterhouse.console.web import Done, Visit, action, page
from meterhouse.doctor import Health, examine

_HERE = "/health"
_JOB = "build"


def routes() -> list[Route]:
    """The page and its action."""
    return [
        page(_HERE, _health),
        action(f"{_HERE}/build", "started a build", _build, lambda _: None),
    ]


def _health(visit: Visit) -> Response:
    now = datetime.now(UTC)
    findings = examine(visit.settings, now)
    return visit.page(
        "health.html",
        findings=findings,
        counts={health: sum(finding.health is health for finding in findings) for health in Health},
        connections=overview(visit.settings, now),
        published_at=marts.published_at(visit.settings),
        dagster_url=visit.settings.dagster_url.rstrip("/"),
        job_found=visit.console.jobs.find(_JOB),
    )


def _build(visit: Visit) -> Done:
    visit.console.jobs.start(_JOB, [("Building and publishing the marts", ["build"])])
    return Done("Building the marts.", _HERE)
