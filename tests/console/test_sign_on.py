"""Log-in by OpenID Connect, against a provider on loopback that signs real tokens: who comes in, and who does not."""

import time
from http import HTTPStatus
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from meterhouse.console import audit, users
from meterhouse.console.app import build_app
from meterhouse.console.users import Role
from meterhouse.errors import UsageError
from meterhouse.settings import Settings
from tests.console import oidc_provider
from tests.console.oidc_provider import CLIENT_ID, CLIENT_SECRET
from tests.console.serving import Visitor, served, words
from tests.gateway.endpoint import free_port

LONG_AGO, FAR_AWAY = 1_700_000_000, 4_000_000_000
MINUTES = 60


@pytest.fixture(scope="module")
def running_provider():
    with oidc_provider.running() as running:
        yield running


@pytest.fixture
def provider(running_provider):
    running_provider.tell_the_truth()
    return running_provider


def settings_of(provider, home: Path, port: int = 0, **changes) -> Settings:
    values = {
        "home": home,
        "console_url": f"http://127.0.0.1:{port}",
        "oidc_issuer": provider.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_title": "Example",
        "oidc_admins": "platform, root",
        "oidc_viewers": "finops",
    }
    return Settings(**(values | changes))


@pytest.fixture(scope="module")
def console(running_provider, tmp_path_factory):
    """The settings and the address of a console that the provider vouches for people at."""
    port = free_port()
    settings = settings_of(running_provider, tmp_path_factory.mktemp("sign_on"), port)
    with served(settings, asks_log_in=True, port=port) as url:
        yield settings, url


def test_a_viewer_comes_in_by_the_provider_looks_and_changes_nothing(console, provider):
    settings, url = console
    visitor = Visitor(url)
    asked = visitor.get("/connections?from=here")
    assert "Log in with Example" in words(asked)
    assert "Password" in words(asked)
    page = visitor.get("/log-in/oidc?next=/alerts")
    assert page.url.path == "/alerts"
    assert "ann (Example) (viewer)" in words(page)
    assert visitor.send_form("/health/build", "/health").status_code == HTTPStatus.FORBIDDEN
    assert visitor.get("/audit").status_code == HTTPStatus.FORBIDDEN
    [entry] = [one for one in audit.newest(settings, 2) if one.action == "logged in"]
    assert (entry.user_name, entry.subject, entry.outcome) == ("ann (Example)", "u-1", "done")
    visitor.send_form("/log-out", "/health")
    assert visitor.get("/alerts").url.path == "/log-in"


