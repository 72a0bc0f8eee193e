"""A home whose marts were published: some calls, costs, a trace, rejects, and texts that try to be markup."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from meterhouse.alerts.batches import remember_silence
from meterhouse.alerts.rules_file import load_rules
from meterhouse.control.database import session
from meterhouse.control.tables import IncidentRow, OutboxRow
from meterhouse.settings import Settings
from tests.console.serving import daily_spend, publish

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
HOSTILE = '=HYPERLINK("http://evil.example")<img src=x onerror=alert(1)>'
CUSTOMERS = ("acme", "globex", HOSTILE)
RULES = """
- name: dear-calls
  metric: cost_per_transaction
  window: 1h
  when: "> 0.02"
  group_by: [customer]
  notify: [slack]
  enforce: block
- name: customers
  budget: 40
  period: month
  group_by: [customer]
  steps: [50, 80, 100]
- name: bill
  budget: 1000
  period: quarter
  source: billed
- name: unused
  budget: 5
  period: day
- name: stale
  health: connection_stale
"""


def call(number: int, **changes) -> dict:
    """The numbered call: each a minute before the last, at a cost of its number in tenths of a cent."""
    started_at = NOW - timedelta(minutes=number)
    return {
        "event_id": f"call-{number:03}",
        "source": "sdk",
        "received_at": started_at,
        "started_at": started_at,
        "event_date": started_at.date(),
        "duration_ms": number * 100,
        "provider": "openai",
        "model": "gpt-5",
        "outcome": "error" if number % 50 == 0 else "ok",
        "input_tokens": number,
        "total_input_tokens": number,
        "input_cost_usd": Decimal(number) / 1000,
        "cost_usd": Decimal(number) / 1000,
        "cost_status": "priced",
        "price_version": "v1",
        "customer": CUSTOMERS[number % 3],
        "agent": "answerer",
        "metadata": json.dumps({"ticket": "<b>7</b>"}),
    } | changes


def held_back(number: int, outcome: str) -> dict:
    """What a control writes into the log in place of a call, or beside it."""
    note = {"control_rule": "customers <b>", "control_incident": "i-1"}
    nothing = dict.fromkeys(("input_tokens", "total_input_tokens", "input_cost_usd", "cost_usd"))
    return (
        call(number, event_id=f"held-{number}", outcome=outcome, cost_status="skipped")
        | nothing
        | {"metadata": json.dumps(note)}
    )


def budget(name: str, group: dict, used: str, amount: str, starts_at: datetime, days: int, **changes) -> dict:
    """A row of fct_budgets."""
    return {
        "budget_period_id": f"{name}{group}{starts_at}",
        "budget_name": name,
        "source": "metered",
        "period": "month",
        "timezone": "UTC",
        "group_key": json.dumps(group),
        "period_started_at": starts_at,
        "period_ends_at": starts_at + timedelta(days=days),
        "is_current": True,
        "amount_usd": Decimal(amount),
        "used_usd": Decimal(used),
        "used_percent": Decimal(used) * 100 / Decimal(amount),
        "expected_usd": Decimal(amount) / 3,
        "projected_simple_usd": Decimal(used) * 3,
        "projected_seasonal_usd": None,
        "known_until": NOW,
        "unpriced_count": 0,
        "status": "within",
    } | changes


def attributed(day, customer, billed, estimated=None, allocation="attributed") -> dict:
    return {
        "attributed_cost_id": f"{day}{customer}{allocation}",
        "cost_date": day,
        "provider": "openai",
        "allocation": allocation,
        "model": "gpt-5",
        "customer": customer,
        "metered_cost_usd": billed or estimated,
        "billed_cost_usd": billed,
        "estimated_usd": estimated,
        "is_provisional": billed is None,
    }


def filled_home(home: Path) -> Settings:
    """A home with published marts, one rule, one incident and one message."""
    (home / "rules.yaml").write_text(RULES)
    settings = Settings(home=home, rules_file=home / "rules.yaml")
    yesterday = TODAY - timedelta(days=1)
    calls = [call(number) for number in range(1, 121)]
    calls += [
        call(200, event_id="root", trace_id="t-1", agent="planner"),
        call(199, event_id="child", trace_id="t-1", parent_event_id="root", agent="searcher"),
        call(198, event_id="grandchild", trace_id="t-1", parent_event_id="child", agent="reader"),
        call(197, event_id="circle-a", trace_id="t-1", parent_event_id="circle-b"),
        call(196, event_id="circle-b", trace_id="t-1", parent_event_id="circle-a"),
        call(
            195,
            event_id="orphan",
            trace_id="t-1",
            parent_event_id="elsewhere",
            cost_usd=None,
            cost_status="unpriced",
        ),
        held_back(130, "blocked"),
        held_back(131, "would_block"),
    ]
    month = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=10)
    budgets = [
        budget(
            "customers", {"customer": HOSTILE}, "41.5", "40", month, 30, status="used up", unpriced_count=2
        ),
        budget("customers", {"customer": "acme"}, "20", "40", month, 30, status="at risk"),
        budget("customers", {"customer": "acme"}, "39.99", "40", month - timedelta(days=30), 30),
        budget(
            "bill",
            {},
            "100",
            "1000",
            month,
            90,
            period="quarter",
            source="billed",
            projected_seasonal_usd="910.5",
        ),
    ]
    workflow = {
        "report_date": yesterday, "workflow": "answer <b>", "run_count": 4, "success_run_count": 2,
        "failed_run_count": 1, "call_count": 9, "costless_call_count": 1, "cost_usd": "3",
        "failed_run_cost_usd": "0.75", "outcome_count": 3, "success_count": 2, "value_usd": "10", "return_usd": "7",
    }  # fmt: skip
    outcome = {"outcome_name": "ticket <b>", "is_success": True, "value_usd": "5", "achieved_at": NOW}
    publish(
        settings,
        {
            "fct_transactions": calls,
            "fct_traces": [
                {
                    "trace_id": "t-1",
                    "trace_name": "<i>answer</i>",
                    "call_count": 6,
                    "error_count": 1,
                    "unpriced_count": 1,
                    "usage_missing_count": 0,
                    "cost_usd": "0.99",
                    "duration_ms": 65_000,
                    "is_success": True,
                    "outcome_names": "solved",
                }
            ],
            "fct_prompts": [
                {
                    "event_id": "call-001",
                    "system_prompt": "You are <script>",
                    "output_text": "Hello",
                    "is_truncated": False,
                }
            ],
            "rejected_events": [
                {
                    "reject_id": f"r{n}",
                    "file_url": "events/a.jsonl",
                    "file_line": n,
                    "raw_text": '{"<script>": 1}',
                    "reason": f"`model` is missing in line {n}",
                    "first_seen_at": NOW,
                }
                for n in range(1, 61)
            ],
            "fct_budgets": budgets,
            "rpt_workflows": [workflow, workflow | {"report_date": TODAY, "cost_usd": "1"}],
            "fct_outcomes": [outcome, outcome | {"is_success": False, "value_usd": None}],
            "dim_provider": [{"provider": "openai", "provider_name": "OpenAI"}],
            "fct_attributed_costs": [
                attributed(yesterday, "acme", "10.000000000001"),
                attributed(yesterday, HOSTILE, "2"),
                attributed(yesterday, None, "0.5", allocation="unattributed"),
                attributed(TODAY, "acme", None, "3.25"),
                attributed(TODAY - timedelta(days=8), "globex", "7"),
            ],
            "fct_reconciliation": [
                {
                    "cell_id": "c",
                    "reconciliation_date": yesterday,
                    "provider": "openai",
                    "is_provisional": False,
                    "billed_cost_usd": "12.5",
                    "metered_cost_usd": "11",
                    "quantity_usd": "1.5",
                    "timing_usd": "0",
                    "price_usd": "0.000000000001",
                    "unpriced_usd": "0",
                    "unexplained_usd": "0",
                }
            ],
            "rpt_daily_spend": [
                daily_spend(yesterday, "c1", "main", "openai", "12.500000000001"),
                daily_spend(TODAY, "c1", "main", "openai", None, "3.25"),
            ],
        },
    )
    with session(settings) as opened:
        incident = IncidentRow(
            id="i-1",
            rule="dear-calls",
            rule_version=load_rules(settings.rules_file)[0].version,
            group_key=json.dumps({"customer": HOSTILE}),
            severity="critical",
            status="firing",
            fired_at=NOW,
            opened_at=NOW,
            value="0.03",
            limit="0.02",
            first_event_id="call-030",
        )
        opened.add(incident)
        remember_silence(opened, NOW)
        opened.flush()
        opened.add(
            OutboxRow(
                id="o-1",
                incident_id="i-1",
                event="fired",
                channel="slack",
                payload={},
                status="pending",
                attempt_count=2,
                created_at=NOW,
                next_attempt_at=NOW,
                last_error="Slack answered 500.",
            )
        )
    return settings
