"""Cloud Monitoring: the tokens Vertex AI counted per hour, project and model (contract Google §2.6).

What belongs here: the question, and its series as rows. What does not: cost, which Monitoring does not know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from requests import Response

from dlt_sources.buckets import Clock, begun_days, midnight, whole_days
from dlt_sources.contract import Day, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.google.sign_in import MONITORING_SCOPE, SIGN_IN_STEP, GoogleSession, signed_in
from dlt_sources.google.tables import TOKEN_METRICS
from dlt_sources.http import PAGE_CAP, Patience

TOKEN_COUNT = "aiplatform.googleapis.com/publisher/online_serving/token_count"  # noqa: S105
DAYS_KEPT = 42
"""Monitoring keeps such metrics for six weeks [K]; an older day is not asked for, so that nothing is claimed of it."""
SERIES_PER_PAGE = 1_000


@dataclass(frozen=True)
class MonitoringReader:
    """Reads token counts with a given clock and patience."""

    clock: Clock
    patience: Patience

    def days(self, form: GoogleCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window that Monitoring still keeps, all projects together; none without a project."""
        now = self.clock().astimezone(UTC)
        kept = now.date() - timedelta(days=DAYS_KEPT - 1)
        asked = [day for day in begun_days(window, now) if day >= kept]
        if asked and form.project_names:
            yield from whole_days(asked, self._points(form, asked, now), TOKEN_METRICS.table)

    def _points(
        self, form: GoogleCredentials, days: list[date], now: datetime
    ) -> Iterator[tuple[date, list[Row]]]:
        token = signed_in(form, MONITORING_SCOPE, self.patience)
        end = min(midnight(days[-1] + timedelta(days=1)), now.replace(minute=0, second=0, microsecond=0))
        if end <= midnight(days[0]):
            return
        for project in form.project_names:
            session = GoogleSession(_api(form, project), token, self.patience)
            client = RESTClient(form.monitoring_url, session=session)
            yield from _project_points(client, project, midnight(days[0]), end)


class _PageTokenPaginator(JSONResponseCursorPaginator):
    """dlt's cursor paginator, failing closed: every token is new."""

    def __init__(self) -> None:
        super().__init__(cursor_path="nextPageToken", cursor_param="pageToken")
        self._seen: set[str] = set()

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Read the token of the next page.

        Raises:
            ProviderError: it came before, or there are too many.
        """
        super().update_state(response, data)
        if not self._has_next_page:
            return
        token = str(self._next_reference)
        if token in self._seen:
            raise broken_contract("The pages of Cloud Monitoring go in a circle: a token came twice.")
        self._seen.add(token)
        if len(self._seen) >= PAGE_CAP:
            raise broken_contract(
                f"The pages of Cloud Monitoring do not end: {PAGE_CAP} were read and more follow."
            )


def _api(form: GoogleCredentials, project: str) -> Api:
    return Api(
        title="Cloud Monitoring",
        credentials_step=SIGN_IN_STEP,
        permission_step=f"In Google Cloud grant {form.service_account['client_email']} the role Monitoring Viewer "
        f"on the project {project}, or take the project out of `monitored_projects`.",
    )


def _project_points(
    client: RESTClient, project: str, start: datetime, end: datetime
) -> Iterator[tuple[date, list[Row]]]:
    """Hourly sums by model and type; a point belongs to the hour that its interval starts."""
    question = {
        "filter": f'metric.type="{TOKEN_COUNT}" AND resource.type="aiplatform.googleapis.com/PublisherModel"',
        "interval.startTime": _instant(start),
        "interval.endTime": _instant(end),
        "aggregation.alignmentPeriod": "3600s",
        "aggregation.perSeriesAligner": "ALIGN_SUM",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": ["resource.label.model_user_id", "metric.label.type"],
        "pageSize": SERIES_PER_PAGE,
    }
    seen = set()
    pages = client.paginate(
        f"/v3/projects/{project}/timeSeries",
        params=question,
        paginator=_PageTokenPaginator(),
        data_selector="$",
        hooks={"response": []},
    )
    for page in pages:
        for series in page[0].get("timeSeries", []):
            for day, row in _series_points(series, project):
                key = (row["model_user_id"], row["type"], row["start_time"])
                if key in seen:
                    raise broken_contract(f"Cloud Monitoring gives {key} of {project} twice.")
                seen.add(key)
                yield day, [row]


def _series_points(series: Any, project: str) -> Iterator[tuple[date, Row]]:
    try:
        resource, metric = series["resource"].get("labels", {}), series["metric"].get("labels", {})
        for point in series["points"]:
            item = {
                "project_id": project,
                "model_user_id": resource.get("model_user_id"),
                "type": metric.get("type"),
                "start_time": point["interval"]["startTime"],
                "end_time": point["interval"]["endTime"],
                "value": point["value"]["int64Value"],
            }
            yield _day_of(item["start_time"], item["end_time"]), TOKEN_METRICS.row(item)
    except (LookupError, TypeError, AttributeError, ValueError):
        raise broken_contract("A series of Cloud Monitoring is not as documented.") from None


def _day_of(start: str, end: str) -> date:
    """The UTC day of an hour that Monitoring gives as an interval.

    Raises:
        ValueError: it is no such hour.
    """
    begins, ends = (datetime.fromisoformat(at).astimezone(UTC) for at in (start, end))
    if ends - begins != timedelta(hours=1) or begins.minute or begins.second:
        raise ValueError(start)
    return begins.date()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
