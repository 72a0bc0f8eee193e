"""The doctor: walks an installation from end to end and says what is wrong and what to do about it.

It answers the three questions users come with: why is my provider Disconnected, why do I see no provider, why does my
SDK data not appear. It changes nothing and asks no provider (`meterhouse connections test` does), only the metering
endpoint. What does not belong here: the judgements themselves, which live with what they judge.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from shlex import quote
from typing import Any

import requests
from sqlalchemy import func, select

from meterhouse.alerts.rules_file import load_all_rules
from meterhouse.connections import registry
from meterhouse.connections.overview import overview
from meterhouse.connections.status import State
from meterhouse.control.database import engine, reading
from meterhouse.control.tables import LandingFileRow, OutboxRow
from meterhouse.errors import MeterhouseError
from meterhouse.events import ledger
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.gateway import keys
from meterhouse.pricing.opinions import disputed_prices
from meterhouse.pricing.unmatched import unmatched
from meterhouse.pricing.versions import current_book, versions
from meterhouse.published import unpublished_since
from meterhouse.settings import Settings

GATEWAY_SECONDS = 3
QUIET_AFTER = timedelta(days=1)
"""An installation that metered before and nothing for this long is worth a word."""


PRICED_WITHIN = timedelta(days=30)
NAMED_AT_MOST = 5
"""How far back calls without a price are told, and how many of their models by name."""


class Health(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: where, how it is, in a sentence, and what to do when it is not well."""

    area: str
    health: Health
    message: str
    next_step: str | None = None


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Look at every part, in the order in which data flows; a part that fails never hides the others."""
    findings: list[Finding] = []
    for area, look in _PARTS.items():
        try:
            findings += [Finding(area, *found) for found in look(settings, now)]
        except MeterhouseError as error:
            findings.append(Finding(area, Health.FAULT, error.message, error.next_step))
    return findings


Found = tuple[Health, str, str | None]


def _home(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    home, mode = settings.home_path, stat.S_IMODE(settings.home_path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield (
            Health.WARNING,
            f"Others on this machine may look into {home} (mode {mode:o}): it holds sealed credentials and costs.",
            f"Close it with `chmod 700 {quote(str(home))}`.",
        )
    else:
        yield Health.OK, f"{home} is closed to others.", None


def _control_database(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    place = engine(settings).url.render_as_string(hide_password=True)
    yield Health.OK, f"{place} is open and on the newest schema.", None


def _credentials(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    names = registry.names(settings)
    for name in names:
        registry.credentials_of(settings, name)
    yield Health.OK, f"The vault opens the credentials of {len(names)} connections.", None


def _connections(settings: Settings, now: datetime) -> Iterator[Found]:
    found = overview(settings, now)
    if not found:
        yield (
            Health.WARNING,
            "No provider is connected, so nothing billed can be seen.",
            "Add one: `meterhouse providers` lists them, `meterhouse connections add PROVIDER --name NAME` asks.",
        )
    for one in found:
        is_well = one.status.state is State.CONNECTED and one.status.next_step is None
        health = Health.OK if is_well else Health.WARNING
        if one.status.state is State.DISCONNECTED and not one.connection.is_paused:
            health = Health.FAULT
        said = f"{one.connection.name} is {one.status.state.value}: {one.status.reason}."
        yield health, said.replace("..", "."), one.status.next_step


def _event_files(settings: Settings, now: datetime) -> Iterator[Found]:
    zone = open_landing_zone(settings)
    files = list_files(zone)
    if not files:
        yield (
            Health.WARNING,
            f"No event file has arrived in {zone.url}, so nothing metered can be seen.",
            "Give your program METERHOUSE_URL and METERHOUSE_API_KEY, or METERHOUSE_LANDING_URL; see sdk/README.md.",
        )
        return
    newest = max(file.modified_at for file in files)
    is_quiet = now - newest > QUIET_AFTER
    yield (
        Health.WARNING if is_quiet else Health.OK,
        f"{len(files)} event files in {zone.url}; the newest arrived {newest:%Y-%m-%d %H:%M} UTC.",
        "Check that the application still meters: `meterhouse_sdk.stats()` says what it sent."
        if is_quiet
        else None,
    )
    with reading(settings) as opened:
        due = ledger.to_load(opened, files, settings.settle_seconds, now)
    if due:
        yield (
            Health.WARNING,
            f"{len(due)} of them are not loaded yet.",
            "Run `meterhouse build`, or see that `meterhouse up` is running.",
        )


def _api_keys(settings: Settings, now: datetime) -> Iterator[Found]:
    found = keys.overview(settings)
    if not found:
        yield Health.OK, "No API key exists, so programs write into the landing zone themselves.", None
        return
    living = [
        one for one in found if one.revoked_at is None and (one.expires_at is None or one.expires_at > now)
    ]
    if not living:
        yield (
            Health.FAULT,
            "Every API key is revoked or expired, so the metering endpoint refuses all events.",
            "Make one with `meterhouse keys create NAME`, and give it to the program.",
        )
        return
    keys.hash_key_of(settings)
    for one in living:
        if one.last_used_at is None:
            yield (
                Health.WARNING,
                f"The API key {one.name!r} was never used since {one.created_at:%Y-%m-%d %H:%M} UTC.",
                f"See that the program has it: METERHOUSE_API_KEY, METERHOUSE_URL; `meterhouse keys copy {one.name}`.",
            )
        else:
            yield (
                Health.OK,
                f"The API key {one.name!r} was last used {one.last_used_at:%Y-%m-%d %H:%M} UTC.",
                None,
            )


def _gateway(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    if not keys.overview(settings):
        return
    address = settings.gateway_url.rstrip("/")
    try:
        answer = requests.get(f"{address}/readyz", timeout=GATEWAY_SECONDS)
    except requests.RequestException as error:
        yield (
            Health.WARNING,
            f"The metering endpoint cannot be reached at {address} ({type(error).__name__}); the SDK keeps its events.",
            "Start it with `meterhouse up` or `meterhouse gateway`; set METERHOUSE_GATEWAY_URL when it runs elsewhere.",
        )
        return
    if answer.status_code == requests.codes.ok:
        yield Health.OK, f"The metering endpoint at {address} takes events.", None
    else:
        yield (
            Health.FAULT,
            f"The metering endpoint at {address} takes no events: {answer.status_code} {answer.text[:300]}",
            "Free the disk, or see that the control database and the landing zone can be reached.",
        )


def _rejects(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    with reading(settings) as opened:
        lines, rejected, files = opened.execute(
            select(
                func.sum(LandingFileRow.line_count), func.sum(LandingFileRow.rejected_count), func.count()
            ).where(LandingFileRow.status == ledger.FileStatus.LOADED)
        ).one()
        waiting = opened.scalar(
            select(func.count())
            .where(LandingFileRow.status == ledger.FileStatus.WAITING)
            .select_from(LandingFileRow)
        )
    if rejected:
        yield (
            Health.WARNING,
            f"{rejected} of {lines} lines could not become events; they are kept.",
            "See `meterhouse events rejects` for the reason of each.",
        )
    else:
        yield Health.OK, f"Every line of {files} loaded files became an event.", None
    if waiting:
        yield (
            Health.WARNING,
            f"{waiting} files wait: broken, and maybe still arriving, or unreadable.",
            "Each load tries them again, and takes what can be read of them.",
        )


def _published(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    if not settings.published_path.exists():
        yield Health.WARNING, "Nothing is published yet.", "Run `meterhouse build`."
        return
    published_at = datetime.fromtimestamp(settings.published_path.stat().st_mtime, UTC)
    is_behind = unpublished_since(settings) is not None
    yield (
        Health.WARNING if is_behind else Health.OK,
        f"The marts were published {published_at:%Y-%m-%d %H:%M} UTC"
        + (", before the newest events were loaded." if is_behind else "."),
        "Run `meterhouse build`; if it fails, it says which test does not hold." if is_behind else None,
    )


def _prices(settings: Settings, now: datetime) -> Iterator[Found]:
    book, version = current_book(settings), versions(settings)[-1].number
    model_count = book.sheets.select("provider", "model").n_unique()
    yield Health.OK, f"{model_count} models have a price, by version {version} of the price book.", None
    if not settings.published_path.exists():
        return
    if found := unmatched(settings, book, now - PRICED_WITHIN, now):
        calls = sum(one["event_count"] for one in found)
        yield (
            Health.WARNING,
            f"{calls} calls of the last {PRICED_WITHIN.days} days have no price: {_some_models(found)}.",
            "`meterhouse prices unmatched` says why each; docs/prices.md, Overrides, how to give one.",
        )
    if disputed := disputed_prices(settings, book, now - PRICED_WITHIN, now):
        yield (
            Health.WARNING,
            f"Another price book sees {len(disputed)} prices in use more than 1 % off: {_some_models(disputed)}.",
            "Hold them against the bill (`meterhouse prices show MODEL`); yours goes into the price overrides.",
        )


def _some_models(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(f"{row['provider']} {row['model']}" for row in rows))
    return ", ".join([*names[:NAMED_AT_MOST], *(["..."] if len(names) > NAMED_AT_MOST else [])])


def _alerts(settings: Settings, now: datetime) -> Iterator[Found]:  # noqa: ARG001
    if not settings.rules_file.exists():
        yield (
            Health.WARNING,
            f"There is no rules file {settings.rules_file}.",
            "See docs/alerts.md for how to write one.",
        )
        return
    rules = load_all_rules(settings.rules_file)
    told = {channel for rule in rules for channel in rule.notify}
    has_slack = bool(settings.slack_webhook_url or settings.slack_bot_token)
    if "slack" in told and not has_slack:
        yield (
            Health.WARNING,
            "Rules tell Slack, but Slack is not set up here; their messages would wait.",
            "Set METERHOUSE_SLACK_WEBHOOK_URL, then try `meterhouse alerts send-test slack`.",
        )
    with reading(settings) as opened:
        unsent = opened.scalars(select(OutboxRow.last_error).where(OutboxRow.status != "sent")).all()
    errors = dict.fromkeys(error for error in unsent if error)
    if unsent:
        reasons = "; ".join(errors) or "their turn has not come"
        yield (
            Health.WARNING,
            f"{len(unsent)} messages are not delivered: {reasons}",
            "See `meterhouse alerts list`.",
        )
    yield Health.OK, f"{len(rules)} rules in {settings.rules_file} are in force.", None


_PARTS: dict[str, Callable[[Settings, datetime], Iterator[Found]]] = {
    "home": _home,
    "control database": _control_database,
    "credentials": _credentials,
    "connections": _connections,
    "event files": _event_files,
    "API keys": _api_keys,
    "metering endpoint": _gateway,
    "rejects": _rejects,
    "published marts": _published,
    "prices": _prices,
    "alerts": _alerts,
}
