"""BigQuery's paths: a table's description, queries, and the pages of their results (contract Google §2.5, §6.2).

What belongs here: jobs and cells. What does not: what a query answers (`engine`).
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.google.answers import error, guarded, json_body, page_of
from sandbox.google.books import DATA_VIEWER, JOB_USER, GoogleDesk
from sandbox.google.engine import BadQueryError, run_query, table_schema
from sandbox.responses import ExactJSONResponse

_PROJECT = "/bigquery/v2/projects/{project}"
_NO_TABLE = "Access Denied: Table {project}:{dataset}.{table}: Permission bigquery.tables.get denied on table"
_NO_DATA = "Access Denied: User does not have permission to query the table in project {project}"
_NO_JOB = "Access Denied: Project {project}: User does not have bigquery.jobs.create permission in project {project}"


def bigquery_routes(desk: GoogleDesk) -> list[Route]:
    """The paths that google-cloud-bigquery needs for reading."""
    jobs = _Jobs(desk)

    async def table(request: Request) -> Response:
        name = ".".join(request.path_params[part] for part in ("project", "dataset", "table"))
        if name not in desk.tables:
            return error(404, f"Not found: Table {name}")
        return ExactJSONResponse(_description(desk, name))

    async def query(request: Request) -> Response:
        return jobs.start(request.path_params["project"], await json_body(request))

    async def results(request: Request) -> Response:
        return jobs.page(request.path_params["job"], dict(request.query_params))

    async def job(request: Request) -> Response:
        return jobs.job(request.path_params["job"])

    reading = guarded(desk, query, DATA_VIEWER, _NO_DATA)
    return [
        Route(_PROJECT + "/datasets/{dataset}/tables/{table}", guarded(desk, table, DATA_VIEWER, _NO_TABLE)),
        Route(_PROJECT + "/queries", guarded(desk, reading, JOB_USER, _NO_JOB), methods=["POST"]),
        Route(_PROJECT + "/queries/{job}", guarded(desk, results, JOB_USER, _NO_JOB)),
        Route(_PROJECT + "/jobs/{job}", guarded(desk, job, JOB_USER, _NO_JOB)),
    ]


class _Jobs:
    """Queries that were asked, and their results."""

    def __init__(self, desk: GoogleDesk) -> None:
        self._desk = desk
        self._results: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {}
        self._polls: dict[str, int] = {}

    def start(self, project: str, body: dict[str, Any]) -> Response:
        self._desk.queries.append(body["query"])
        try:
            fields, rows = run_query(self._desk, body)
        except BadQueryError as refused:
            return error(404 if refused.reason == "notFound" else 400, refused.words, refused.reason)
        name = f"job_{len(self._results)}"
        reference = {"projectId": project, "jobId": name, "location": self._desk.location}
        self._results[name] = (reference, fields, [{"f": _cells(row, fields)} for row in rows])
        self._polls[name] = self._desk.polls_until_done
        return self.page(name, {"maxResults": str(body.get("maxResults", self._desk.rows_per_page))})

    def page(self, name: str, asked: dict[str, str]) -> Response:
        """A page; when none is asked for, there is no list of rows either."""
        if name not in self._results:
            return error(404, f"Not found: Job {name}")
        reference, fields, rows = self._results[name]
        if self._polls[name] > 0:
            self._polls[name] -= 1
            return ExactJSONResponse({"jobReference": reference, "jobComplete": False})
        answer = {
            "kind": "bigquery#queryResponse",
            "jobReference": reference,
            "jobComplete": True,
            "schema": {"fields": fields},
            "totalRows": str(len(rows)),
            "totalBytesProcessed": str(len(self._desk.books.lines) * self._desk.bytes_per_line),
            "cacheHit": False,
        }
        size = int(asked.get("maxResults", self._desk.rows_per_page))
        if size:
            answer["rows"], following = page_of(self._desk, rows, asked.get("pageToken"), size)
            answer |= {"pageToken": following} if following else {}
        return ExactJSONResponse(answer)

    def job(self, name: str) -> Response:
        """How a job stands."""
        if name not in self._results:
            return error(404, f"Not found: Job {name}")
        reference, _, _ = self._results[name]
        destination = {
            "projectId": reference["projectId"],
            "datasetId": "_anonymous",
            "tableId": f"anon_{name}",
        }
        return ExactJSONResponse(
            {
                "kind": "bigquery#job",
                "id": f"{reference['projectId']}:{reference['location']}.{name}",
                "jobReference": reference,
                "configuration": {
                    "jobType": "QUERY",
                    "query": {"query": "", "destinationTable": destination},
                },
                "status": {"state": "RUNNING" if self._polls[name] > 0 else "DONE"},
                "statistics": {"creationTime": "1", "query": {"statementType": "SELECT"}},
            }
        )


def _description(desk: GoogleDesk, name: str) -> dict[str, Any]:
    project, dataset, table = name.split(".")
    return {
        "kind": "bigquery#table",
        "id": f"{project}:{dataset}.{table}",
        "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table},
        "schema": {"fields": table_schema(desk, table)},
        "creationTime": str(int(desk.created_at.timestamp() * 1_000)),
        "type": "VIEW" if desk.is_view else "TABLE",
        "location": desk.location,
        **({} if desk.is_view else {"timePartitioning": {"type": "DAY"}}),
    }


def _cells(values: list[Any], fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_cell(value, field) for value, field in zip(values, fields, strict=True)]


def _cell(value: Any, field: dict[str, Any]) -> dict[str, Any]:
    """A value as BigQuery's JSON has it: a string, whatever its type."""
    if field["mode"] == "REPEATED":
        return {"v": [_cell(item, field | {"mode": "NULLABLE"}) for item in value or []]}
    if value is None:
        return {"v": None}
    if field["type"] == "RECORD":
        return {"v": {"f": _cells([value[part["name"]] for part in field["fields"]], field["fields"])}}
    return {"v": str(value)}
