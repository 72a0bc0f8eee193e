"""Google's credential form: a service account, the export it reads, and what of it counts.

What belongs here: the fields and their forms. What does not: signing in (`sign_in.py`), asking (`bigquery.py`).
"""

import json
import re
from typing import Annotated, Any

from google.auth.crypt import RSASigner
from pydantic import AfterValidator, Field, SecretStr

from dlt_sources.contract import Credentials
from dlt_sources.fields import BaseUrl, http_url

_ACCOUNT_ID = re.compile(r"_v1_([0-9A-F]{6})_([0-9A-F]{6})_([0-9A-F]{6})$")
_PROJECT = r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_TABLE = re.compile(rf"{_PROJECT}\.\w{{1,1024}}\.[\w-]{{1,1024}}", re.ASCII)
_COPY_AGAIN = (
    "give the whole text of the JSON file that Google Cloud offers under IAM → Service accounts → Keys"
)


def _service_account(secret: SecretStr) -> SecretStr:
    """The file's text in one line, if one can sign in with it; nothing of it is ever shown."""
    try:
        info = json.loads(secret.get_secret_value())
    except (ValueError, RecursionError):
        raise ValueError(f"this is no JSON; {_COPY_AGAIN}") from None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise ValueError(f"this JSON is not the key of a service account; {_COPY_AGAIN}")
    needed = ("client_email", "private_key", "project_id", "token_uri")
    missing = [name for name in needed if not isinstance(info.get(name), str) or not info[name]]
    if missing:
        raise ValueError(f"the service account's file lacks {', '.join(missing)}; {_COPY_AGAIN}")
    try:
        http_url(info["token_uri"])
    except ValueError:
        raise ValueError(f"the file's token_uri is no web address; {_COPY_AGAIN}") from None
    if not _can_sign(info):
        raise ValueError(f"the file's private_key is damaged; {_COPY_AGAIN}")
    return SecretStr(json.dumps(info))


def _can_sign(info: dict[str, Any]) -> bool:
    """Whether the private key can be read; what its reader says may hold parts of it, and is dropped."""
    try:
        RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
    except Exception:
        return False
    return True


def _table_id(text: str) -> str:
    table = text.strip().strip("`")
    if not _TABLE.fullmatch(table):
        raise ValueError("a table looks like my-project.billing.gcp_billing_export_v1_01ABCD_2EF345_6789AB")
    return table


def _project_list(text: str) -> str:
    names = [name for name in re.split(r"[\s,]+", text) if name]
    if not all(re.fullmatch(_PROJECT, name) for name in names):
        raise ValueError("project ids look like my-project-123, several of them separated by commas")
    return ", ".join(dict.fromkeys(names))


class GoogleCredentials(Credentials):
    """Credential form of a Cloud Billing export in BigQuery."""

    service_account_json: Annotated[SecretStr, AfterValidator(_service_account)] = Field(
        title="Service account JSON",
        description="The text of the service account's key file, in one line; from IAM → Service accounts → Keys.",
    )
    table: Annotated[str, AfterValidator(_table_id)] = Field(
        title="Export table",
        description="The table of the standard or, better, the detailed usage cost export: project.dataset.table, "
        "as BigQuery's Copy ID gives it.",
    )
    location: str = Field(
        default="US",
        pattern=r"^[A-Za-z0-9-]{2,40}$",
        title="Location",
        description="Where the export's dataset lies, as its details in BigQuery say: US, EU, or a region.",
    )
    query_project: str | None = Field(
        default=None,
        pattern=rf"^{_PROJECT}$",
        title="Query project",
        description="Project that runs the queries and pays for them; left empty, the service account's own.",
    )
    services: str = Field(
        default="",
        title="More services",
        description="Services to count beside Vertex AI, Gemini and partner models, by name or id as the bill has "
        "them, separated by commas; Invoice for taxes on the whole bill.",
    )
    monitored_projects: Annotated[str, AfterValidator(_project_list)] = Field(
        default="",
        title="Monitored projects",
        description="Projects whose Vertex AI token counts to read from Cloud Monitoring, separated by commas.",
    )
    max_gib_billed: int = Field(
        default=50,
        ge=1,
        le=100_000,
        title="GiB per query",
        description="A query that would read more is refused by BigQuery and costs nothing.",
    )
    bigquery_url: BaseUrl = Field(
        default="https://bigquery.googleapis.com",
        validate_default=True,
        title="BigQuery URL",
        description="Where BigQuery answers; change it only for a proxy.",
    )
    monitoring_url: BaseUrl = Field(
        default="https://monitoring.googleapis.com",
        validate_default=True,
        title="Monitoring URL",
        description="Where Cloud Monitoring answers; change it only for a proxy.",
    )

    @property
    def service_account(self) -> dict[str, Any]:
        """The key file, private key included: never to be shown."""
        info: dict[str, Any] = json.loads(self.service_account_json.get_secret_value())
        return info

    @property
    def job_project(self) -> str:
        """Project that runs the queries."""
        return self.query_project or str(self.service_account["project_id"])

    @property
    def table_parts(self) -> tuple[str, str, str]:
        """Project, dataset and table of the export."""
        project, dataset, table = self.table.rsplit(".", 2)
        return project, dataset, table

    @property
    def billing_account_id(self) -> str:
        """The billing account, which the export's table is named after; of a renamed table, the table itself."""
        named = _ACCOUNT_ID.search(self.table)
        return "-".join(named.groups()) if named else self.table

    @property
    def named_services(self) -> list[str]:
        """Names and ids of more services, in lower case."""
        return [name.strip().lower() for name in self.services.split(",") if name.strip()]

    @property
    def project_names(self) -> list[str]:
        """Projects whose tokens are read, one by one."""
        return self.monitored_projects.split(", ") if self.monitored_projects else []
