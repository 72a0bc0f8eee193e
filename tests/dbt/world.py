"""A small random world of bills, usage and events: facts for the oracle, and the same facts as raw tables.

What belongs here: how each fact looks at its provider or in an event. What does not: what should come out.
"""

import json
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.dbt import raw
from tests.dbt.oracle import Charge, Metered, Used

FIRST = date(2026, 10, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(8)]
PROVISIONAL_DAY = DAYS[-1]
UNPULLED_DAY = PROVISIONAL_DAY + timedelta(days=1)
MODELS = {"c-openai": ("gpt-4o", "gpt-4o-mini"), "c-anthropic": ("claude-sonnet-4-5", "claude-haiku-4-5")}
UNKNOWN_MODEL = "zeta-new"
SUFFIXES = {
    ("input", "standard"): ("input", "input_tokens"),
    ("output", "standard"): ("output", "output_tokens"),
    ("cache_read", "standard"): ("cached input", "cached_input_tokens"),
    ("input", "batch"): ("batch input", "batch_input_tokens"),
}
ANTHROPIC_TYPES = {
    "input": "uncached_input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
}
USAGE_FIELDS = {
    "input": "uncached_input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation_ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation_ephemeral_1h_input_tokens",
    "web_searches": "server_tool_use_web_search_requests",
}
EVENT_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "web_searches": "web_searches",
}


