"""What Google knows, as plain records: lines of the billing export, token counts, a service account and its roles.

What belongs here: the records and the desk of the server. What does not: how Google shows them (`engine`,
`monitoring`, `api`).
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from sandbox.faults import Faults

JOB_USER = "BigQuery Job User"
DATA_VIEWER = "BigQuery Data Viewer"
MONITORING_VIEWER = "Monitoring Viewer"
VERTEX_AI = "C7E2-9256-1C43"
BILLING_ACCOUNT = "01ABCD-2EF345-6789AB"
STANDARD_EXPORT = "billing-prod.billing.gcp_billing_export_v1_01ABCD_2EF345_6789AB"
DETAILED_EXPORT = "billing-prod.billing.gcp_billing_export_resource_v1_01ABCD_2EF345_6789AB"


_SKUS = {
    ("gemini-2.5-pro", "input"): ("Gemini 2.5 Pro Text Input - Predictions", Decimal("0.00000125")),
    ("gemini-2.5-pro", "cache_read"): ("Gemini 2.5 Pro Input Text Caching", Decimal("0.000000125")),
    ("gemini-2.5-pro", "output"): ("Gemini 2.5 Pro Text Output - Predictions", Decimal("0.00001")),
    ("gemini-2.5-flash", "input"): ("Gemini 2.5 Flash GA Text Input - Predictions", Decimal("0.0000003")),
    ("gemini-2.5-flash", "output"): ("Gemini 2.5 Flash GA Text Output - Predictions", Decimal("0.0000025")),
}
"""SKUs of the small account and their prices per token, by model and token type."""


@dataclass(frozen=True)
class Credit:
    """A credit on a line; the amount is negative."""

    amount: Decimal
    type: str = "PROMOTION"
    name: str = "Trial"
    id: str = "promo-1"


@dataclass(frozen=True)
class ExportLine:
    """One line of the export: an hour of a SKU in a project, as processed at some time."""

    hour: datetime
    sku: str | None
    cost: Decimal
    """Before credits, in `currency`."""
    amount: Decimal | None = None
    """Usage in `unit`, and in pricing units too, unless `priced_amount` differs."""
    unit: str | None = "count"
    priced_amount: Decimal | None = None
    pricing_unit: str | None = None
    credits: tuple[Credit, ...] = ()
    service: str | None = "Vertex AI"
    service_id: str | None = VERTEX_AI
    project: str | None = "ml-prod"
    labels: tuple[tuple[str, str], ...] = ()
    cost_type: str = "regular"
    currency: str = "USD"
    rate: Decimal | None = Decimal(1)
    """Units of `currency` for a dollar."""
    invoice_month: str | None = None
    """By default the month of the hour."""
    exported_at: datetime | None = None
    """When the line was appended; by default eight hours after its hour."""
    seller: str = "Google"
    resource: str | None = None

    @property
    def appended_at(self) -> datetime:
        """When the line was appended: its partition is the day of it."""
        return self.exported_at or self.hour + timedelta(hours=8)


@dataclass(frozen=True)
class TokenPoint:
    """Tokens that Vertex AI counted in an hour of a project and model."""

    hour: datetime
    project: str
    model: str
    type: str
    value: int


@dataclass(frozen=True)
class GoogleBooks:
    """Everything the server shows."""

    lines: tuple[ExportLine, ...] = ()
    points: tuple[TokenPoint, ...] = ()


@dataclass(frozen=True)
class GoogleTruth:
    """What the bill of some books says: net dollars by day, and dollars before credits by day, model and token type."""

    net_usd: dict[date, Decimal]
    usage_usd: dict[tuple[date, str, str], Decimal]


def small_account(first_day: date, days: int, seed: int) -> tuple[GoogleBooks, GoogleTruth]:
    """A small account's books from a first day on, with credits and late lines, and the truth of them."""
    chance = random.Random(seed)
    lines, points = [], []
    net: dict[date, Decimal] = {}
    usage: dict[tuple[date, str, str], Decimal] = {}
    for n in range(days):
        day = first_day + timedelta(days=n)
        net[day] = Decimal(0)
        for (model, token_type), (sku, price) in _SKUS.items():
            hour = datetime.combine(day, time(chance.randrange(24)), UTC)
            tokens = chance.randrange(1_000, 5_000_000)
            cost = price * tokens
            given = (Credit(-(cost * Decimal("0.1"))),) if chance.random() < 0.3 else ()
            late = timedelta(hours=chance.choice((3, 8, 50)))
            lines.append(ExportLine(hour, sku, cost, Decimal(tokens), credits=given, exported_at=hour + late))
            usage[day, model, token_type] = cost
            net[day] += cost + sum(credit.amount for credit in given)
            if token_type in ("input", "output"):
                points.append(TokenPoint(hour, "ml-prod", model, token_type, tokens))
    return GoogleBooks(tuple(lines), tuple(points)), GoogleTruth(net, usage)


@cache
def _private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class ServiceAccount:
    """The service account the server knows; its key is made anew for each process."""

    client_email: str = "meterhouse@tools-prod.iam.gserviceaccount.com"
    project_id: str = "tools-prod"
    token: str = "ya29.sandbox-google-token-0000"

    @property
    def public_key(self) -> str:
        """What its signatures are checked with."""
        key = _private_key().public_key()
        return key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def key_file(self, token_uri: str) -> str:
        """The text of its key file, with an address that issues tokens."""
        private = _private_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        info = {
            "type": "service_account",
            "project_id": self.project_id,
            "private_key_id": "0123456789abcdef0123456789abcdef01234567",
            "private_key": private.decode(),
            "client_email": self.client_email,
            "client_id": "100000000000000000000",
            "token_uri": token_uri,
        }
        return json.dumps(info, indent=2)


@dataclass
class GoogleDesk:
    """What the server works from; put other books in to restate them."""

    books: GoogleBooks = field(default_factory=GoogleBooks)
    account: ServiceAccount = field(default_factory=ServiceAccount)
    roles: set[str] = field(default_factory=lambda: {JOB_USER, DATA_VIEWER, MONITORING_VIEWER})
    """Roles the service account holds."""
    tables: tuple[str, ...] = (STANDARD_EXPORT, DETAILED_EXPORT)
    location: str = "US"
    created_at: datetime = datetime(2026, 1, 15, tzinfo=UTC)
    """When the export was switched on."""
    is_view: bool = False
    """Whether the tables are views on the export, without partitions."""
    rows_per_page: int = 10_000
    """Most rows of a page, whatever `maxResults` asks for."""
    bytes_per_line: int = 1_000
    """How much of a table a line fills; a query is billed for the partitions it reads."""
    polls_until_done: int = 0
    """How often a query is asked for before it is done."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""
    queries: list[str] = field(default_factory=list)
    """SQL of every query, in order."""
