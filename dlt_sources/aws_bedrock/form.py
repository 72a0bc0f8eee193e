"""Credential form of an AWS account that uses Bedrock.

What belongs here: its fields and their checks. What does not: what is done with them (`client.py`).
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from dlt_sources.contract import Credentials
from dlt_sources.fields import ApiKey, BaseUrl

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def _region_list(text: str) -> str:
    names = re.split(r"[\s,]+", text.strip(" ,"))
    if not all(map(_REGION.fullmatch, names)):
        raise ValueError("regions look like us-east-1, several of them separated by commas")
    return ", ".join(dict.fromkeys(names))


def _s3_url(url: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{2,62}(/[^\s?#]*)?", url):
        raise ValueError("logs are in a place like s3://bucket/prefix")
    return url.rstrip("/")


class AwsBedrockCredentials(Credentials):
    """Credential form of an AWS account."""

    regions: Annotated[str, AfterValidator(_region_list)] = Field(
        title="Regions",
        description="Where Bedrock is called, separated by commas, for example us-east-1, eu-west-1.",
    )
    access_key_id: str = Field(
        pattern=r"^\w{16,128}$",
        title="Access key id",
        description="Starts with AKIA; from IAM → Users → Security credentials.",
    )
    secret_access_key: ApiKey = Field(
        title="Secret access key",
        description="Shown once, when the access key is made.",
    )
    session_token: ApiKey | None = Field(
        default=None,
        title="Session token",
        description="Only with temporary credentials (the key id starts with ASIA), which end after some hours.",
    )
    role_arn: str | None = Field(
        default=None,
        pattern=r"^arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+$",
        title="Role ARN",
        description="Role to assume with the access key, when the key itself may not read costs.",
    )
    external_id: str | None = Field(
        default=None,
        pattern=r"^[\w+=,.@:/-]+$",
        title="External id",
        description="The external id that the role's trust policy asks for, if it asks for one.",
    )
    invocation_logs: Annotated[str, AfterValidator(_s3_url)] | None = Field(
        default=None,
        title="Invocation logs",
        description="Where Bedrock logs its calls, like s3://bucket/prefix; they become metered events.",
    )
    max_cost_requests: int = Field(
        default=50,
        ge=5,
        le=10_000,
        title="Cost Explorer requests per sync",
        description="A sync stops rather than ask Cost Explorer more often; AWS charges $0.01 a request.",
    )
    endpoint_url: BaseUrl | None = Field(
        default=None,
        title="Endpoint URL",
        description="Where all of AWS's APIs answer; only for a proxy or a test server.",
    )

    @property
    def region_names(self) -> list[str]:
        """The regions, one by one."""
        return self.regions.split(", ")
