"""The connection registry: accounts at providers, kept in the control database with their secrets sealed.

What belongs here: adding, finding, changing and removing connections, and handing their credentials to
whoever pulls. What does not: encryption (`vault.py`), forms (`form.py`), status (`status.py`), pulling
(`sync.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from shlex import quote
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from dlt_sources.contract import Credentials, Rights
from meterhouse.connections import form, vault
from meterhouse.control.database import reading, session
from meterhouse.control.tables import ConnectionRow
from meterhouse.errors import UsageError
from meterhouse.settings import Settings

MAX_NAME_LENGTH = 200


def add(
    settings: Settings, provider_name: str, name: str, values: Mapping[str, Any], is_checked: bool = True
) -> ConnectionRow:
    """Save a new connection, after the provider proved what its credentials may read.

    Args:
        settings: Where the installation lives.
        provider_name: Short name of a registered provider.
        name: What the user calls the connection; unique.
        values: Credential fields by name, secrets in clear.
        is_checked: False saves without asking the provider.

    Raises:
        UsageError: Unknown provider, wrong fields, a name that is unusable or taken, or (when checked) an account
            that another connection reads already; nothing is saved.
        ProviderError: The provider refused the credentials or could not be asked; nothing is saved.
        VaultError: The credentials cannot be sealed; nothing is saved.
    """
    provider = form.known_provider(provider_name)
    name = _usable(name)
    credentials = form.filled(provider, values)
    if name in names(settings):
        raise _taken(name)
    now = datetime.now(UTC)
    connection = ConnectionRow(
        id=str(uuid7()), name=name, provider=provider.name, created_at=now, readable_reports=[]
    )
    if is_checked:
        _note_rights(connection, provider.check(credentials), now)
        _refuse_second_reader(settings, connection, credentials)
    try:
        with vault.held(settings), session(settings) as opened:
            _put_credentials(settings, opened, connection, credentials)
            opened.add(connection)
    except IntegrityError:
        raise _taken(name) from None
    return connection


def get(settings: Settings, name: str) -> ConnectionRow:
    """The connection of that name.

    Raises:
        UsageError: There is none; names the closest.
    """
    with reading(settings) as opened:
        return _named(opened, name)


def find(settings: Settings, provider: str | None = None) -> list[ConnectionRow]:
    """All connections, or those at one provider, by name."""
    query = select(ConnectionRow).order_by(ConnectionRow.name)
    with reading(settings) as opened:
        return list(
            opened.scalars(query if provider is None else query.where(ConnectionRow.provider == provider))
        )


def names(settings: Settings) -> list[str]:
    """The names of all connections."""
    with reading(settings) as opened:
        return list(opened.scalars(select(ConnectionRow.name).order_by(ConnectionRow.name)))


def credentials_of(settings: Settings, name: str) -> Credentials:
    """The connection's credentials, opened: for the moment in which they are used, never to be kept.

    Raises:
        UsageError: No such connection or provider, or the stored fields no longer fit the provider's form.
        VaultError: The sealed credentials cannot be opened.
    """
    with vault.held(settings), reading(settings) as opened:
        connection = _named(opened, name)
        secrets = vault.unseal(vault.opening_keys(settings), connection)
    return form.filled(form.known_provider(connection.provider), {**connection.settings, **secrets})


def check(settings: Settings, name: str) -> Rights:
    """Ask the provider what the connection's credentials may read, and remember the answer.

    Raises:
        ProviderError: The provider refused or could not be asked.
        UsageError: No such connection.
        VaultError: The sealed credentials cannot be opened.
    """
    connection = get(settings, name)
    rights = form.known_provider(connection.provider).check(credentials_of(settings, name))
    with session(settings) as opened:
        _note_rights(_named(opened, name), rights, datetime.now(UTC))
    return rights


def rotate(
    settings: Settings, name: str, values: Mapping[str, Any], is_checked: bool = True
) -> ConnectionRow:
    """Swap a connection's credentials for new ones; what the connection pulled and where it stands remain.

    Args:
        settings: Where the installation lives.
        name: The connection.
        values: The changed credential fields; settings that are not secret keep their value when left out.
        is_checked: False swaps without asking the provider.

    Raises:
        UsageError: No such connection, wrong fields, or credentials of another account; nothing changes.
        ProviderError: The provider refused the new credentials or could not be asked; nothing changes.
        VaultError: The credentials cannot be sealed; nothing changes.
    """
    connection = get(settings, name)
    provider = form.known_provider(connection.provider)
    credentials = form.filled(provider, {**connection.settings, **values})
    rights = provider.check(credentials) if is_checked else None
    if rights is not None:
        _same_account(connection, rights)
    with vault.held(settings), session(settings) as opened:
        connection = _named(opened, name)
        _put_credentials(settings, opened, connection, credentials)
        if rights is not None:
            _note_rights(connection, rights, datetime.now(UTC))
    return connection


def set_paused(settings: Settings, name: str, is_paused: bool) -> ConnectionRow:
    """Pause or resume syncing of the connection; its credentials and data stay.

    Raises:
        UsageError: No such connection.
    """
    with session(settings) as opened:
        connection = _named(opened, name)
        connection.is_paused = is_paused
    return connection


def remove(settings: Settings, name: str) -> None:
    """Forget the connection, its credentials and its sync log; what it pulled counts in no mart any more.

    Raises:
        UsageError: No such connection.
    """
    with session(settings) as opened:
        opened.delete(_named(opened, name))


def _put_credentials(
    settings: Settings, opened: Session, connection: ConnectionRow, credentials: Credentials
) -> None:
    secrets, connection.settings = form.split(credentials)
    connection.sealed_credentials = vault.seal(vault.sealing_keys(settings, opened), connection.id, secrets)


def _note_rights(connection: ConnectionRow, rights: Rights, now: datetime) -> None:
    connection.account_id = rights.account_id
    connection.account_name = rights.account_name
    connection.readable_reports = list(rights.readable)
    connection.checked_at = now


def _same_account(connection: ConnectionRow, rights: Rights) -> None:
    before, now = connection.account_id, rights.account_id
    if before and now and before != now:
        raise UsageError(
            f"These credentials belong to account {now}, but connection {connection.name!r} reads {before}: "
            "the spend of two accounts would be mixed.",
            f"Add the other account on its own: `meterhouse connections add {connection.provider}`.",
        )


def _refuse_second_reader(settings: Settings, connection: ConnectionRow, credentials: Credentials) -> None:
    """Two connections that read one account would count its bill twice."""
    secrets, plain = form.split(credentials)
    for other in find(settings, connection.provider):
        is_same_account = connection.account_id is not None and other.account_id == connection.account_id
        if is_same_account or (plain == other.settings and secrets == _secrets_of(settings, other)):
            raise UsageError(
                f"Connection {other.name!r} reads this account already: its bill would count twice.",
                f"Use that one, or change its credentials: `meterhouse connections rotate {quote(other.name)}`.",
            )


def _secrets_of(settings: Settings, connection: ConnectionRow) -> dict[str, str] | None:
    """The connection's secrets; None when they cannot be opened."""
    try:
        with vault.held(settings):
            return vault.unseal(vault.opening_keys(settings), connection)
    except vault.VaultError:
        return None


def _named(opened: Session, name: str) -> ConnectionRow:
    connection = opened.scalar(select(ConnectionRow).where(ConnectionRow.name == name))
    if connection is not None:
        return connection
    known = list(opened.scalars(select(ConnectionRow.name).order_by(ConnectionRow.name)))
    close = get_close_matches(name, known, n=1)
    raise UsageError(
        f"There is no connection {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""),
        f"Connections: {', '.join(known)}."
        if known
        else "Add one with `meterhouse connections add PROVIDER --name NAME`.",
    )


def _usable(name: str) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > MAX_NAME_LENGTH or not stripped.isprintable():
        raise UsageError(
            f"A connection's name is one line of 1 to {MAX_NAME_LENGTH} characters.",
            "Give another one with --name.",
        )
    return stripped


def _taken(name: str) -> UsageError:
    return UsageError(
        f"There is already a connection {name!r}.",
        "Give another --name, or change its credentials with `meterhouse connections rotate`.",
    )
