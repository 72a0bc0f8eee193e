"""What Azure knows, as plain records: accounts, deployments, lines of the bill, and counted tokens.

What belongs here: the records and the desk of the server. What does not: how Azure shows them
(`costs`, `metrics`, `api`).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sandbox.faults import Faults

COST_READER = "Cost Management Reader"
MONITORING_READER = "Monitoring Reader"


@dataclass(frozen=True)
class Account:
    """One AI account; the id keeps the case Azure lists it in."""

    id: str
    location: str = "eastus"
    kind: str = "OpenAI"

    @property
    def name(self) -> str:
        """Last part of the id."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True)
class Deployment:
    """One deployment of an account."""

    account_id: str
    name: str
    model: str
    version: str
    sku: str = "GlobalStandard"


@dataclass(frozen=True)
class CostLine:
    """One line of the bill: a day, an account, a meter."""

    day: date
    account_id: str
    meter: str
    unit_of_measure: str
    quantity: Decimal
    """In units of `unit_of_measure`."""
    cost: Decimal
    charge_type: str = "Usage"
    publisher_type: str = "Azure"


@dataclass(frozen=True)
class TokenCount:
    """What one metric counted in one hour of one deployment."""

    hour: datetime
    account_id: str
    deployment: str
    model: str
    metric: str
    total: int


@dataclass(frozen=True)
class AzureBooks:
    """Everything the server shows."""

    accounts: tuple[Account, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    lines: tuple[CostLine, ...] = ()
    counts: tuple[TokenCount, ...] = ()
    currency: str = "USD"
    usd_per_unit: Decimal = Decimal(1)
    """Dollars for one unit of the currency."""


@dataclass(frozen=True)
class AzureApp:
    """The app registration the server knows."""

    tenant_id: str = "11111111-1111-4111-8111-111111111111"
    client_id: str = "22222222-2222-4222-8222-222222222222"
    client_secret: str = "sandbox~azure-client-secret-0000"
    token: str = "eyJ0eXAiOiJKV1Qi.sandbox.azure-token"


@dataclass
class AzureDesk:
    """What the server works from; put other books in to restate them."""

    books: AzureBooks
    app: AzureApp = field(default_factory=AzureApp)
    roles: set[str] = field(default_factory=lambda: {COST_READER, MONITORING_READER})
    """Roles the app holds."""
    rows_per_page: int = 5_000
    """Most rows of a page, whatever `$top` asks for."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""
