"""The registry: what may be saved, what is kept, what changes together."""

import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from dlt_sources.contract import ProviderError
from meterhouse.connections import registry
from meterhouse.control.database import reading
from meterhouse.errors import UsageError
from tests.connections.fake_provider import GOOD_KEY, NEXT_KEY, OTHER_KEY, PROJECT_KEY, SECRETS


def form(api, key=GOOD_KEY):
    return {"admin_key": key, "base_url": api.url}


def test_a_connection_is_saved_with_what_its_credentials_proved(settings, api):
    registry.add(settings, "fake", "production", form(api))
    saved = registry.get(settings, "production")
    assert (saved.provider, saved.account_id, saved.account_name) == ("fake", "acc-1", "First account")
    assert saved.readable_reports == ["costs", "usage"]
    assert saved.settings == {"base_url": api.url, "region": None}
    assert saved.checked_at == saved.created_at
    assert api.asked == ["/account"]


def test_credentials_come_back_as_they_were_given(settings, api):
    registry.add(settings, "fake", "production", form(api) | {"region": "eu"})
    opened = registry.credentials_of(settings, "production")
    assert (opened.admin_key.get_secret_value(), opened.base_url, opened.region) == (GOOD_KEY, api.url, "eu")
    assert GOOD_KEY not in repr(opened)


def test_no_secret_lies_in_clear_in_the_database(settings, api):
    registry.add(settings, "fake", "production", form(api))
    with reading(settings) as opened:
        rows = opened.execute(text("SELECT * FROM connections")).all()
    assert api.url in str(rows)
    assert GOOD_KEY not in str(rows)


def test_several_connections_to_one_provider_live_side_by_side(settings, api):
    registry.add(settings, "fake", "second", form(api, OTHER_KEY))
    registry.add(settings, "fake", "first", form(api))
    assert [c.name for c in registry.find(settings, "fake")] == ["first", "second"]
    assert registry.find(settings, "openai") == []
    assert registry.credentials_of(settings, "second").admin_key.get_secret_value() == OTHER_KEY


@pytest.mark.parametrize(
    ("key", "sentence"), [("fk-expired", "does not accept"), (PROJECT_KEY, "may not read usage")]
)
def test_credentials_without_the_rights_are_refused_and_nothing_is_saved(settings, api, key, sentence):
    with pytest.raises(ProviderError, match=sentence):
        registry.add(settings, "fake", "production", form(api, key))
    assert registry.find(settings) == []


def test_without_a_check_the_provider_is_not_asked(settings, api):
    saved = registry.add(settings, "fake", "production", form(api, "fk-expired"), is_checked=False)
    assert (api.asked, saved.checked_at, saved.readable_reports) == ([], None, [])


