"""The page of health: what the doctor says, how fresh each source is, and a build at once.

What does not belong here: the judgements (`meterhouse/doctor.py`).
"""

from datetime import UTC, datetime
from decimal import Decimal

from starlette.responses import Response
from starlette.routing import Route

from meterhouse.connections.overview import overview
from meterhouse.console import marts
from meterhouse.console.web import Done, Visit, action, page
from meterhouse.doctor import Health, examine
from meterhouse.published import NothingPublishedError
from meterhouse.settings import Settings

_HERE = "/health"
_JOB = "build"
_TRUST = """
    select connection_id, arg_max(trust_score, trust_date) as score
    from marts.fct_data_trust
    where trust_score is not null and attributed_cost_usd is not null
    group by connection_id
"""


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
        trust=trust_scores(visit.settings),
        published_at=marts.published_at(visit.settings),
        dagster_url=visit.settings.dagster_url.rstrip("/"),
        job_found=visit.console.jobs.find(_JOB),
    )


def trust_scores(settings: Settings) -> dict[str, Decimal]:
    """The trust score of each connection on its newest billed day, by the connection's id."""
    try:
        return {row["connection_id"]: row["score"] for row in marts.rows(settings, _TRUST)}
    except NothingPublishedError:
        return {}


def _build(visit: Visit) -> Done:
    visit.console.jobs.start(_JOB, [("Building and publishing the marts", ["build"])])
    return Done("Building the marts.", _HERE)
