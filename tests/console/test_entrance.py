"""Who may come in, what protects them, and what the audit log keeps."""

import httpx
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.console import users
from meterhouse.console.app import build_app
from meterhouse.console.users import Role
from meterhouse.settings import Settings
from tests.console.serving import Visitor, served, words


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A console that asks for a log-in, with an admin and a viewer."""
    settings = Settings(home=tmp_path_factory.mktemp("guarded"))
    passwords = {
        "root": users.add(settings, "root", Role.ADMIN),
        "eve": users.add(settings, "eve", Role.VIEWER),
    }
    with served(settings, asks_log_in=True) as url:
        yield settings, url, passwords


def test_without_a_log_in_every_page_sends_to_it_and_every_action_does_nothing(guarded):
    settings, url, _ = guarded
    for route in build_app(settings, True).routes:
        path = getattr(route, "path", "")
        methods = getattr(route, "methods", None) or set()
        if path in ("/", "/log-in", "/static") or not methods:
            continue
        path = path.replace("{id}", "x").replace("{provider}", "openai")
        method = "POST" if "POST" in methods else "GET"
        answer = httpx.request(method, url + path, data={"name": "x"} if method == "POST" else None)
        assert answer.status_code in (303, 403), path
        assert answer.headers.get("location", "/log-in").startswith("/log-in"), path


def test_a_log_in_goes_on_to_the_page_that_was_wanted_and_to_no_other_site(guarded):
    _, url, passwords = guarded
    visitor = Visitor(url)
    assert visitor.get("/connections?from=here").url.path == "/log-in"
    form = {"name": "root", "password": passwords["root"]}
    assert visitor.send_form("/log-in", "/log-in", next="/audit", **form).url.path == "/audit"
    for foreign in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        other = Visitor(url)
        token_page = other.get("/log-in").text
        assert "csrf" in token_page
        other.follow_redirects = False
        assert other.send_form("/log-in", "/log-in", next=foreign, **form).headers["location"] == "/"


def test_a_wrong_password_is_refused_in_the_words_of_a_wrong_name(guarded):
    _, url, _ = guarded
    wrong = Visitor(url).log_in("root", "guess")
    nobody = Visitor(url).log_in("nobody", "guess")
    assert wrong.status_code == nobody.status_code == 401
    assert words(wrong).replace("root", "") == words(nobody).replace("nobody", "")


def test_guessing_is_braked(tmp_path):
    settings = Settings(home=tmp_path)
    password = users.add(settings, "root", Role.ADMIN)
    with served(settings, asks_log_in=True) as url:
        visitor = Visitor(url)
        assert [visitor.log_in("root", f"guess {n}").status_code for n in range(11)] == [401] * 10 + [429]
        assert visitor.log_in("root", password).status_code == 429


def test_a_viewer_looks_and_changes_nothing(guarded):
    settings, url, passwords = guarded
    visitor = Visitor(url)
    visitor.log_in("eve", passwords["eve"])
    assert visitor.get("/connections").status_code == 200
    for path in ("/users/add", "/connections/new/openai"):
        assert visitor.send_form(path, "/connections", name="mallory").status_code == 403
    assert visitor.get("/audit").status_code == visitor.get("/users").status_code == 403
    assert [user.name for user in users.overview(settings)] == ["eve", "root"]


def test_a_form_without_the_token_of_its_session_changes_nothing(guarded):
    settings, url, passwords = guarded
    visitor, other = Visitor(url), Visitor(url)
    visitor.log_in("root", passwords["root"])
    other.log_in("root", passwords["root"])
    assert visitor.post("/users/add", data={"name": "mallory"}).status_code == 403
    assert visitor.post("/users/add", data={"name": "mallory", "csrf": "guess"}).status_code == 403
    foreign = other.get("/users").text.split('name="csrf" value="')[1].split('"')[0]
    assert visitor.post("/users/add", data={"name": "mallory", "csrf": foreign}).status_code == 403
    assert users.find(settings, "mallory") is None


def test_a_new_password_ends_the_sessions_of_the_old_one_and_a_removed_user_is_out(guarded):
    settings, url, _ = guarded
    visitor = Visitor(url)
    visitor.log_in("zoe", users.add(settings, "zoe", Role.VIEWER))
    assert visitor.get("/connections").url.path == "/connections"
    renewed = users.renew_password(settings, "zoe")
    assert visitor.get("/connections").url.path == "/log-in"
    visitor.log_in("zoe", renewed)
    users.remove(settings, "zoe")
    assert visitor.get("/connections").url.path == "/log-in"


def test_a_session_of_another_installation_is_worth_nothing(guarded, tmp_path):
    _, url, _ = guarded
    settings = Settings(home=tmp_path)
    password = users.add(settings, "root", Role.ADMIN)
    with served(settings, asks_log_in=True) as other_url:
        other = Visitor(other_url)
        other.log_in("root", password)
        assert other.get("/connections").url.path == "/connections"
        session = other.cookies["meterhouse_console"]
    stolen = Visitor(url)
    stolen.cookies.set("meterhouse_console", session)
    assert stolen.get("/connections").url.path == "/log-in"


def test_changes_stand_in_the_audit_log_with_who_what_and_how_it_ended(guarded):
    _, url, passwords = guarded
    visitor = Visitor(url)
    visitor.log_in("root", passwords["root"])
    made = visitor.send_form("/users/add", "/users", name="<b>ann</b>", role="viewer")
    assert "&lt;b&gt;ann&lt;/b&gt;" in made.text
    assert "<b>ann" not in made.text
    password = made.text.split('<input readonly value="')[1].split('"')[0]
    again = visitor.send_form("/users/add", "/users", name="<b>ann</b>", role="viewer")
    assert "There is a user '<b>ann</b>' already." in words(again)
    log = visitor.get("/audit")
    assert "added a user <b>ann</b> Done" in words(log)
    assert "added a user <b>ann</b> Refused There is a user" in words(log)
    assert password not in log.text
    visitor.send_form("/users/remove", "/users", name="<b>ann</b>")
    assert "last admin" in words(
        visitor.send_form("/users/remove", "/users", name="root")
    ) or "yourself" in words(visitor.get("/audit"))


def test_every_answer_carries_the_headers_that_protect_it(guarded):
    _, url, _ = guarded
    for path in ("/log-in", "/connections", "/nothing", "/static/console.css"):
        headers = httpx.get(url + path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = httpx.get(f"{url}/log-in").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert httpx.get(f"{url}/log-in").headers["cache-control"] == "no-store"


def test_without_log_in_only_this_machines_own_names_are_answered(tmp_path):
    with served(Settings(home=tmp_path)) as url:
        assert httpx.get(f"{url}/connections").status_code == 200
        assert httpx.get(f"{url}/connections", headers={"host": "rebound.example"}).status_code == 400


def test_a_form_that_is_too_large_or_does_not_say_its_size_is_refused(guarded):
    _, url, _ = guarded
    visitor = Visitor(url)
    assert visitor.post("/log-in", data={"name": "x" * 2**21}).status_code == 413
    assert visitor.post("/log-in", content=iter([b"name=x"])).status_code == 411


def test_the_first_start_beyond_this_machine_makes_an_admin_and_says_the_password_once(tmp_path, monkeypatch):
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    started = []
    monkeypatch.setattr(
        "uvicorn.run", lambda app, **options: started.append((app.state.console.asks_log_in, options["host"]))
    )
    first = CliRunner().invoke(app, ["console", "--host", "0.0.0.0"])
    second = CliRunner().invoke(app, ["console", "--host", "0.0.0.0"])
    local = CliRunner().invoke(app, ["console"])
    assert started == [(True, "0.0.0.0"), (True, "0.0.0.0"), (False, "127.0.0.1")]
    assert first.exit_code == second.exit_code == local.exit_code == 0
    said = first.stderr.replace("\n", " ")
    password = said.split("with the password ")[1].split(" ")[0]
    assert users.log_in(Settings(home=tmp_path), "admin", password) is not None
    assert password not in (tmp_path / "control.db").read_bytes().decode("latin-1")
    assert "password" not in second.stderr.split("Passwords travel")[0]
