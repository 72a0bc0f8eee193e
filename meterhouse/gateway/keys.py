"""API keys: made, listed, shown again, regenerated, revoked.

A key is `mh_<public part>_<secret part>`. The control database keeps its keyed hash, by which a request is checked,
and the whole key sealed by the vault, for `copy`. The hash key is a secret of the installation, so that rotating the
vault's key leaves running gateways alone. What does not belong here: the check of a request (`access.py`).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from meterhouse.connections import vault
from meterhouse.control.database import reading, session
from meterhouse.control.tables import ApiKeyRow, SealedSecretRow
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.settings import Settings

_HASH_KEY = "api key hashing"
_RESTORE = "Restore the vault key (vault.key in METERHOUSE_HOME, or METERHOUSE_VAULT_KEY)."
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_PUBLIC_CHARACTERS = 12


class Scope(StrEnum):
    """What a key may be used for."""

    WRITE = "write"
    READ = "read"


class ApiKeyError(MeterhouseError):
    """A key cannot be made or found; never holds a key."""


@dataclass(frozen=True)
class ApiKey:
    """A key as shown to people; `key` only where it was asked for."""

    name: str
    masked: str
    scopes: tuple[str, ...]
    requests_per_minute: int | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    key: str | None = None

    def as_answer(self) -> dict[str, Any]:
        """For JSON; without `key` where it was not asked for."""
        answer = asdict(self) | {"scopes": list(self.scopes)}
        if self.key is None:
            del answer["key"]
        return answer


def create(
    settings: Settings,
    name: str,
    scopes: Iterable[Scope] = (Scope.WRITE,),
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Make a key of a new name; the answer holds the key.

    Raises:
        UsageError: The name is taken or blank.
        VaultError: The vault key is missing or cannot be used.
    """
    if not name.strip():
        raise UsageError("A key needs a name.", "Name it after the program that will use it.")
    with vault.held(settings), session(settings) as opened:
        if opened.scalar(select(ApiKeyRow).where(ApiKeyRow.name == name)):
            raise UsageError(f"There is a key {name!r} already.", "Choose another name, or regenerate it.")
        row = ApiKeyRow(
            id=str(uuid7()),
            name=name,
            scopes=[Scope(scope).value for scope in dict.fromkeys(scopes)],
            requests_per_minute=requests_per_minute,
            created_at=datetime.now(UTC),
            expires_at=expires_at,
        )
        key = _renew(vault.sealing_keys(settings, opened), opened, row)
        opened.add(row)
        return _shown(row, key)


def overview(settings: Settings) -> list[ApiKey]:
    """All keys by name, masked."""
    with reading(settings) as opened:
        return [_shown(row) for row in opened.scalars(select(ApiKeyRow).order_by(ApiKeyRow.name))]


def copy(settings: Settings, name: str) -> ApiKey:
    """The key of that name, in full.

    Raises:
        ApiKeyError: There is none, or it is revoked.
        VaultError: It cannot be opened.
    """
    with vault.held(settings), reading(settings) as opened:
        row = _living(opened, name)
        what = f"API key {name!r}"
        found = vault.unseal_of(vault.opening_keys(settings), row.id, row.sealed_key, what, _RESTORE)
        return _shown(row, found["key"])


def regenerate(settings: Settings, name: str) -> ApiKey:
    """Give the name a new key; the old one is dead for every request that arrives from now on.

    Raises:
        ApiKeyError: There is none of that name, or it is revoked.
        VaultError: The vault key is missing or cannot be used.
    """
    with vault.held(settings), session(settings) as opened:
        row = _living(opened, name)
        key = _renew(vault.sealing_keys(settings, opened), opened, row)
        row.created_at, row.last_used_at = datetime.now(UTC), None
        return _shown(row, key)


def revoke(settings: Settings, name: str) -> ApiKey:
    """Kill a key for good; its row stays, to tell whose it was.

    Raises:
        ApiKeyError: There is none of that name, or it is revoked.
    """
    with session(settings) as opened:
        row = _living(opened, name)
        row.revoked_at = datetime.now(UTC)
        return _shown(row)


def public_part(key: str) -> str | None:
    """The part of a key by which it is found; None for what is no key of ours."""
    mark, _, rest = key.partition("_")
    public, _, secret = rest.partition("_")
    return public if mark == "mh" and len(public) == _PUBLIC_CHARACTERS and secret else None


def key_hash(hash_key: bytes, key: str) -> bytes:
    """The keyed hash of a whole key."""
    return hmac.digest(hash_key, key.encode(), hashlib.sha256)


def hash_key_of(settings: Settings) -> bytes | None:
    """The secret of the installation that keys are hashed with; None before the first key was made.

    Raises:
        VaultError: It cannot be opened.
    """
    with vault.held(settings), reading(settings) as opened:
        row = opened.get(SealedSecretRow, _HASH_KEY)
        return None if row is None else _opened_hash_key(vault.opening_keys(settings), row)


def _renew(keys: MultiFernet, opened: Session, row: ApiKeyRow) -> str:
    """Put a new key into the row, and give it."""
    row.key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_PUBLIC_CHARACTERS))
    key = f"mh_{row.key_id}_{secrets.token_urlsafe(32)}"
    row.key_hash = key_hash(_made_hash_key(keys, opened), key)
    row.sealed_key = vault.seal(keys, row.id, {"key": key})
    row.masked = f"mh_{row.key_id[:4]}…{key[-4:]}"
    return key


def _made_hash_key(keys: MultiFernet, opened: Session) -> bytes:
    row = opened.get(SealedSecretRow, _HASH_KEY)
    if row is not None:
        return _opened_hash_key(keys, row)
    made = secrets.token_bytes(32)
    opened.add(SealedSecretRow(name=_HASH_KEY, sealed=vault.seal(keys, _HASH_KEY, {"key": made.hex()})))
    return made


def _opened_hash_key(keys: MultiFernet, row: SealedSecretRow) -> bytes:
    return bytes.fromhex(vault.unseal_of(keys, row.name, row.sealed, "API keys", _RESTORE)["key"])


def _living(opened: Session, name: str) -> ApiKeyRow:
    row = opened.scalar(select(ApiKeyRow).where(ApiKeyRow.name == name))
    if row is None:
        raise ApiKeyError(f"There is no key {name!r}.", "`meterhouse keys list` shows all.")
    if row.revoked_at is not None:
        raise ApiKeyError(f"The key {name!r} is revoked.", "Create one with another name.")
    return row


def _shown(row: ApiKeyRow, key: str | None = None) -> ApiKey:
    return ApiKey(
        name=row.name,
        masked=row.masked,
        scopes=tuple(row.scopes),
        requests_per_minute=row.requests_per_minute,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        key=key,
    )
