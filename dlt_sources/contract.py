"""What every provider owes: the contract that its folder fulfils.

A provider is one folder, `dlt_sources/<name>/`, which declares `provider = Provider(...)`. Everything else
(connection form, CLI prompts, Dagster assets, schedules, status) is derived from it. What belongs here: the
shapes and errors all providers share. What does not: how pulled days become dlt resources (`source.py`), HTTP
(`http.py`), any provider.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

Row = dict[str, Any]
Columns = Mapping[str, Mapping[str, Any]]
"""dlt column hints by column name, e.g. `{"amount": {"data_type": "text"}}`."""


class Credentials(BaseModel):
    """Base of a provider's typed credential form.

    Secrets are `SecretStr`; every field has a `title` (the form's label) and a `description` (where to find
    the value).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True)
class Window:
    """Whole UTC days from `start` (inclusive) to `end` (exclusive)."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a window needs its end after its start, got {self.start} to {self.end}")

    @property
    def days(self) -> list[date]:
        """Every day of the window, in order."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]


@dataclass(frozen=True)
class Day:
    """Everything a report says about one UTC day; `rows` may be empty, which means: nothing happened.

    Rows are read more than once: a list, or what a `Spool` gives when they may not fit into memory.
    """

    day: date
    rows: Collection[Row]


@dataclass(frozen=True)
class Report:
    """One dated report of a provider: a raw table whose days are pulled whole.

    `fetch` yields every begun day of the window exactly once, empty days included, and may yield an earlier day
    too, whole, when the provider says that it changed. Money and other decimals
    are text exactly as the provider sent them; counts are int; dimensions that were not sent are None.
    """

    name: str
    description: str
    columns: Columns
    fetch: Callable[[Any, Window], Iterator[Day]]


@dataclass(frozen=True)
class Dimension:
    """One list of names at a provider (projects, workspaces, keys): a raw table keyed on `key`."""

    name: str
    description: str
    columns: Columns
    key: str
    fetch: Callable[[Any], Iterator[Row]]


@dataclass(frozen=True)
class LogObject:
    """One object of call logs; `url` names it for ever (it never changes), `read` gets its content."""

    url: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class CallLogs:
    """Logs of single calls that a provider leaves in object storage: metered events in waiting.

    `objects` takes the credentials, where to look (None: the place that the credentials name, if any), and what tells
    the last URL below a prefix that was brought in; it yields what may be new.
    """

    dialect: str
    objects: Callable[[Any, str | None, Callable[[str], str | None]], Iterator[LogObject]]


@dataclass(frozen=True)
class Rights:
    """What a check proved about credentials: the account they belong to and the reports they may read."""

    account_id: str | None
    account_name: str | None
    readable: tuple[str, ...]


class Fault(StrEnum):
    """Why a provider could not be read; decides the connection's status and advice."""

    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    CONTRACT = "contract"


LASTING_FAULTS = frozenset({Fault.CREDENTIALS, Fault.PERMISSION})
"""Faults that no retry mends: the connection is Disconnected until its owner acts."""


class ProviderError(Exception):
    """A provider refused, failed, or broke its contract: one sentence, and the next step in words.

    Never holds a secret: `http.py` builds it from status codes and scrubbed messages.
    """

    def __init__(self, fault: Fault, message: str, next_step: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.next_step = next_step

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.fault, self.message, self.next_step))


@dataclass(frozen=True)
class Provider:
    """A provider as declared by its folder."""

    name: str
    title: str
    credentials: type[Credentials]
    reports: tuple[Report, ...]
    dimensions: tuple[Dimension, ...]
    check: Callable[[Any], Rights]
    lookback: timedelta
    """How far back a routine sync pulls again, because the provider restates."""
    freshness: timedelta
    """Longest silence before a connection counts as Disconnected."""
    history: timedelta = field(default=timedelta(days=30))
    """How far back the first sync of a connection goes."""
    call_logs: CallLogs | None = None
    interval: timedelta = field(default=timedelta(0))
    """Routine syncs read once in each piece of this length of the UTC day, cut from midnight; 0: each one does."""

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.interval <= timedelta(days=1):
            raise ValueError(f"{self.name}: an interval is at most a day, got {self.interval}")

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of all raw tables the provider fills."""
        return (*(report.name for report in self.reports), *(dimension.name for dimension in self.dimensions))
