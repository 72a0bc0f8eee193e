"""The vault: sealed credentials open with their key, for their connection, unaltered, or not at all."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from sqlalchemy import select

from meterhouse.connections import registry, vault
from meterhouse.connections.vault import VaultError
from meterhouse.control.database import session
from meterhouse.control.tables import ConnectionRow
from meterhouse.settings import Settings
from tests.connections.fake_provider import GOOD_KEY, OTHER_KEY


@pytest.fixture
def two(settings, api):
    """Settings of an installation with the connections `one` and `two`."""
    for name, key in (("one", GOOD_KEY), ("two", OTHER_KEY)):
        registry.add(settings, "fake", name, {"admin_key": key, "base_url": api.url}, is_checked=False)
    return settings


def opened_keys(settings, names=("one", "two")):
    return [registry.credentials_of(settings, name).admin_key.get_secret_value() for name in names]


def with_key(settings, *keys):
    return settings.model_copy(update={"vault_key": Settings(vault_key=",".join(keys)).vault_key})


def a_key():
    return Fernet.generate_key().decode()


@given(secrets=st.dictionaries(st.text(), st.text()), connection_id=st.text())
@effort(max_examples=50)
def test_what_is_sealed_opens_the_same(secrets, connection_id):
    keys = vault.MultiFernet([Fernet(Fernet.generate_key())])
    sealed = vault.seal(keys, connection_id, secrets)
    row = ConnectionRow(id=connection_id, name="n", sealed_credentials=sealed)
    assert vault.unseal(keys, row) == secrets


@pytest.mark.parametrize("position", [0, 12, 40, -1])
def test_an_altered_byte_is_noticed(two, position):
    with session(two) as opened:
        row = opened.scalar(select(ConnectionRow).where(ConnectionRow.name == "one"))
        altered = bytearray(row.sealed_credentials)
        altered[position] ^= 1
        row.sealed_credentials = bytes(altered)
    with pytest.raises(VaultError, match="'one' cannot be opened") as caught:
        registry.credentials_of(two, "one")
    assert "connections rotate one" in caught.value.next_step
    assert opened_keys(two, ["two"]) == [OTHER_KEY]


def test_credentials_moved_to_another_connection_are_refused(two):
    with session(two) as opened:
        rows = opened.scalars(select(ConnectionRow)).all()
        first, second = (row.sealed_credentials for row in rows)
        rows[0].sealed_credentials, rows[1].sealed_credentials = second, first
    for name in ("one", "two"):
        with pytest.raises(VaultError, match=f"{name!r} were sealed for another owner"):
            registry.credentials_of(two, name)


def test_another_key_opens_nothing(two):
    with pytest.raises(VaultError, match="sealed with another vault key"):
        registry.credentials_of(with_key(two, a_key()), "one")


def test_the_key_file_is_for_its_owner_only(two):
    assert stat.S_IMODE(two.vault_key_path.stat().st_mode) == 0o600
    two.vault_key_path.chmod(0o640)
    with pytest.raises(VaultError, match=r"open to other users \(mode 0640\)") as caught:
        registry.credentials_of(two, "one")
    assert "chmod 600" in caught.value.next_step


@pytest.mark.parametrize("content", ["", "not a key\n", "Zm9v\n", "\x00\xff"])
def test_a_malformed_key_file_is_refused_and_left_alone(two, content):
    two.vault_key_path.write_text(content)
    with pytest.raises(VaultError, match="is malformed"):
        registry.credentials_of(two, "one")
    with pytest.raises(VaultError, match="is malformed"):
        registry.add(two, "fake", "three", {"admin_key": GOOD_KEY, "base_url": "http://x"}, is_checked=False)
    assert two.vault_key_path.read_text() == content


def test_a_lost_key_is_never_replaced_in_silence(two):
    two.vault_key_path.unlink()
    with pytest.raises(VaultError, match=r"is missing, but 2 connection\(s\) hold credentials"):
        registry.add(two, "fake", "three", {"admin_key": GOOD_KEY, "base_url": "http://x"}, is_checked=False)
    with pytest.raises(VaultError, match="is missing"):
        registry.credentials_of(two, "one")
    with pytest.raises(VaultError, match="is missing"):
        vault.rotate_key(two)
    assert not two.vault_key_path.exists()
    assert registry.names(two) == ["one", "two"]


def test_after_a_lost_key_credentials_can_be_given_again_under_a_new_one(two):
    two.vault_key_path.unlink()
    mended = with_key(two, a_key())
    registry.rotate(mended, "one", {"admin_key": GOOD_KEY}, is_checked=False)
    assert opened_keys(mended, ["one"]) == [GOOD_KEY]


def test_a_key_in_the_environment_makes_no_key_file(settings, api):
    keyed = with_key(settings, a_key())
    registry.add(keyed, "fake", "one", {"admin_key": GOOD_KEY, "base_url": api.url}, is_checked=False)
    assert opened_keys(keyed, ["one"]) == [GOOD_KEY]
    assert not keyed.vault_key_path.exists()


def test_a_malformed_key_in_the_environment_is_refused_without_showing_it(home, api):
    with pytest.raises(VaultError, match="METERHOUSE_VAULT_KEY is malformed") as caught:
        registry.add(with_key(home, "hunter2"), "fake", "n", {"admin_key": GOOD_KEY, "base_url": api.url})
    assert "hunter2" not in f"{caught.value} {caught.value.next_step}"


def test_rotation_seals_all_with_a_new_key_and_drops_the_old(two):
    before = two.vault_key_path.read_text()
    assert vault.rotate_key(two) == 2
    after = two.vault_key_path.read_text()
    assert len(after.split()) == 1
    assert after != before
    assert opened_keys(two) == [GOOD_KEY, OTHER_KEY]
    assert stat.S_IMODE(two.vault_key_path.stat().st_mode) == 0o600
    with pytest.raises(VaultError, match="cannot be opened"):
        registry.credentials_of(with_key(two, before.strip()), "one")


def test_rotation_in_the_environment_seals_with_the_first_key(two):
    old, new = two.vault_key_path.read_text().strip(), a_key()
    with pytest.raises(VaultError, match="holds one key"):
        vault.rotate_key(with_key(two, old))
    assert vault.rotate_key(with_key(two, new, old)) == 2
    assert opened_keys(with_key(two, new)) == [GOOD_KEY, OTHER_KEY]


def test_rotation_changes_nothing_when_one_credential_cannot_be_opened(two):
    with session(two) as opened:
        opened.scalar(
            select(ConnectionRow).where(ConnectionRow.name == "two")
        ).sealed_credentials = b"garbage"
    before = two.vault_key_path.read_text()
    with pytest.raises(VaultError, match="'two' cannot be opened"):
        vault.rotate_key(two)
    assert two.vault_key_path.read_text() == before
    assert opened_keys(two, ["one"]) == [GOOD_KEY]


ROTATE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from cryptography.fernet import MultiFernet
from sqlalchemy.orm import Session
from meterhouse.connections import vault
from meterhouse.settings import Settings

home, url, step, nth = sys.argv[1:]
owner = {"draft": os, "replace": Path, "seal": MultiFernet, "commit": Session}[step]
method = {"draft": "fdopen", "replace": "replace", "seal": "rotate", "commit": "close"}[step]
real, calls = getattr(owner, method), []

def deadly(*args, **kwargs):
    calls.append(1)
    if len(calls) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)

settings = Settings(home=home, control_url=None if url == "-" else url)
vault._check_all_open(settings, vault._keys(settings))
setattr(owner, method, deadly)
vault.rotate_key(settings)
"""


