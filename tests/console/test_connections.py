"""The pages of connections: what a user does on them, against a provider's API on loopback."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry
from meterhouse.settings import Settings
from tests.connections import fake_provider
from tests.connections.fake_provider import GOOD_KEY, NEXT_KEY, OTHER_KEY, PROJECT_KEY, SECRETS
from tests.console.serving import Visitor, daily_spend, publish, served, words

HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' {{ 7 * 7 }}"


def provider_in_place_of_openai():
    """The provider `fake` under a name that has a guide."""
    return replace(fake_provider.PROVIDER, name="openai")


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def api(monkeypatch):
    """The provider `fake`, registered under the name of one whose guide exists, with its API running."""
    monkeypatch.setitem(PROVIDERS, "openai", provider_in_place_of_openai())
    with fake_provider.running() as running:
        yield running


@pytest.fixture
def visitor(settings):
    with served(settings) as url:
        yield Visitor(url)


def _connect(visitor, api, key=GOOD_KEY, name="main"):
    fields = {"name": name, "field-admin_key": key, "field-base_url": api.url}
    return visitor.send_form("/connections/new/openai", "/connections/new/openai", **fields)


def _connected(settings, api, name="main"):
    """A connection that is there already; its page."""
    return f"/connections/{registry.add(settings, 'openai', name, {'admin_key': GOOD_KEY, 'base_url': api.url}).id}"


def _is_nowhere(answer) -> bool:
    return not any(secret in answer.text for secret in SECRETS)


def test_an_empty_installation_says_what_to_do(visitor):
    assert "No provider is connected yet" in words(visitor.get("/"))
    assert "Anthropic" in words(visitor.get("/connections/new"))


def test_each_provider_has_a_form_of_its_credentials_with_help_and_its_guide(visitor):
    for provider in PROVIDERS.values():
        page = visitor.get(f"/connections/new/{provider.name}")
        assert page.status_code == 200
        said = words(page)
        for name, info in provider.credentials.model_fields.items():
            assert f'name="field-{name}"' in page.text
            assert info.title in said


def test_a_good_key_is_tested_saved_and_never_shown_again(visitor, api, settings):
    page = _connect(visitor, api)
    assert "Saved connection main" in words(page)
    assert "First account" in words(page)
    assert api.asked == ["/account"]
    assert registry.credentials_of(settings, "main").admin_key.get_secret_value() == GOOD_KEY
    for path in ("/connections", page.url.path, "/audit"):
        assert _is_nowhere(visitor.get(path))
    assert api.url in visitor.get(page.url.path).text


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("fk-wrong", "Fake does not accept the key. Copy the admin key again."),
        (
            PROJECT_KEY,
            "Fake accepts the key, but it may not read usage. Use an admin key, not a project key.",
        ),
        ("x", "the field 'admin_key' is not right"),
    ],
)
def test_a_refused_key_saves_nothing_and_the_form_comes_back_without_it(
    visitor, api, settings, key, sentence
):
    page = _connect(visitor, api, key)
    assert page.status_code == 422
    assert sentence in words(page)
    assert f'value="{api.url}"' in page.text
    assert f'value="{key}"' not in page.text
    assert registry.names(settings) == []
    assert "added a connection main Refused" in words(visitor.get("/audit"))


def test_pause_resume_test_and_replace(visitor, api, settings):
    here = _connected(settings, api)
    assert "Paused main" in words(visitor.send_form(f"{here}/pause", here))
    assert "Disconnected" in words(visitor.get("/connections"))
    assert "is paused" in words(visitor.send_form(f"{here}/sync", here))
    assert "Resumed main" in words(visitor.send_form(f"{here}/resume", here))
    assert "it may read costs, usage" in words(visitor.send_form(f"{here}/test", here))
    refused = visitor.send_form(f"{here}/rotate", here, **{"field-admin_key": OTHER_KEY})
    assert "belong to account acc-2" in words(refused)
    assert registry.credentials_of(settings, "main").admin_key.get_secret_value() == GOOD_KEY
    assert "Replaced the credentials" in words(
        visitor.send_form(f"{here}/rotate", here, **{"field-admin_key": NEXT_KEY})
    )
    assert registry.credentials_of(settings, "main").admin_key.get_secret_value() == NEXT_KEY
    assert _is_nowhere(refused)
    assert _is_nowhere(visitor.get(here))


def test_removal_wants_the_name(visitor, api, settings):
    here = _connected(settings, api)
    assert "Nothing was removed" in words(visitor.send_form(f"{here}/remove", here, confirm="other"))
    assert registry.names(settings) == ["main"]
    assert "Removed main" in words(visitor.send_form(f"{here}/remove", here, confirm="main"))
    assert registry.names(settings) == []
    assert visitor.get(here).status_code == 404


def test_a_hostile_name_is_shown_and_never_interpreted(visitor, api, settings):
    here = _connected(settings, api, HOSTILE)
    visitor.send_form(f"{here}/pause", here)
    for path in ("/connections", here, "/audit"):
        page = visitor.get(path)
        assert HOSTILE in words(page).replace("  ", " ")
        assert "<script>alert" not in page.text
    assert "49" not in re.findall(r"quoted.{0,40}", words(visitor.get("/connections")))[0]


def test_the_card_shows_what_the_connection_cost_in_thirty_days(visitor, api, settings):
    _connected(settings, api)
    connection = registry.get(settings, "main")
    today = datetime.now(UTC).date()
    spend = [
        daily_spend(today - timedelta(days=1), connection.id, "main", "openai", "12.345000000000"),
        daily_spend(today, connection.id, "main", "openai", None, "1.100000000000"),
        daily_spend(today - timedelta(days=31), connection.id, "main", "openai", "99"),
    ]
    publish(settings, {"rpt_daily_spend": spend})
    page = visitor.get("/connections")
    assert "13.45 USD in 30 days" in words(page)
    assert '<polyline points="2.0,' in page.text
    assert "<svg" in visitor.get(f"/connections/{connection.id}").text


def test_a_sync_runs_beside_the_page_and_its_failure_is_told_where_it_was_started(visitor, api, settings):
    """The command's own process does not know the provider `fake`, so its pull fails."""
    here = _connect(visitor, api).url.path
    deadline = time.monotonic() + 120
    while "running" in (page := visitor.get(here)).text and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "It failed" in words(page)
    assert _is_nowhere(page)
