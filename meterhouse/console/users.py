"""Users of the console: who may log in, and as what.

Passwords are made here, shown once and kept as Argon2id hashes. What belongs here: accounts and the check of a
password. What does not: sessions and requests (`web.py`).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from meterhouse.control.database import reading, session
from meterhouse.control.tables import ConsoleUserRow
from meterhouse.errors import UsageError
from meterhouse.settings import Settings

_PASSWORD_BYTES = 18
_MAX_NAME_LENGTH = 100
_MAX_PASSWORD_LENGTH = 200
_HASHER = PasswordHasher()
_NOBODYS_HASH = _HASHER.hash(secrets.token_urlsafe(_PASSWORD_BYTES))
"""Checked for names that do not exist, so that the time of a refusal does not tell which do."""


class Role(StrEnum):
    """What a user may do: look, or look and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


@dataclass(frozen=True)
class User:
    """Someone who may use the console."""

    name: str
    role: Role
    created_at: datetime | None = None
    last_log_in_at: datetime | None = None
    stamp: str | None = None
    """Fingerprint of the password's hash: a session of an earlier password does not have it."""

    @property
    def is_admin(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.ADMIN


LOCAL = User("local", Role.ADMIN)
"""Whoever uses the console on this machine, where no log-in is asked for."""


def add(settings: Settings, name: str, role: Role) -> str:
    """Make an account; returns its password, which cannot be shown again.

    Raises:
        UsageError: The name is unusable or taken.
    """
    name = name.strip()
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable() or name == LOCAL.name:
        raise UsageError(f"{name!r} is no name for a user.", "Give one line of 1 to 100 characters.")
    password, hashed = _new_password()
    with session(settings) as opened:
        if opened.get(ConsoleUserRow, name) is not None:
            raise UsageError(f"There is a user {name!r} already.", "Choose another name.")
        opened.add(
            ConsoleUserRow(name=name, password_hash=hashed, role=role.value, created_at=datetime.now(UTC))
        )
    return password


def renew_password(settings: Settings, name: str) -> str:
    """Give a user a new password, which ends their sessions; returns it, which cannot be shown again.

    Raises:
        UsageError: There is no such user.
    """
    password, hashed = _new_password()
    with session(settings) as opened:
        _named(opened, name).password_hash = hashed
    return password


def remove(settings: Settings, name: str) -> None:
    """Remove an account; its sessions end with it.

    Raises:
        UsageError: There is no such user, or it is the last admin.
    """
    with session(settings) as opened:
        row = _named(opened, name)
        admins = select(func.count()).where(ConsoleUserRow.role == Role.ADMIN.value)
        if row.role == Role.ADMIN.value and opened.scalar(admins) == 1:
            raise UsageError(f"{name} is the last admin.", "Add another admin first.")
        opened.delete(row)


def overview(settings: Settings) -> list[User]:
    """All users by name."""
    with reading(settings) as opened:
        return [_user(row) for row in opened.scalars(select(ConsoleUserRow).order_by(ConsoleUserRow.name))]


def find(settings: Settings, name: str) -> User | None:
    """The user of that name."""
    with reading(settings) as opened:
        row = opened.get(ConsoleUserRow, name)
        return None if row is None else _user(row)


def log_in(settings: Settings, name: str, password: str) -> User | None:
    """The user whose name and password these are; None when they are not."""
    with reading(settings) as opened:
        row = opened.get(ConsoleUserRow, name)
    try:
        _HASHER.verify(row.password_hash if row else _NOBODYS_HASH, password[:_MAX_PASSWORD_LENGTH])
    except VerifyMismatchError:
        return None
    if row is None:
        return None
    with session(settings) as opened:
        row = _named(opened, name)
        row.last_log_in_at = datetime.now(UTC)
        return _user(row)


def _new_password() -> tuple[str, str]:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    return password, _HASHER.hash(password)


def _named(opened: Session, name: str) -> ConsoleUserRow:
    row = opened.get(ConsoleUserRow, name)
    if row is None:
        raise UsageError(f"There is no user {name!r}.", "`meterhouse console users` lists them.")
    return row


def _user(row: ConsoleUserRow) -> User:
    stamp = hashlib.sha256(row.password_hash.encode()).hexdigest()[:16]
    return User(row.name, Role(row.role), row.created_at, row.last_log_in_at, stamp)
