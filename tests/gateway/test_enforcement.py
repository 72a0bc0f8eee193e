"""Cost controls from end to end: a gateway, judging, the SDK, and clients of a provider that counts its requests."""

import asyncio
import concurrent.futures
import json
import multiprocessing
import pickle
import socket
import threading
from datetime import UTC, datetime
from decimal import Decimal

import meterhouse_sdk
import openai
import polars as pl
import pytest
from meterhouse_sdk import (
    BudgetExceeded,
    ControlsUnknown,
    attribute,
    configure,
    controls,
    flush,
    guard,
    process,
    tool,
    trouble,
    wrap,
)

from meterhouse.alerts.judge import judge_new_files
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.reader import read_landing_file
from meterhouse.gateway import keys
from meterhouse.pricing.price import price_events
from meterhouse.pricing.versions import current_book
from tests.alerts.test_judge import land, line
from tests.alerts.world import incidents, install
from tests.events.making import LATER
from tests.gateway.endpoint import served, wait_until
from tests.sdk.provider_server import ProviderServer

RULES = """\
- name: customer-budget
  metric: total_cost
  period: month
  group_by: [customer]
  where: {provider: {in: [openai, own]}, product: {is_not: free}}
  when: {warning: "> 5", critical: "> 10"}
  enforce: block
- name: agent-shadow
  metric: total_cost
  window: 1h
  group_by: [agent]
  when: "> 20"
  enforce: shadow
"""
ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def provider():
    server = ProviderServer()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("METERHOUSE_URL", "METERHOUSE_API_KEY", "METERHOUSE_LANDING_URL", "METERHOUSE_CONTROLS"):
        monkeypatch.delenv(name, raising=False)
    trouble.start_afresh()
    yield install(tmp_path, None, RULES)
    configure(spool_folder="off", exit_timeout_seconds=0.1)


@pytest.fixture
def gateway(place):
    key = keys.create(place, "shop").key
    with served(place) as url:
        use(url, key)
        yield url


def use(url, key, **options):
    configure(
        **{"url": url, "api_key": key, "spool_folder": "off", "controls_refresh_seconds": 0.05} | options,
        exit_timeout_seconds=0.1,
        flush_seconds=0.05,
    )
    process.controls().wait_for_first(60)


def spend(place, name, cost, **fields):
    land(place, f"{name}.jsonl", line(name, cost, **{"product": "search", "customer": "acme"} | fields))
    judge_new_files(place)


def is_held(**fields):
    return any(hold.action != "warn" for hold in process.controls().holds({"provider": "own"} | fields))


def client(provider):
    return wrap(openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=2))


def notes(place):
    """The events of held calls as the warehouse gets them, priced."""
    assert flush(60)
    zone = open_landing_zone(place)
    found = [pl.DataFrame(read_landing_file(zone, file, 0, LATER).events) for file in list_files(zone)]
    priced = price_events(pl.concat(found), current_book(place))
    return priced.filter(pl.col("outcome").is_in(["blocked", "would_block"])).sort("event_id").to_dicts()


def test_a_customer_beyond_its_budget_is_blocked_before_the_provider_and_free_when_it_is_no_longer(
    place, gateway, provider
):
    asking, asked_before = client(provider), len(provider.bodies)
    with attribute(customer="acme", product="search"):
        asking.chat.completions.create(**ASKED)
        spend(place, "a", "10.000000000001")
        wait_until(lambda: is_held(customer="acme"))
        with pytest.raises(BudgetExceeded) as caught:
            asking.chat.completions.create(**ASKED)
        with pytest.raises(BudgetExceeded):
            asking.responses.create(model="gpt-5", input="Hi", stream=True)
    assert len(provider.bodies) == asked_before + 1
    with attribute(customer="other", product="search"):
        asking.chat.completions.create(**ASKED)
    with attribute(customer="acme", product="free"):
        asking.chat.completions.create(**ASKED)
    assert len(provider.bodies) == asked_before + 3

    error = pickle.loads(pickle.dumps(caught.value))
    [incident] = [one for one in incidents(place) if one.severity == "critical"]
    assert (error.rule, error.enforce, error.incident_id) == ("customer-budget", "block", incident.id)
    assert (error.group, error.comparison, error.unit) == ({"customer": "acme"}, ">", "USD")
    assert (error.value, error.limit) == (Decimal("10.000000000001"), Decimal(10))
    assert error.resets_at > datetime.now(UTC)
    assert error.resets_at.day == 1
    assert "customer-budget: total cost of customer acme came to 10.000000000001 USD, limit > 10 USD" in str(
        error
    )

    [first, second] = notes(place)
    assert (first["outcome"], first["cost_usd"], first["cost_status"]) == ("blocked", None, "skipped")
    assert (first["customer"], first["provider"], first["model"]) == ("acme", "openai", "gpt-5")
    assert (first["error_code"], second["operation"]) == ("budget_exceeded", "chat")
    assert json.loads(first["metadata"]) == {
        "control_rule": "customer-budget",
        "control_incident": incident.id,
    }

    place.rules_file.write_text(RULES.replace("> 10", "> 100"))
    judge_new_files(place)
    wait_until(lambda: not is_held(customer="acme"))
    with attribute(customer="acme", product="search"):
        asking.chat.completions.create(**ASKED)


