"""The vault: secrets under authenticated encryption (Fernet), each bound to its owner.

An owner is a connection with its credentials, an API key, or the installation itself.

Keys come from the setting `vault_key` or from the key file, newest first; the newest seals, all open.
Whoever seals, opens or rotates is inside `held` until its transaction has ended, so that keys and what they
seal never part. What belongs here: keys, sealing, opening, rotation. What does not: which fields are secret
(`form.py`).
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from filelock import FileLock
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from meterhouse.control.database import reading, session
from meterhouse.control.tables import ApiKeyRow, ConnectionRow, SealedSecretRow
from meterhouse.disk import sync_to_disk
from meterhouse.errors import MeterhouseError
from meterhouse.settings import Settings

_NEW_KEY_HINT = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


class VaultError(MeterhouseError):
    """A key or a sealed credential cannot be used; says which, and never shows either."""


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Keep other processes from sealing, opening and rotating until the block ends."""
    with FileLock(settings.vault_key_path.with_suffix(".lock"), mode=0o600):
        yield


def sealing_keys(settings: Settings, opened: Session) -> MultiFernet:
    """The keys to seal with; makes the key file when nothing was ever sealed. Call it inside `held`.

    Raises:
        VaultError: The key is missing though credentials are sealed, or it is malformed or open to others.
    """
    if settings.vault_key is None and not settings.vault_key_path.exists():
        _make_key_file(settings.vault_key_path, opened)
    return opening_keys(settings)


def opening_keys(settings: Settings) -> MultiFernet:
    """The keys that open what is sealed, from the setting or the key file. Call it inside `held`.

    Raises:
        VaultError: There is no key, or it is malformed or readable by others.
    """
    return MultiFernet([Fernet(key) for key in _keys(settings)])


def seal(keys: MultiFernet, owner_id: str, secrets: Mapping[str, str]) -> bytes:
    """The secrets, encrypted with the newest key and bound to their owner."""
    return keys.encrypt(json.dumps({"connection_id": owner_id, "secrets": dict(secrets)}).encode())


def unseal(keys: MultiFernet, connection: ConnectionRow) -> dict[str, str]:
    """The secrets of the connection by field name.

    Raises:
        VaultError: They were altered, sealed with another key, or belong to another connection.
    """
    return unseal_of(
        keys,
        connection.id,
        connection.sealed_credentials,
        f"credentials of connection {connection.name!r}",
        f"Restore the key, or give them again: `meterhouse connections rotate {quote(connection.name)}`.",
    )


def unseal_of(keys: MultiFernet, owner_id: str, sealed: bytes, what: str, next_step: str) -> dict[str, str]:
    """The secrets of any owner by name; `what` and `next_step` are the words of the error.

    Raises:
        VaultError: They were altered, sealed with another key, or belong to another owner.
    """
    try:
        content = json.loads(keys.decrypt(sealed))
    except InvalidToken:
        raise VaultError(
            f"The {what} cannot be opened: they were sealed with another vault key, or altered.", next_step
        ) from None
    if content["connection_id"] != owner_id:
        raise VaultError(f"The {what} were sealed for another owner.", next_step)
    return dict(content["secrets"])


def rotate_key(settings: Settings) -> int:
    """Re-seal all credentials with a new key and drop the old ones; a kill at any point loses nothing.

    A key file gets the new key in front of the old before anything is sealed with it, and loses the old only
    after all is re-sealed. Keys from the setting are the owner's to change: the first of them re-seals what
    the others sealed.

    Returns:
        How many connections were re-sealed.

    Raises:
        VaultError: A credential cannot be opened (then nothing changed), or the setting holds no newer key.
    """
    with held(settings):
        old = _keys(settings)
        if settings.vault_key is None:
            new = [Fernet.generate_key().decode(), *old]
        elif len(old) > 1:
            new = old
        else:
            raise VaultError(
                "METERHOUSE_VAULT_KEY holds one key: there is no newer one to seal with.",
                f"Make one with `{_NEW_KEY_HINT}`, set METERHOUSE_VAULT_KEY=NEW,OLD and run this again.",
            )
        _check_all_open(settings, old)
        if settings.vault_key is None:
            _write_key_file(settings.vault_key_path, new)
        count = _seal_again(settings, new)
        if settings.vault_key is None:
            _write_key_file(settings.vault_key_path, new[:1])
        return count


def _check_all_open(settings: Settings, keys: list[str]) -> None:
    fernets = MultiFernet([Fernet(key) for key in keys])
    with reading(settings) as opened:
        for connection in opened.scalars(select(ConnectionRow)):
            unseal(fernets, connection)
        for owner_id, sealed in [
            *opened.execute(select(ApiKeyRow.id, ApiKeyRow.sealed_key)),
            *opened.execute(select(SealedSecretRow.name, SealedSecretRow.sealed)),
        ]:
            unseal_of(fernets, owner_id, sealed, "API keys", "Restore the vault key they were sealed with.")


def _seal_again(settings: Settings, keys: list[str]) -> int:
    fernets = MultiFernet([Fernet(key) for key in keys])
    with session(settings) as opened:
        for api_key in opened.scalars(select(ApiKeyRow)):
            api_key.sealed_key = fernets.rotate(api_key.sealed_key)
        for secret in opened.scalars(select(SealedSecretRow)):
            secret.sealed = fernets.rotate(secret.sealed)
        connections = opened.scalars(select(ConnectionRow)).all()
        for connection in connections:
            connection.sealed_credentials = fernets.rotate(connection.sealed_credentials)
        return len(connections)


def _keys(settings: Settings) -> list[str]:
    """All keys, newest first, each proven to be one."""
    if settings.vault_key is not None:
        place = "METERHOUSE_VAULT_KEY"
        keys = [key.strip() for key in settings.vault_key.get_secret_value().split(",") if key.strip()]
    else:
        place = f"The vault key file {settings.vault_key_path}"
        keys = _read_key_file(settings.vault_key_path).split()
    try:
        MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise VaultError(
            f"{place} is malformed: each key is 32 bytes in URL-safe base64.",
            "Restore it from a backup; without it each connection's credentials must be given again.",
        ) from None
    return keys


def _read_key_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise VaultError(
                f"The vault key file {path} is open to other users (mode {stat.S_IMODE(mode):04o}).",
                f"Close it with `chmod 600 {path}`; if others may have read it, rotate the key afterwards: "
                "`meterhouse vault rotate-key`.",
            )
        return path.read_text()
    except FileNotFoundError:
        raise _missing(path, "credentials are sealed with it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise VaultError(
            f"The vault key file {path} cannot be read ({type(error).__name__}).", None
        ) from None


def _missing(path: Path, because: str) -> VaultError:
    return VaultError(
        f"The vault key file {path} is missing, but {because}; a new key could not open them.",
        "Restore the file; if it is lost, set METERHOUSE_VAULT_KEY to a new key and give each connection's "
        f"credentials again with `meterhouse connections rotate`. Make a key with: {_NEW_KEY_HINT}",
    )


def _make_key_file(path: Path, opened: Session) -> None:
    sealed = opened.scalar(select(func.count()).select_from(ConnectionRow))
    if sealed:
        raise _missing(path, f"{sealed} connection(s) hold credentials sealed with it")
    if opened.scalar(select(func.count()).select_from(SealedSecretRow)):
        raise _missing(path, "API keys are sealed with it")
    _write_key_file(path, [Fernet.generate_key().decode()])


def _write_key_file(path: Path, keys: list[str]) -> None:
    """Put the keys in place as a whole, for their owner only, on disk before anything is sealed with them."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_to_disk(path.parent)