@pytest.mark.parametrize(
    ("step", "nth"),
    [("draft", 1), ("replace", 1), ("seal", 1), ("seal", 2), ("commit", 2), ("draft", 2), ("replace", 2)],
    ids=lambda value: str(value),
)
def test_a_rotation_killed_at_any_step_loses_nothing_and_the_next_one_completes(two, step, nth):
    killed = subprocess.run(
        [sys.executable, "-c", ROTATE_AND_DIE, str(two.home), two.control_url or "-", step, str(nth)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    assert opened_keys(two) == [GOOD_KEY, OTHER_KEY]
    assert vault.rotate_key(two) == 2
    assert len(two.vault_key_path.read_text().split()) == 1
    assert opened_keys(two) == [GOOD_KEY, OTHER_KEY]


ROTATE_MANY = """
import sys
from meterhouse.connections import vault
from meterhouse.settings import Settings
settings = Settings(home=sys.argv[1], control_url=None if sys.argv[2] == "-" else sys.argv[2])
for n in range(15):
    vault.rotate_key(settings)
"""


def test_reading_and_adding_go_on_while_keys_rotate(two, api):
    command = [sys.executable, "-c", ROTATE_MANY, str(two.home), two.control_url or "-"]
    rotating = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    count = 0
    while rotating.poll() is None:
        assert opened_keys(two) == [GOOD_KEY, OTHER_KEY]
        form = {"admin_key": GOOD_KEY, "base_url": api.url}
        registry.add(two, "fake", f"more {count}", form, is_checked=False)
        count += 1
    assert rotating.returncode == 0, rotating.stderr.read()
    assert count
    assert set(opened_keys(two, registry.names(two))) == {GOOD_KEY, OTHER_KEY}


def test_whoever_opens_or_seals_waits_while_the_keys_are_held(home, api):
    form = {"admin_key": GOOD_KEY, "base_url": api.url}
    registry.add(home, "fake", "one", form, is_checked=False)
    with ThreadPoolExecutor() as pool:
        with vault.held(home):
            waiting = [
                pool.submit(registry.credentials_of, home, "one"),
                pool.submit(registry.add, home, "fake", "two", form, False),
                pool.submit(registry.rotate, home, "one", form, False),
                pool.submit(vault.rotate_key, home),
            ]
            assert not wait(waiting, timeout=1).done
        for done in waiting:
            done.result(timeout=30)
    assert opened_keys(home) == [GOOD_KEY, GOOD_KEY]