def test_the_request_carries_state_nonce_and_pkce_new_each_time_and_our_own_address(console, provider):
    _, url = console
    for _ in range(2):
        Visitor(url).get("/log-in/oidc")
    first, second = provider.asked
    assert first["redirect_uri"] == f"{url}/log-in/oidc/done"
    assert first["code_challenge_method"] == "S256"
    assert first["response_type"] == "code"
    assert "openid" in first["scope"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_the_claim_makes_an_admin_and_a_forged_name_is_one_line(console, provider):
    settings, url = console
    provider.claims |= {"groups": "root", "preferred_username": "admin\n<b>" + "x" * 200}
    visitor = Visitor(url)
    page = visitor.get("/log-in/oidc?next=/users")
    assert page.url.path == "/users"
    assert "<b>" not in page.text
    assert f"admin<b>{'x' * 72} (Example) (admin)" in words(page)
    assert len(audit.newest(settings, 1)[0].user_name) <= 100


@pytest.mark.parametrize(
    "change",
    [
        {"groups": ["others"]},
        {"groups": None},
        {"groups": []},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"], "azp": CLIENT_ID},
        {"aud": None},
        {"nonce": "of another visit"},
        {"nonce": None},
        {"exp": LONG_AGO},
        {"exp": None},
        {"nbf": FAR_AWAY},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_visit_lets_nobody_in(console, provider, change):
    settings, url = console
    provider.claims |= change
    _is_refused(Visitor(url), settings)


def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(console, provider):
    settings, url = console
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "1"})
    _is_refused(Visitor(url), settings)
    provider.signs_with, provider.algorithm = None, "none"
    _is_refused(Visitor(url), settings)


def test_a_provider_that_calls_itself_another_is_asked_nothing(provider, tmp_path):
    provider.metadata = {"issuer": "https://elsewhere.example"}
    with served(settings_of(provider, tmp_path), asks_log_in=True) as url:
        page = Visitor(url).get("/log-in/oidc")
    assert page.status_code == HTTPStatus.BAD_GATEWAY
    assert "did not vouch for you" in words(page)
    assert provider.asked == []


def test_a_new_key_of_the_provider_is_fetched_when_it_is_used(console, provider):
    _, url = console
    assert Visitor(url).get("/log-in/oidc?next=/alerts").url.path == "/alerts"
    provider.renew_key()
    assert Visitor(url).get("/log-in/oidc?next=/alerts").url.path == "/alerts"


def test_an_answer_works_once_and_in_the_browser_that_asked_only(console, provider):
    _, url = console
    visitor, other = Visitor(url), Visitor(url)
    visitor.follow_redirects = other.follow_redirects = False
    back = visitor.get(visitor.get("/log-in/oidc").headers["location"]).headers["location"]
    stolen = other.get(back)
    assert stolen.status_code == HTTPStatus.UNAUTHORIZED
    assert "another browser" in words(stolen)
    assert visitor.get(back).status_code == HTTPStatus.SEE_OTHER
    assert visitor.get(back).status_code == HTTPStatus.UNAUTHORIZED
    assert (
        visitor.get(f"{url}/log-in/oidc/done?error=access_denied&state=x").status_code
        == HTTPStatus.UNAUTHORIZED
    )


def test_a_log_in_leads_to_no_other_site(console, provider):
    _, url = console
    visitor = Visitor(url)
    assert visitor.get("/log-in/oidc?next=//evil.example/").url.path == "/connections"


def test_without_the_provider_its_log_in_says_so_and_passwords_go_on(provider, tmp_path):
    port = free_port()
    settings = settings_of(provider, tmp_path, port, oidc_issuer=f"http://127.0.0.1:{free_port()}")
    password = users.add(settings, "root", Role.ADMIN)
    with served(settings, asks_log_in=True, port=port) as url:
        visitor = Visitor(url)
        page = visitor.get("/log-in/oidc")
        assert page.status_code == HTTPStatus.BAD_GATEWAY
        assert "Example cannot be reached" in words(page)
        assert visitor.log_in("root", password).url.path == "/connections"


def test_sessions_end_when_who_may_come_in_is_set_anew(console, provider):
    settings, url = console
    visitor = Visitor(url)
    visitor.get("/log-in/oidc")
    session = visitor.cookies["meterhouse_console"]
    changed = settings.model_copy(update={"oidc_viewers": "others"})
    for now, path in ((settings, "/alerts"), (changed, "/log-in")):
        with served(now, asks_log_in=True) as other_url:
            later = Visitor(other_url)
            later.cookies.set("meterhouse_console", session)
            assert later.get("/alerts").url.path == path


def test_sessions_end_after_an_hour(console, provider, monkeypatch):
    _, url = console
    visitor = Visitor(url)
    visitor.get("/log-in/oidc")
    assert visitor.get("/alerts").url.path == "/alerts"
    now = time.time()
    monkeypatch.setattr("meterhouse.console.sign_on.time.time", lambda: now + 61 * MINUTES)
    assert visitor.get("/alerts").url.path == "/log-in"


def test_an_address_that_nobody_verified_makes_no_admin(provider, tmp_path):
    port = free_port()
    settings = settings_of(
        provider, tmp_path, port, oidc_role_claim="email", oidc_admins="ann@example.com", oidc_viewers=None
    )
    with served(settings, asks_log_in=True, port=port) as url:
        provider.claims |= {"email": "ann@example.com", "email_verified": False}
        assert "you have no role here" in words(Visitor(url).get("/log-in/oidc"))
        provider.claims |= {"email_verified": True}
        assert "(admin)" in words(Visitor(url).get("/log-in/oidc"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"oidc_client_id": None}, "not who may log in"),
        ({"oidc_admins": None, "oidc_viewers": " , "}, "not who may log in"),
        ({"oidc_issuer": "http://login.example.com"}, "no https:// address"),
    ],
)
def test_settings_that_are_not_whole_get_a_sentence_at_the_start(provider, tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        build_app(settings_of(provider, tmp_path, **changes), asks_log_in=True)


def _is_refused(visitor: Visitor, settings: Settings) -> None:
    page = visitor.get("/log-in/oidc?next=/alerts")
    assert page.status_code == HTTPStatus.UNAUTHORIZED
    assert CLIENT_SECRET not in page.text
    assert visitor.get("/alerts").url.path == "/log-in"
    assert audit.newest(settings, 1)[0].outcome == "refused"