@pytest.mark.parametrize(
    ("provider", "name", "changes", "sentence"),
    [
        ("fakee", "n", {}, "no provider 'fakee'. Did you mean fake\\? Known providers: .*openai"),
        ("fake", "n", {"api_key": GOOD_KEY}, "no credential field 'api_key'"),
        ("fake", "n", {GOOD_KEY: "x"}, "no credential field of that name"),
        ("fake", "n", {"base_url": f"ftp://{GOOD_KEY}"}, "field 'base_url' is not right"),
        ("fake", "n", {"admin_key": "!!"}, "field 'admin_key' is not right"),
        ("fake", "  ", {}, "one line of 1 to 200"),
        ("fake", "a\nb", {}, "one line of 1 to 200"),
        ("fake", "x" * 201, {}, "one line of 1 to 200"),
    ],
)
def test_wrong_input_gets_one_sentence_that_shows_no_value(home, api, provider, name, changes, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        registry.add(home, provider, name, form(api) | changes)
    told = f"{caught.value} {caught.value.next_step} {caught.value!r} {caught.value.__cause__}"
    assert caught.value.next_step
    assert GOOD_KEY not in told
    assert "!!" not in told
    assert caught.value.__context__ is None
    assert api.asked == []


def test_a_missing_field_is_named_with_its_label(home, api):
    with pytest.raises(UsageError, match=r"field 'admin_key' \(Admin key\) is missing") as caught:
        registry.add(home, "fake", "n", {"base_url": api.url})
    assert "admin_key (Admin key), base_url (Base URL), region (Region)" in caught.value.next_step


def test_a_name_is_taken_once(settings, api):
    registry.add(settings, "fake", "production", form(api))
    with pytest.raises(UsageError, match="already a connection 'production'"):
        registry.add(settings, "fake", " production ", form(api, OTHER_KEY))


def test_an_unknown_connection_is_answered_with_the_closest(settings, api):
    registry.add(settings, "fake", "production", form(api))
    with pytest.raises(UsageError, match="Did you mean 'production'"):
        registry.get(settings, "prodution")


def test_rotation_swaps_the_secret_and_keeps_the_rest(settings, api):
    before = registry.add(settings, "fake", "production", form(api))
    registry.rotate(settings, "production", {"admin_key": NEXT_KEY})
    after = registry.get(settings, "production")
    assert (after.id, after.created_at, after.settings) == (before.id, before.created_at, before.settings)
    assert after.checked_at > before.checked_at
    assert registry.credentials_of(settings, "production").admin_key.get_secret_value() == NEXT_KEY


@pytest.mark.parametrize(
    ("key", "error", "sentence"),
    [("fk-expired", ProviderError, "does not accept"), (OTHER_KEY, UsageError, "spend of two accounts")],
)
def test_a_rotation_that_is_refused_changes_nothing(settings, api, key, error, sentence):
    registry.add(settings, "fake", "production", form(api))
    with pytest.raises(error, match=sentence):
        registry.rotate(settings, "production", {"admin_key": key})
    assert registry.credentials_of(settings, "production").admin_key.get_secret_value() == GOOD_KEY


def test_a_check_renews_what_is_known_of_the_rights(settings, api):
    registry.add(settings, "fake", "production", form(api), is_checked=False)
    assert registry.check(settings, "production").readable == ("costs", "usage")
    saved = registry.get(settings, "production")
    assert (saved.account_id, saved.readable_reports) == ("acc-1", ["costs", "usage"])
    assert saved.checked_at is not None


def test_pause_and_removal(settings, api):
    registry.add(settings, "fake", "production", form(api))
    assert registry.set_paused(settings, "production", True).is_paused
    assert registry.get(settings, "production").is_paused
    assert not registry.set_paused(settings, "production", False).is_paused
    registry.remove(settings, "production")
    assert registry.names(settings) == []


ADD_WITHOUT_CHECK = """
import sys, time
from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry
from meterhouse.settings import Settings
from tests.connections import fake_provider
PROVIDERS["fake"] = fake_provider.PROVIDER
home, url, name, start = sys.argv[1:]
while time.time() < float(start):
    pass
values = {"admin_key": fake_provider.GOOD_KEY, "base_url": "http://nowhere"}
settings = Settings(home=home, control_url=None if url == "-" else url)
registry.add(settings, "fake", name, values, is_checked=False)
"""


def test_two_processes_that_add_first_share_one_vault_key(settings, api):
    start = str(time.time() + 5)
    command = [sys.executable, "-c", ADD_WITHOUT_CHECK, str(settings.home), settings.control_url or "-"]
    adding = [
        subprocess.Popen([*command, name, start], stderr=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    errors = [process.communicate(timeout=120)[1] for process in adding]
    assert [process.returncode for process in adding] == [0, 0], errors
    assert len(settings.vault_key_path.read_text().split()) == 1
    for name in ("one", "two"):
        assert registry.credentials_of(settings, name).admin_key.get_secret_value() == GOOD_KEY


def test_no_secret_lies_anywhere_in_the_home(home, api):
    registry.add(home, "fake", "one", form(api))
    registry.add(home, "fake", "two", form(api, OTHER_KEY))
    registry.rotate(home, "one", {"admin_key": NEXT_KEY})
    left_behind = b"".join(path.read_bytes() for path in home.home_path.rglob("*") if path.is_file())
    assert api.url.encode() in left_behind
    assert not [secret for secret in SECRETS if secret.encode() in left_behind]


@pytest.mark.parametrize("key", [GOOD_KEY, NEXT_KEY])
def test_a_second_connection_to_one_account_is_refused_because_its_bill_would_count_twice(settings, api, key):
    registry.add(settings, "fake", "production", form(api))
    with pytest.raises(UsageError, match="'production' reads this account already") as refused:
        registry.add(settings, "fake", "again", form(api, key))
    assert "rotate production" in str(refused.value.next_step)
    assert registry.names(settings) == ["production"]


def test_one_form_is_one_account_even_where_the_provider_does_not_name_it(settings, api):
    registry.add(settings, "fake", "production", form(api), is_checked=False)
    with pytest.raises(UsageError, match="count twice"):
        registry.add(settings, "fake", "again", form(api))