class World:
    """Facts of one seed; `write` puts them into a new warehouse."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.charges: list[Charge] = []
        self.used: list[Used] = []
        self.metered: list[Metered] = []
        self.events: list[dict] = []
        for connection in ("c-openai", "c-anthropic"):
            for day in DAYS:
                self._bill(connection, day)
            for day in [*DAYS, UNPULLED_DAY]:
                self._meter(connection, day)

    def _bill(self, connection: str, day: date) -> None:
        chance, is_openai = self.chance, connection == "c-openai"
        for token_type in ("input", "output", "cache_read", "cache_write_5m", "web_searches"):
            for model in MODELS[connection]:
                for project in ("p1", "p2", None):
                    if chance.random() < 0.4:
                        continue
                    tier = "batch" if token_type == "input" and chance.random() < 0.3 else "standard"
                    if is_openai and (token_type, tier) not in SUFFIXES:
                        continue
                    billed_model = None if token_type == "web_searches" else model
                    quantity = chance.randrange(1, 5000)
                    amount = Decimal(chance.randrange(-5, 10**9)).scaleb(-7)
                    known = Decimal(quantity) if is_openai and chance.random() < 0.9 else None
                    self.charges.append(
                        Charge(connection, day, billed_model, token_type, tier, project, amount, known)
                    )
                    if not is_openai and chance.random() < 0.9:
                        self.used.append(Used(connection, day, model, token_type, tier, project, quantity))
        self.charges.append(
            Charge(connection, day, None, "unmapped", "standard", None, Decimal("0.123456789012"), None)
        )
        if is_openai:
            self.charges.append(
                Charge(connection, day, None, "unmapped", "standard", None, Decimal("-2.5"), None, "credit")
            )

    def _meter(self, connection: str, day: date) -> None:
        chance = self.chance
        for _ in range(25):
            provider = raw.CONNECTIONS[connection]
            model, tier = (
                chance.choice([*MODELS[connection], UNKNOWN_MODEL]),
                chance.choice(["standard", "standard", "batch", "flex"]),
            )
            name = chance.choice(
                [model, f" {model.title()}", model if model == UNKNOWN_MODEL else f"{model}-20260102"]
            )
            project, customer = (
                chance.choice(["p1", "p1", "p2", "p2", None]),
                chance.choice(["acme", "umbra", None]),
            )
            event = {
                "event_id": f"e{len(self.events)}",
                "provider": provider,
                "model": name,
                "connection": f"name of {connection}",
                "provider_project": project,
                "customer": customer,
                "started_at": raw.after(day, chance.randrange(24)),
                "received_at": raw.after(day, 25),
                "content_hash": str(len(self.events)),
                "file_url": "f",
                "file_line": len(self.events),
                "service_tier": None if tier == "batch" else tier,
                "is_batch": tier == "batch",
                **self._told(len(self.events)),
            }
            status = chance.choice(
                ["priced", "priced", "priced", "unpriced", "client_reported", "usage_missing"]
            )
            types = [] if status == "usage_missing" else chance.sample(list(EVENT_FIELDS), 2)
            costs = [
                Decimal(chance.randrange(0, 10**10)).scaleb(-12) if status == "priced" else None
                for _ in types
            ]
            for token_type, cost in zip(types, costs, strict=True):
                quantity = chance.randrange(0, 3000)
                event[EVENT_FIELDS[token_type]], event[f"{token_type}_cost_usd"] = quantity, cost
                self.metered.append(
                    Metered(connection, day, model, token_type, tier, project, customer, quantity, cost)
                )
            known = {"priced": sum(cost or 0 for cost in costs), "client_reported": Decimal("0.7")}
            event["cost_usd"] = known.get(status)
            if status == "client_reported":
                self.metered.append(
                    Metered(connection, day, model, "unmapped", tier, project, customer, 0, Decimal("0.7"))
                )
            self.events.append({**event, "cost_status": status})
        self.metered = [m for m in self.metered if m.quantity or m.cost]

    def _told(self, number: int) -> dict[str, str | int]:
        """What some events say besides; names with what is special in SQL."""
        told = {
            0: {"environment": "it's 5%_off"},
            1: {"environment": "it's 5x_off"},
            2: {"business_unit": "ads/eu"},
            3: {"workflow": "triage", "agent": "reader", "outcome": "error"},
            4: {"workflow": "triage", "agent": "writer", "retry_number": 1},
        }
        metadata = {
            0: {"team": "search", "tenant": 7},
            1: {"team": "ranking"},
            2: {"team": "Search", "tenant": "t"},
        }
        found = dict(told[number % 5])
        if number % 4 in metadata:
            found["metadata"] = json.dumps(metadata[number % 4])
        return found

    def write(self, path: Path, empty_home: Path | None = None) -> None:
        raw.create(path, empty_home=empty_home)
        raw.add_connections(path, "c-openai", "c-anthropic")
        contents = defaultdict(list)
        for charge in self.charges:
            is_openai = charge.connection == "c-openai"
            report, row = (
                ("costs", self._openai_line(charge)) if is_openai else ("cost_report", anthropic_line(charge))
            )
            contents[charge.connection, report, charge.day].append(row)
        for use in self.used:
            contents[use.connection, "usage_report_messages", use.day].append(anthropic_usage(use))
        for (connection, report, day), content in contents.items():
            raw.pull(path, connection, report, day, content, seen_at(day))
        raw.load_events(path, self.events, 1)

    def _openai_line(self, charge: Charge) -> dict:
        if charge.category == "credit":
            line = "Promotional credits"
        elif charge.model is None:
            line = "evals | something, input"
        else:
            model = self.chance.choice([charge.model, charge.model.upper(), f"{charge.model}-2026-01-02"])
            line = f"{model}, {self.chance.choice(SUFFIXES[charge.token_type, charge.tier])}"
        in_thousands = charge.quantity is not None and self.chance.random() < 0.5
        quantity = (
            None
            if charge.quantity is None
            else str(charge.quantity / 1000 if in_thousands else charge.quantity)
        )
        return {
            "amount_value": f"{charge.amount:f}",
            "amount_currency": "usd",
            "line_item": line,
            "project_id": charge.project,
            "quantity": quantity,
            "quantity_unit": None if quantity is None else "1000_tokens" if in_thousands else "tokens",
        }


def seen_at(day: date) -> datetime:
    return raw.after(day, 12 if day == PROVISIONAL_DAY else 30)


def anthropic_line(charge: Charge) -> dict:
    cost_type = {"web_searches": "web_search", "unmapped": "something_new"}.get(charge.token_type, "tokens")
    return {
        "amount": f"{charge.amount * 100:f}",
        "currency": "USD",
        "cost_type": cost_type,
        "description": f"Zeta {charge.token_type}",
        "model": charge.model and f"{charge.model}-20260102",
        "token_type": ANTHROPIC_TYPES.get(charge.token_type),
        "service_tier": charge.tier if charge.model else None,
        "workspace_id": charge.project,
        "context_window": "0-200k",
    }


def anthropic_usage(use: Used) -> dict:
    return {
        USAGE_FIELDS[use.token_type]: use.quantity,
        "model": f"{use.model}-20260102",
        "service_tier": use.tier,
        "workspace_id": use.project,
    }
