"""The marts and the report against the ledger of a small world: every number that is not the ledger's, in words.

What belongs here: comparing. What does not: making the world or running the pipeline (the demo), how the ledger comes
to its numbers (`sandbox.ledger`). Nothing here rounds: numbers agree to the last decimal or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from meterhouse.connections import registry, sync_log
from meterhouse.published import published_marts
from meterhouse.report import build_report
from meterhouse.settings import Settings

REQUESTS_AT_MOST = 100
"""Requests that the first sync of one connection may take for its 30 days of history."""

Ledger = dict[str, Any]

_LINES = """
    select
        provider, model, token_type,
        sum(billed_cost_usd), sum(billed_quantity), sum(priced_quantity), sum(unpriced_quantity), sum(metered_cost_usd)
    from marts.fct_reconciliation
    where not is_provisional
    group by all
"""
_GATEWAYS = """
    select connection_name, upstream_provider, model, sum(estimated_cost_usd)
    from marts.fct_gateway_costs
    inner join marts.dim_connection using (connection_id)
    where not is_provisional
    group by all
"""
_CALLS = """
    select count(*), sum(total_input_tokens), sum(total_output_tokens) from marts.fct_transactions
"""


@dataclass(frozen=True)
class AccountTruth:
    """One connection beside what its account's ledger says; a proxy's estimate is no bill."""

    connection: str
    provider: str
    status: str
    request_count: int
    billed_usd: Decimal
    ledger_billed_usd: Decimal
    metered_usd: Decimal
    ledger_metered_usd: Decimal

    @property
    def is_true(self) -> bool:
        """Whether both amounts are the ledger's."""
        return (self.billed_usd, self.metered_usd) == (self.ledger_billed_usd, self.ledger_metered_usd)


def accounts_of(settings: Settings, ledger: Ledger) -> list[AccountTruth]:
    """Every connection with its status, the requests of its first sync, and its amounts, found and true."""
    answer = build_report(settings, by=["connection"])
    found = {row["connection"]: row for row in answer["rows"]}
    statuses = {one["name"]: one["status"] for one in answer["connections"]}
    zero: dict[str, Any] = {}
    accounts = []
    for row in registry.find(settings):
        mine, true = found.get(row.name, zero), ledger["accounts"].get(row.name, zero)
        _, request_count = sync_log.requests_spent(settings, row.id, datetime.now(UTC) - timedelta(days=1))
        accounts.append(
            AccountTruth(
                row.name,
                row.provider,
                statuses[row.name],
                request_count,
                mine.get("billed", Decimal(0)),
                Decimal(true.get("billed_usd", 0)),
                mine.get("metered", Decimal(0)),
                Decimal(true.get("metered_usd", 0)),
            )
        )
    return accounts


def disagreements(settings: Settings, ledger: Ledger, accounts: Iterable[AccountTruth] = ()) -> list[str]:
    """Every number of report and marts that is not, to the last decimal, what the ledger says."""
    answer = build_report(settings)
    with published_marts(settings) as marts:
        lines, gateways = marts.execute(_LINES).fetchall(), marts.execute(_GATEWAYS).fetchall()
        calls = marts.execute(_CALLS).fetchone()
    return [
        *_unequal(_totals(answer, ledger)),
        *_alerts(answer, ledger),
        *_unequal_rows("usage", lines, [_line(row) for row in ledger["lines"]], key=3),
        *_unequal_rows("estimates", gateways, [_gateway(row) for row in ledger["gateways"]], key=3),
        *_lost_calls(calls, ledger),
        *_of_accounts(accounts),
    ]


def _totals(answer: dict[str, Any], ledger: Ledger) -> Iterable[tuple[str, Decimal, Any]]:
    truth = ledger["totals"]["all"]
    names = ("billed", "attributed", "unattributed", "credits", "other", "metered", "provisional")
    yield from ((name, answer[name], truth[f"{name}_usd"]) for name in names)
    for cause, amount in truth["variance"].items():
        yield f"variance {cause}", answer["variance"][cause], amount
    found = {row["provider"]: row for row in answer["rows"]}
    for provider, total in ledger["totals"].items():
        if provider != "all":
            for name in ("billed", "attributed", "metered", "provisional"):
                amount = found[provider][name] if provider in found else Decimal(0)
                yield f"{name} at {provider}", amount, total[f"{name}_usd"]


def _unequal(pairs: Iterable[tuple[str, Decimal, Any]]) -> list[str]:
    return [
        f"{name}: the report says {found}, the ledger {expected}"
        for name, found, expected in pairs
        if found != Decimal(expected)
    ]


def _unequal_rows(what: str, found: Sequence[Any], expected: Sequence[Any], key: int) -> list[str]:
    """Rows that one side lacks, or whose numbers differ; unknown is equal to nothing but unknown."""
    mine, true = ({tuple(row[:key]): tuple(row[key:]) for row in rows} for rows in (found, expected))
    return [
        f"{what} of {' '.join(str(part) for part in name if part)}: the marts say {mine.get(name)}, "
        f"the ledger {true.get(name)}"
        for name in sorted(mine.keys() | true.keys(), key=str)
        if mine.get(name) != true.get(name)
    ]


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["provider"],
        row["model"],
        row["token_type"],
        Decimal(row["billed_usd"]),
        row["billed_quantity"],
        row["metered_priced_quantity"],
        row["metered_unpriced_quantity"],
        Decimal(row["metered_usd"]),
    )


def _gateway(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["account"], row["upstream_provider"], row["model"], Decimal(row["estimated_usd"]))


def _alerts(answer: dict[str, Any], ledger: Ledger) -> list[str]:
    fired = len([alert for alert in answer["alerts"] if alert["rule"] == "average-cost-per-transaction"])
    expected = len(ledger["alerts"])
    return [] if fired == expected else [f"alerts: {fired} fired, the ledger has {expected}"]


def _lost_calls(found: tuple[Any, ...] | None, ledger: Ledger) -> list[str]:
    names = ("transactions", "context_tokens", "generated_tokens")
    expected = tuple(ledger["events"][name] for name in names)
    return [] if found == expected else [f"{names}: the marts say {found}, the ledger {expected}"]


def _of_accounts(accounts: Iterable[AccountTruth]) -> list[str]:
    faults = []
    for one in accounts:
        if not one.is_true:
            faults.append(
                f"{one.connection}: billed {one.billed_usd}, metered {one.metered_usd}; the ledger has "
                f"{one.ledger_billed_usd} and {one.ledger_metered_usd}"
            )
        if one.status != "connected":
            faults.append(f"{one.connection} is {one.status}")
        if one.request_count > REQUESTS_AT_MOST:
            faults.append(f"{one.connection} took {one.request_count} requests, more than {REQUESTS_AT_MOST}")
    return faults
