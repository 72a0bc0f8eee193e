"""The console in a real browser (headless Chromium), as a user works with it; skipped where there is none."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry
from meterhouse.console import users
from meterhouse.console.users import Role
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.connections import fake_provider
from tests.connections.fake_provider import GOOD_KEY, NEXT_KEY, SECRETS
from tests.console.serving import served
from tests.console.small_marts import HOSTILE, filled_home
from tests.console.test_connections import provider_in_place_of_openai
from tests.console.test_pages import PAGES
from tests.events.making import event
from tests.gateway import endpoint as gateway

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM ON THIS MACHINE: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    settings = filled_home(tmp_path_factory.mktemp("browser"))
    keys.create(settings, HOSTILE)
    with served(settings) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh profile; whatever the browser complains about, or any script that should not run, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    faults: list[str] = []
    page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []


def _violations(page: Page, **options) -> list[str]:
    found = Axe().run(page, options=options or None).response["violations"]
    return [f"{page.url}: {one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def test_no_page_breaks_a_rule_of_accessibility_in_either_theme(page: Page, url: str) -> None:
    violations = []
    for path in PAGES:
        page.goto(url + path)
        violations += _violations(page)
    page.emulate_media(color_scheme="dark")
    for path in (
        "/connections",
        "/integrations",
        "/costs",
        "/budgets",
        "/transactions",
        "/alerts",
        "/health",
    ):
        page.goto(url + path)
        violations += _violations(page, runOnly=["color-contrast"])
    assert violations == []


def test_no_page_is_wider_than_a_phone(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        page.goto(url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_tables_fit_a_small_screen(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1200, "height": 800})
    for path in PAGES:
        page.goto(url + path)
        too_wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
        assert page.evaluate(too_wide) == 0, path


def test_a_provider_is_connected_after_a_wrong_key_keeps_its_own_in_an_outage_and_is_removed(
    page: Page, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(PROVIDERS, "openai", provider_in_place_of_openai())
    settings = Settings(home=tmp_path / "home")
    with fake_provider.running() as api, served(settings) as url:
        page.goto(url)
        page.get_by_role("link", name="Connect a provider").first.click()
        page.get_by_role("link", name="Fake").click()
        page.get_by_label("Name", exact=True).fill(HOSTILE)
        page.get_by_label("Admin key").fill("fk-wrong")
        page.get_by_label("Base URL").fill(api.url)
        page.get_by_role("button", name="Test and save").click()
        expect(page.get_by_role("alert")).to_contain_text(
            "Fake does not accept the key. Copy the admin key again."
        )
        expect(page.get_by_label("Admin key")).to_have_value("")
        expect(page.get_by_label("Base URL")).to_have_value(api.url)
        page.get_by_label("Admin key").fill(GOOD_KEY)
        page.get_by_role("button", name="Test and save").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
        assert not [secret for secret in SECRETS if secret in page.content()]
        api.is_down = True
        page.get_by_role("button", name="Test", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("Fake is not available. Try again later.")
        page.get_by_text("Replace the credentials").click()
        page.get_by_label("Admin key").fill(NEXT_KEY)
        page.get_by_role("button", name="Test and replace").click()
        expect(page.get_by_role("alert")).to_contain_text("Fake is not available. Try again later.")
        assert registry.credentials_of(settings, HOSTILE).admin_key.get_secret_value() == GOOD_KEY
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Disconnected")
        page.get_by_text("Remove this connection").click()
        page.get_by_label("Type the name").fill(HOSTILE)
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Removed")
    assert registry.names(settings) == []


def test_a_key_is_created_copied_and_regenerated(page: Page, tmp_path) -> None:
    settings = Settings(home=tmp_path)
    with served(settings) as url:
        page.goto(f"{url}/integrations")
        page.get_by_label("Name: the program").fill("shop")
        page.get_by_role("button", name="Create").click()
        first = page.get_by_label("API key", exact=True).input_value()
        assert first == keys.copy(settings, "shop").key
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == first
        page.get_by_text("More", exact=True).click()
        page.get_by_role("button", name="Regenerate shop").click()
        second = page.get_by_label("API key", exact=True).input_value()
        assert second not in ("", first)
        page.reload()
        assert (
            page.get_by_label("API key", exact=True).input_value()
            == second
            == keys.copy(settings, "shop").key
        )


def test_a_regenerated_and_an_expired_key_are_refused_where_they_are_tried(page: Page, tmp_path) -> None:
    settings = Settings(home=tmp_path)
    first = keys.create(settings, "shop").key
    keys.create(settings, "old", expires_at=datetime.now(UTC) - timedelta(minutes=1))
    with gateway.served(settings) as endpoint, served(Settings(home=tmp_path, gateway_url=endpoint)) as url:
        page.goto(f"{url}/integrations")
        shop, old = (page.get_by_role("row", name=name) for name in ("shop", "old"))
        shop.get_by_role("button", name="Send a test event").click()
        expect(page.get_by_text("The endpoint took the test event")).to_be_visible()
        page.goto(f"{url}/integrations")
        expect(old).to_contain_text("Expired")
        old.get_by_role("button", name="Send a test event").click()
        expect(page.get_by_role("alert")).to_contain_text("answered 401")
        shop.get_by_text("More", exact=True).click()
        shop.get_by_role("button", name="Regenerate shop").click()
        second = page.get_by_label("API key", exact=True).input_value()
        for key, status in ((first, 401), (second, 200)):
            with gateway.client(endpoint, key) as program:
                assert program.post("/v1/events", json=event(2)).status_code == status
    assert len(gateway.landed_lines(settings)) == 2


def test_what_a_user_types_into_any_field_is_text(page: Page, tmp_path) -> None:
    """Every form of every page, each with markup in all that can be typed; the fixture fails on any script."""
    settings = filled_home(tmp_path)
    users.add(settings, "root", Role.ADMIN)
    with served(settings) as url:
        typed = 0
        for path in PAGES:
            page.goto(url + path)
            forms = page.locator("main form")
            for number in range(forms.count()):
                page.goto(url + path)
                page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                form = forms.nth(number)
                fields = form.locator("input:not([type]), input[type=password], input[type=search]")
                if fields.count() == 0:
                    continue
                for index in range(fields.count()):
                    fields.nth(index).fill(HOSTILE)
                form.locator("button").last.click()
                page.wait_for_load_state()
                assert page.locator("img[src=x]").count() == 0, path
                typed += fields.count()
        for path in (
            "/costs?by=",
            "/transactions?sort=",
            "/alerts/backtest?rule=",
            "/budgets?budget=",
            "/log-in?next=",
        ):
            page.goto(url + path + quote(HOSTILE))
            assert page.locator("img[src=x]").count() == 0, path
    assert typed > 10


def test_a_page_is_used_with_the_keyboard_alone(page: Page, url: str) -> None:
    page.goto(f"{url}/transactions?days=2")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Any id").focus()
    page.keyboard.type("call-00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("9 calls")
    page.get_by_text("Columns", exact=True).focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("checkbox", name="Cost USD")
    box.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Show").focus()
    page.keyboard.press("Enter")
    expect(page.locator("thead")).not_to_contain_text("Cost USD")
    page.goto(f"{url}/transactions?days=2")
    expect(page.locator("thead")).to_contain_text("Customer")
    expect(page.locator("thead")).not_to_contain_text("Cost USD")


def test_a_user_logs_in_and_times_are_shown_in_their_zone(browser: Browser, tmp_path) -> None:
    settings = Settings(home=tmp_path)
    password = users.add(settings, "root", Role.ADMIN)
    context = browser.new_context(timezone_id="Asia/Tokyo", locale="en-GB")
    page = context.new_page()
    with served(settings, asks_log_in=True) as url:
        page.goto(f"{url}/users")
        violations = _violations(page)
        page.get_by_label("Name").fill("root")
        page.get_by_label("Password").fill("guess")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("do not fit")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Users")
        violations += _violations(page)
        made = users.find(settings, "root").created_at
        shown = page.locator("td time").first
        expect(shown).to_have_attribute("title", f"{made:%Y-%m-%d %H:%M:%S} UTC")
        expect(shown).to_contain_text(f"{(made.hour + 9) % 24:02}:{made.minute:02}")
        page.get_by_role("button", name="Dark or light").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{url}/log-in")
        context.close()
    assert violations == []


def test_the_log_is_narrowed_opened_and_followed_to_its_trace(page: Page, url: str) -> None:
    page.goto(f"{url}/transactions")
    page.get_by_text("More filters").click()
    page.get_by_label("Trace id").fill("t-1")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main")).to_contain_text("6 calls")
    page.get_by_role("link", name="Cost USD").click()
    expect(page.locator("th[aria-sort]")).to_contain_text("Cost USD")
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Its trace").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("<i>answer</i>")
    expect(page.locator(".tree li .tree li .tree li")).to_contain_text("reader")