def test_a_shadow_is_recorded_beside_the_call_and_a_warning_logged_once(place, gateway, provider, caplog):
    spend(place, "a", "6")
    spend(place, "b", "15", customer="third")
    wait_until(
        lambda: is_held(agent="writer") and process.controls().holds({"provider": "own", "customer": "acme"})
    )
    asking, asked_before = client(provider), len(provider.bodies)
    for _ in range(2):
        with attribute(agent="writer", customer="acme"):
            asking.chat.completions.create(**ASKED)
    assert len(provider.bodies) == asked_before + 2
    shadows = notes(place)
    assert [(one["outcome"], one["cost_usd"], one["cost_status"]) for one in shadows] == [
        ("would_block", None, "skipped")
    ] * 2
    assert (
        caplog.text.count("A cost control warns: customer-budget: total cost of customer acme came to 6 USD")
        == 1
    )


def test_async_calls_threads_and_forked_children_are_held_back_too(place, gateway, provider):
    spend(place, "a", "11")
    wait_until(lambda: is_held(customer="acme"))
    asking, asked_before = client(provider), len(provider.bodies)
    waiting = wrap(openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1"))

    async def ask():
        with attribute(customer="acme"):
            await waiting.chat.completions.create(**ASKED)

    with pytest.raises(BudgetExceeded):
        asyncio.run(ask())

    def in_thread(_):
        with attribute(customer="acme"), pytest.raises(BudgetExceeded):
            asking.chat.completions.create(**ASKED)
        return True

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(in_thread, range(8)))
    ends, child_ends = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=ask_until_free, args=(child_ends,))
    child.start()
    assert ends.recv() == "blocked"
    place.rules_file.write_text(RULES.replace("> 10", "> 100"))
    judge_new_files(place)
    assert ends.recv() == "free"
    child.join()
    assert len(provider.bodies) == asked_before


def ask_until_free(ends):
    """In a child: it knows what its parent knew at once, and asks for itself from then on."""
    try:
        guard(provider="own", customer="acme")
    except BudgetExceeded:
        ends.send("blocked")
    process.controls().start()
    wait_until(lambda: not is_held(customer="acme"))
    ends.send("free")


def test_guard_looks_at_the_call_as_it_would_be_metered_and_tools_are_never_held_back(place, gateway):
    spend(place, "a", "11")
    wait_until(lambda: is_held(customer="acme"))
    with attribute(customer="acme"):
        with pytest.raises(BudgetExceeded):
            guard(provider=" OpenAI ", model="gpt-5")
        guard(provider="mistral", model="large")
        guard(provider="openai", customer="", product=None)
        assert tool("search")(lambda: "found")() == "found"
    assert [(one["provider"], one["model"]) for one in notes(place)] == [("openai", "gpt-5")]
    configure(url=gateway, api_key="mh_x", customer="acme", controls="off", spool_folder="off")
    guard(provider="openai")


def test_while_the_endpoint_is_away_open_makes_calls_and_closed_blocks_them(place, monkeypatch, caplog):
    key = keys.create(place, "shop").key
    with served(place) as url:
        spend(place, "a", "11")
        use(url, key, controls="closed")
        guard(provider="own", customer="other")
    known = process.controls()
    with pytest.raises(BudgetExceeded):
        guard(provider="own", customer="acme")
    guard(provider="own", customer="other")
    wait_until(lambda: "Cost controls cannot be fetched: " in caplog.text)
    assert key not in caplog.text
    monkeypatch.setattr(known, "_known_until", 0.0)
    with pytest.raises(ControlsUnknown, match="controls are set to closed"):
        guard(provider="own", customer="other")
    use(url, key, controls="open")
    guard(provider="own", customer="acme")
    use(None, None, controls="closed")
    with pytest.raises(ControlsUnknown):
        guard(provider="own", customer="other")


def test_a_copy_that_nobody_confirms_is_forgotten(place, gateway, monkeypatch):
    spend(place, "a", "11")
    wait_until(lambda: is_held(customer="acme"))
    with pytest.raises(BudgetExceeded):
        guard(provider="own", customer="acme")
    monkeypatch.setattr(controls, "STALE_SECONDS", 0.2)
    process.controls().refresh()
    keys.revoke(place, "shop")
    wait_until(lambda: not process.controls().are_known())
    guard(provider="own", customer="acme")


def test_a_regenerated_key_is_refused_and_the_new_one_asks_again(place, gateway, caplog):
    spend(place, "a", "11")
    wait_until(lambda: is_held(customer="acme"))
    new = keys.regenerate(place, "shop").key
    wait_until(lambda: "HTTP 401: the API key is not accepted" in caplog.text)
    with pytest.raises(BudgetExceeded):
        guard(provider="own", customer="acme")
    use(gateway, new)
    wait_until(lambda: is_held(customer="acme"))


def test_a_call_does_not_wait_for_an_endpoint_that_never_answers(place, caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(url=f"http://127.0.0.1:{silent.getsockname()[1]}", api_key="mh_x", spool_folder="off")
        guard(provider="own")
        asked, _ = silent.accept()
        guard(provider="own")
        assert "cannot be fetched" not in caplog.text, "it is still being asked"
        asked.close()


def test_closed_knows_before_the_first_call_and_a_wrong_policy_is_said(place, monkeypatch, caplog):
    with served(place) as url:
        configure(url=url, api_key=keys.create(place, "shop").key, controls="closed", spool_folder="off")
        guard(provider="own")
    with pytest.raises(ValueError, match="open, closed, off"):
        configure(controls="shut")
    assert meterhouse_sdk.stats()["failed"] == 0
    monkeypatch.setenv("METERHOUSE_CONTROLS", "shut")
    configure(spool_folder="off")
    assert "METERHOUSE_CONTROLS is one of open, closed, off; it stays open" in caplog.text
