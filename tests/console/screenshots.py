"""Takes the pictures of docs/console.md: every page, in both themes, of a copy of the demo's home.

Run `make demo`, then `python -m tests.console.screenshots`. The copy gets what the demo has none of: budgets, outcomes,
refused lines, calls held back, users; all of it through the product's own doors, and built.
"""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import meterhouse_sdk
from playwright.sync_api import Page, sync_playwright

from meterhouse.alerts.judge import watch
from meterhouse.connections import registry
from meterhouse.console import marts, users
from meterhouse.console.users import Role
from meterhouse.gateway import keys
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment
from tests.console.serving import served
from tests.console.test_browser import CHROMIUM

PICTURES = PROJECT_ROOT / "docs" / "console"
WIDTH, HEIGHT, SCALE = 1200, 800, 0.75
RULES = """
- name: average-cost-per-transaction
  metric: cost_per_transaction
  window: 1h
  group_by: [product, agent]
  when: "> 1.25"
  notify: [slack]
- name: customers-per-month
  budget: 12
  period: month
  group_by: [customer]
  pace: true
- name: openai-bill
  budget: 100
  period: quarter
  source: billed
  where: {provider: {is: openai}}
- name: trial-agents
  budget: 1
  period: day
  group_by: [agent]
  where: {product: {is: trial}}
  enforce: block
- name: disconnected
  health: connection_stale
"""
TRACES = """
    select trace_id, workflow, row_number() over (order by trace_id) as number
    from marts.fct_traces
    where workflow in ('answer-question', 'ticket-triage', 'pull-request')
    order by trace_id limit 400
"""
DEEPEST_TRACE = (
    "select trace_id from marts.fct_traces order by agent_count desc, call_count desc, trace_id limit 1"
)
DEAREST_CALL = (
    "select event_id from marts.fct_transactions order by cost_usd desc nulls last, event_id limit 1"
)


def main() -> None:
    with TemporaryDirectory() as folder:
        settings = copied(Settings(), Path(folder))
        fill(settings)
        take(settings)


def copied(demo: Settings, folder: Path) -> Settings:
    """The demo's home, in another folder, with rules of its own."""
    assert demo.demo_mark_path.exists(), f"{demo.home_path} is no demo's home: run make demo first"
    home = folder / "home"
    shutil.copytree(demo.home_path, home, ignore=shutil.ignore_patterns("*.lock", "dagster"))
    (home / "rules.yaml").write_text(RULES)
    return Settings(home=home, rules_file=home / "rules.yaml")


def fill(settings: Settings) -> None:
    """What the demo has none of, through the SDK, the command line and the alert rules; then a build."""
    (settings.home_path / "landing").mkdir(exist_ok=True)
    meterhouse_sdk.configure(landing_url=settings.landing_zone_url, producer="pictures")
    now = datetime.now(UTC)
    trial = {"provider": "openai", "model": "gpt-5", "product": "trial", "customer": "acme-labs"}
    for number, agent in enumerate(("summarizer", "summarizer", "planner")):
        started_at = now - timedelta(minutes=9 - number)
        meterhouse_sdk.meter(
            **trial,
            agent=agent,
            started_at=started_at,
            duration_ms=4_000,
            input_tokens=90_000,
            output_tokens=60_000,
        )
    for minutes, outcome in ((3, "blocked"), (2, "blocked"), (1, "would_block")):
        meterhouse_sdk.meter(
            **trial,
            agent="summarizer",
            outcome=outcome,
            started_at=now - timedelta(minutes=minutes),
            metadata={"control_rule": "trial-agents"},
        )
    for trace in marts.rows(settings, TRACES):
        is_success = trace["number"] % 7 != 0
        meterhouse_sdk.outcome(
            trace["trace_id"],
            f"{trace['workflow']} done",
            is_success=is_success,
            value_usd="0.25" if is_success else None,
        )
    assert meterhouse_sdk.flush(30)
    watch(settings, seconds=1.0)
    refused = settings.home_path / "shop.jsonl"
    lines = (
        {"event_id": "order-1", "provider": "openai", "started_at": now.isoformat(), "input_tokens": 10},
        {"event_id": "order-2", "provider": "openai", "model": "gpt-5", "started_at": "yesterday"},
        {
            "event_id": "order-3",
            "provider": "openai",
            "model": "gpt-5",
            "started_at": now.isoformat(),
            "input_tokens": -4,
        },
    )
    refused.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{not json\n")
    for command in (("events", "import", str(refused)), ("build",)):
        run = [sys.executable, "-m", "meterhouse.cli.main", *command]
        subprocess.run(run, env=child_environment(settings), check=True)
    keys.create(settings, "shop")
    keys.create(settings, "worker", expires_at=now + timedelta(days=90))
    for name in ("ann", "ben"):
        users.add(settings, name, Role.VIEWER)


def pages(settings: Settings) -> dict[str, str]:
    """The address of each picture's page, by the picture's name."""
    connection = registry.get(settings, "openai").id
    [[trace], [call]] = [
        list(marts.rows(settings, query)[0].values()) for query in (DEEPEST_TRACE, DEAREST_CALL)
    ]
    return {
        "connections": "/connections",
        "providers": "/connections/new",
        "connect": "/connections/new/openai",
        "connection": f"/connections/{connection}",
        "integrations": "/integrations",
        "costs": "/costs?days=7&by=customer",
        "budgets": "/budgets",
        "transactions": "/transactions",
        "call": f"/transactions/call?id={call}",
        "trace": f"/transactions/trace?id={trace}",
        "rejects": "/rejects",
        "alerts": "/alerts",
        "backtest": "/alerts/backtest?rule=average-cost-per-transaction&days=2",
        "health": "/health",
        "audit": "/audit",
        "users": "/users",
    }


def take(settings: Settings) -> None:
    """Log in, and take each page in both themes."""
    password = users.add(settings, "admin", Role.ADMIN)
    with sync_playwright() as playwright, served(settings, asks_log_in=True) as url:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                device_scale_factor=SCALE,
                color_scheme=theme,
                timezone_id="UTC",
                locale="en-GB",
            )
            page = context.new_page()
            page.goto(url)
            _keep(page, "log-in", theme)
            page.get_by_label("Name").fill("admin")
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(f"{url}/connections")
            for name, path in pages(settings).items():
                page.goto(url + path)
                _keep(page, name, theme)
            context.close()
        browser.close()


def _keep(page: Page, name: str, theme: str) -> None:
    assert page.locator(".empty").count() == 0, f"{name} shows nothing"
    page.screenshot(path=PICTURES / f"{name}-{theme}.png")


if __name__ == "__main__":
    main()
