"""The page of rejected events: lines that could not become events, each with its reason, and judging them again.

What does not belong here: why a line is refused (`meterhouse/events/`).
"""

from starlette.responses import Response
from starlette.routing import Route

from meterhouse.console import marts
from meterhouse.console.web import Done, Visit, action, page

_HERE = "/rejects"
_JOB = "replay"
_PAGE_ROWS = 50
_QUERY = """
    select reject_id, file_url, file_line, event_id, raw_text, reason, first_seen_at, count(*) over () as total
    from marts.rejected_events
    order by first_seen_at desc, file_url, file_line
    limit $limit offset $offset
"""


def routes() -> list[Route]:
    """The page and its action."""
    return [page(_HERE, _rejects), action(f"{_HERE}/replay", "judged rejected events again", _replay)]


def _rejects(visit: Visit) -> Response:
    number = visit.asked("page") or "1"
    at = max(int(number), 1) if number.isdigit() and len(number) < 7 else 1
    found = marts.rows(visit.settings, _QUERY, {"limit": _PAGE_ROWS, "offset": (at - 1) * _PAGE_ROWS})
    job = visit.console.jobs.find(_JOB)
    return visit.page(
        "rejects.html",
        rejects=found,
        total=found[0]["total"] if found else 0,
        at=at,
        page_rows=_PAGE_ROWS,
        job_found=job,
        published_at=marts.published_at(visit.settings),
    )


def _replay(visit: Visit) -> Done:
    visit.console.jobs.start(
        _JOB,
        [
            ("Judging the refused lines again", ["events", "replay"]),
            ("Building and publishing the marts", ["build"]),
        ],
    )
    return Done("Judging the refused lines again.", _HERE)
