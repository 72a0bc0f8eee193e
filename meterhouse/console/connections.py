"""The pages of provider connections: the hub, the forms, one connection and what can be done with it.

What belongs here: showing and asking. What does not: what any of it means (`meterhouse/connections/`).
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from dlt_sources.contract import Provider, ProviderError
from dlt_sources.registry import PROVIDERS
from meterhouse import charts
from meterhouse.connections import form, registry, sync_log
from meterhouse.connections.overview import Overview, overview
from meterhouse.console import marts
from meterhouse.console.jobs import Job
from meterhouse.console.render import drawn, markdown
from meterhouse.console.web import Done, Visit, action, page
from meterhouse.control.tables import ConnectionRow
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.published import NothingPublishedError
from meterhouse.report import build_report
from meterhouse.settings import PROJECT_ROOT

_DAYS = 30
_RUNS = 30
_FIELD = "field-"
_SPEND = """
    select connection_id, spend_date, sum(coalesce(billed_cost_usd, estimated_usd)) as usd
    from marts.rpt_daily_spend
    where spend_date >= $first and connection_id is not null
    group by all
    order by all
"""

Spend = dict[str, dict[date, Decimal]]
"""USD by connection id and day; of days that are not billed yet, what was metered at list price."""


def routes() -> list[Route]:
    """The pages and actions of connections."""
    one = "/connections/{id}"
    return [
        page("/connections", _hub),
        page("/connections/new", _picker),
        page("/connections/new/{provider}", _new),
        action("/connections/new/{provider}", "added a connection", _add, again=_new_again),
        page(one, _connection),
        action(f"{one}/test", "tested a connection", _test, _name),
        action(f"{one}/sync", "started a sync", _sync, _name),
        action(f"{one}/pause", "paused a connection", lambda visit: _set_paused(visit, True), _name),
        action(f"{one}/resume", "resumed a connection", lambda visit: _set_paused(visit, False), _name),
        action(f"{one}/rotate", "replaced credentials", _rotate, _name, again=_connection_again),
        action(f"{one}/remove", "removed a connection", _remove, _name),
    ]


def _hub(visit: Visit) -> Response:
    now = datetime.now(UTC)
    first = now.date() - timedelta(days=_DAYS - 1)
    spend = _spend(visit, first)
    cards = [
        _card(visit, one, spend.get(one.connection.id, {}), first) for one in overview(visit.settings, now)
    ]
    try:
        report: dict[str, Any] | None = build_report(visit.settings, first, now.date())
    except NothingPublishedError:
        report = None
    return visit.page(
        "connections.html",
        cards=cards,
        report=report,
        firing_count=sum(alert["resolved_at"] is None for alert in report["alerts"]) if report else 0,
        is_running=any(card["job"] and card["job"].is_running for card in cards),
    )


def _card(visit: Visit, one: Overview, spend: dict[date, Decimal], first: date) -> dict[str, Any]:
    provider = PROVIDERS.get(one.connection.provider)
    by_day = [spend.get(first + timedelta(days=day), Decimal(0)) for day in range(_DAYS)]
    spent = sum(by_day, Decimal(0))
    title = f"{one.connection.name}: cost per day over {_DAYS} days"
    return {
        "connection": one.connection,
        "status": one.status,
        "title": provider.title if provider else one.connection.provider,
        "spent": spent,
        "spark": drawn(charts.spark_line(by_day, title)) if any(by_day) else None,
        "job": _job(visit, one.connection),
    }


def _picker(visit: Visit) -> Response:
    return visit.page(
        "providers.html", providers=sorted(PROVIDERS.values(), key=lambda one: one.title.lower())
    )


def _new(visit: Visit) -> Response:
    return _form_page(visit, None)


def _new_again(visit: Visit, error: MeterhouseError | ProviderError) -> Response:
    return _form_page(visit, error)


def _form_page(visit: Visit, error: MeterhouseError | ProviderError | None) -> Response:
    provider = _provider(visit)
    fields = form.fields_of(provider)
    open_values = {field.name for field in fields if not field.is_secret}
    return visit.page(
        "connection_new.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        provider=provider,
        form_fields=fields,
        name=visit.fields.get("name", provider.name),
        values={name: value for name, value in _values(visit).items() if name in open_values},
        error=error,
        guide=markdown((PROJECT_ROOT / "docs" / "providers" / f"{provider.name}.md").read_text()),
    )


def _add(visit: Visit) -> Done:
    provider = _provider(visit)
    connection = registry.add(visit.settings, provider.name, visit.required("name"), _values(visit))
    visit.settings.demo_mark_path.unlink(missing_ok=True)
    _start_sync(visit, connection)
    return Done(
        f"Saved connection {connection.name}. Its history is being pulled.", f"/connections/{connection.id}"
    )


def _connection(visit: Visit) -> Response:
    return _connection_page(visit, None)


def _connection_again(visit: Visit, error: MeterhouseError | ProviderError) -> Response:
    return _connection_page(visit, error)


def _connection_page(visit: Visit, error: MeterhouseError | ProviderError | None) -> Response:
    now = datetime.now(UTC)
    one = _found(visit, now)
    connection = one.connection
    provider = PROVIDERS.get(connection.provider)
    fields = form.fields_of(provider) if provider else []
    first = now.date() - timedelta(days=_DAYS - 1)
    spend = _spend(visit, first).get(connection.id, {})
    labels = {field.name: field.label for field in fields}
    points = [(day, connection.name, usd) for day, usd in spend.items()]
    return visit.page(
        "connection.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        connection=connection,
        judged=one.status,
        title=provider.title if provider else connection.provider,
        next_due=provider and sync_log.due_at(visit.settings, connection, provider, now),
        requests=sync_log.requests_spent(visit.settings, connection.id, now - timedelta(days=_DAYS))[1],
        runs=[_run(run) for run in sync_log.history(visit.settings, connection.id, _RUNS)],
        chart=drawn(charts.daily_costs(points, first, now.date(), f"Cost of {connection.name} per day"))
        if points
        else None,
        plain={
            labels.get(name, name): value for name, value in connection.settings.items() if value is not None
        },
        form_fields=fields,
        values={
            **connection.settings,
            **{f.name: v for f in fields if not f.is_secret and (v := _values(visit).get(f.name))},
        },
        error=error,
        job_found=_job(visit, connection),
    )


def _run(run: Any) -> dict[str, Any]:
    names = (
        "started_at",
        "window_start",
        "status",
        "row_count",
        "request_count",
        "last_data_day",
        "message",
        "next_step",
    )
    return {name: getattr(run, name) for name in names} | {"last_day": run.window_end - timedelta(days=1)}


def _test(visit: Visit) -> Done:
    connection = _found(visit).connection
    rights = registry.check(visit.settings, connection.name)
    account = rights.account_name or rights.account_id or "not named"
    return Done(
        f"{connection.name} (account {account}) is good: it may read {', '.join(rights.readable)}.",
        f"/connections/{connection.id}",
    )


def _sync(visit: Visit) -> Done:
    connection = _found(visit).connection
    if connection.is_paused:
        raise UsageError(f"{connection.name} is paused.", "Resume it first.")
    _start_sync(visit, connection)
    return Done(f"Pulling {connection.name}.", f"/connections/{connection.id}")


def _set_paused(visit: Visit, is_paused: bool) -> Done:
    connection = registry.set_paused(visit.settings, _found(visit).connection.name, is_paused)
    return Done(f"{'Paused' if is_paused else 'Resumed'} {connection.name}.", f"/connections/{connection.id}")


def _rotate(visit: Visit) -> Done:
    connection = _found(visit).connection
    registry.rotate(visit.settings, connection.name, _values(visit))
    return Done(f"Replaced the credentials of {connection.name}.", f"/connections/{connection.id}")


def _remove(visit: Visit) -> Done:
    connection = _found(visit).connection
    if visit.fields.get("confirm", "").strip() != connection.name:
        raise UsageError(
            "Nothing was removed: the name typed is not the connection's.", "Type it as it stands above."
        )
    registry.remove(visit.settings, connection.name)
    return Done(f"Removed {connection.name}. Its costs leave the marts with the next build.", "/connections")


def _start_sync(visit: Visit, connection: ConnectionRow) -> None:
    visit.console.jobs.start(
        _job_name(connection),
        [
            (f"Pulling {connection.name}", ["sync", "--", connection.name]),
            ("Building and publishing the marts", ["build"]),
        ],
    )


def _job(visit: Visit, connection: ConnectionRow) -> Job | None:
    return visit.console.jobs.find(_job_name(connection))


def _job_name(connection: ConnectionRow) -> str:
    return f"sync {connection.id}"


def _values(visit: Visit) -> dict[str, str]:
    """The credential fields that were filled in."""
    return {
        name.removeprefix(_FIELD): value.strip()
        for name, value in visit.fields.items()
        if name.startswith(_FIELD) and value.strip()
    }


def _provider(visit: Visit) -> Provider:
    name = visit.request.path_params["provider"]
    if name not in PROVIDERS:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no provider {name!r}.")
    return PROVIDERS[name]


def _found(visit: Visit, now: datetime | None = None) -> Overview:
    found = overview(visit.settings, now or datetime.now(UTC))
    wanted = visit.request.path_params["id"]
    connection = next((one for one in found if one.connection.id == wanted), None)
    if connection is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such connection; it may have been removed.")
    return connection


def _name(visit: Visit) -> str:
    return _found(visit).connection.name


def _spend(visit: Visit, first: date) -> Spend:
    try:
        rows = marts.rows(visit.settings, _SPEND, {"first": first})
    except NothingPublishedError:
        return {}
    spend: Spend = {}
    for row in rows:
        spend.setdefault(row["connection_id"], {})[row["spend_date"]] = row["usd"] or Decimal(0)
    return spend
