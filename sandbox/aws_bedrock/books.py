"""What the AWS server shows: billed lines, metric points, profiles, and who may see them.

What belongs here: plain records. What does not: how AWS's APIs show them (`costs`,
`metrics`), where they come from.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sandbox.faults import Faults

ACCOUNT_ID = "123456789012"


@dataclass(frozen=True)
class BilledLine:
    """One line of AWS's bill: a day of a usage type, or of a record type that is no usage."""

    day: date
    service: str
    usage_type: str
    amount: Decimal
    quantity: Decimal = Decimal(0)
    record_type: str = "Usage"
    model: str | None = None
    inference_type: str | None = None
    is_estimated: bool = True


@dataclass(frozen=True)
class MetricPoint:
    """An hour's sum of a metric at one set of dimensions, in one region."""

    region: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    hour: datetime
    value: int


@dataclass(frozen=True)
class InferenceProfile:
    """An inference profile of the account's own."""

    region: str
    profile_id: str
    name: str
    model_id: str

    @property
    def arn(self) -> str:
        """Its full name."""
        where = f"arn:aws:bedrock:{self.region}:{ACCOUNT_ID}"
        return f"{where}:application-inference-profile/{self.profile_id}"


@dataclass
class BedrockBooks:
    """Everything the account has; change it to restate."""

    lines: list[BilledLine] = field(default_factory=list)
    points: list[MetricPoint] = field(default_factory=list)
    profiles: list[InferenceProfile] = field(default_factory=list)


@dataclass
class Identity:
    """An access key as AWS knows it, and the IAM actions it is not granted."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    denied_actions: set[str] = field(default_factory=set)


@dataclass
class BedrockDesk:
    """What the server works from."""

    books: BedrockBooks
    now: datetime
    user: Identity = field(
        default_factory=lambda: Identity("AKIAEXAMPLEEXAMPLE01", "example+SECRET/0123456789abcdefghijklmnop")
    )
    role: Identity = field(
        default_factory=lambda: Identity(
            "ASIAEXAMPLEEXAMPLE02", "assumed+SECRET/0123456789abcdefghijklmno", "t0ken"
        )
    )
    role_arn: str = f"arn:aws:iam::{ACCOUNT_ID}:role/meterhouse"
    external_id: str | None = None
    page_size: int = 1_000
    """Groups, metrics, series and profiles on a page."""
    amounts_as_numbers: bool = False
    """Whether amounts come as JSON numbers, which AWS does not promise never to do."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""
    calls: list[str] = field(default_factory=list)
    """IAM action and region of every request that was signed well, in order."""
    cursors: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Question and place of every page token that was given."""
