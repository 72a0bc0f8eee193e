"""Settings: the one place that reads the environment.

Every setting has the prefix `METERHOUSE_` (`METERHOUSE_HOME`, `METERHOUSE_LANDING_URL`, ...) or stands in a `.env`
file in the current folder. What belongs here: where things live and how the installation is set up. What does not:
anything a user changes while it runs (connections, rules), which lives in the control database or a versioned file.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from meterhouse.errors import UsageError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where the installation keeps its state; built once per command or code location."""

    model_config = SettingsConfigDict(
        env_prefix="METERHOUSE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(default=Path(".meterhouse"), description="Folder of all state of this installation.")
    control_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the control database; default SQLite in the home."
    )
    landing_url: str | None = Field(
        default=None, description="Landing zone: a folder, file://, s3:// or gs:// URL."
    )
    landing_endpoint_url: str | None = Field(
        default=None, description="S3 endpoint for an S3-compatible store."
    )
    vault_key: SecretStr | None = Field(
        default=None, description="Fernet key(s), comma separated, newest first; default a key file."
    )
    rules_file: Path = Field(default=Path("alert_rules.yaml"), description="The alert rules.")
    price_overrides_file: Path | None = Field(
        default=None, description="Negotiated prices, discounts, private models and aliases (docs/prices.md)."
    )
    tagging_rules_file: Path | None = Field(
        default=None, description="The tagging rules; default tagging_rules.yaml in the home, if it is there."
    )
    business_units_file: Path | None = Field(
        default=None,
        description="The business units; default business_units.yaml in the home, if it is there.",
    )
    publish_postgres_url: SecretStr | None = Field(
        default=None, description="PostgreSQL database the marts are published to as well (docs/bi.md)."
    )
    slack_webhook_url: SecretStr | None = Field(
        default=None, description="Slack incoming webhook for the channel `slack`."
    )
    slack_bot_token: SecretStr | None = Field(
        default=None, description="Slack bot token, instead of a webhook."
    )
    slack_channel: str | None = Field(default=None, description="Channel id the bot posts to.")
    alert_webhook_url: SecretStr | None = Field(
        default=None, description="Where the channel `webhook` posts."
    )
    alert_webhook_secret: SecretStr | None = Field(
        default=None, description="What the channel `webhook` signs with."
    )
    pagerduty_routing_key: SecretStr | None = Field(
        default=None, description="Integration key (Events API v2) of the channel `pagerduty`."
    )
    pagerduty_url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue", description="Where PagerDuty takes events."
    )
    smtp_host: str | None = Field(default=None, description="Mail server of the channel `email`.")
    smtp_port: int = Field(default=587, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the way to the mail server is protected."
    )
    smtp_user: str | None = Field(default=None, description="Log-in at the mail server, if it wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="Its password.")
    email_from: str | None = Field(default=None, description="Sender of the channel `email`.")
    email_to: str | None = Field(default=None, description="Its recipients, comma separated.")
    console_url: str = Field(default="http://127.0.0.1:8788", description="Where links in messages point.")
    oidc_issuer: str | None = Field(
        default=None,
        description="OpenID Connect issuer that people log in to the console with (docs/console.md).",
    )
    oidc_client_id: str | None = Field(default=None, description="What the console is called there.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Its secret there; none for a public client."
    )
    oidc_title: str = Field(default="single sign-on", description="What the log-in calls the provider.")
    oidc_role_claim: str = Field(
        default="groups", description="Claim of the id token that says what somebody may do."
    )
    oidc_admins: str | None = Field(
        default=None, description="Values of that claim that make an admin, comma separated."
    )
    oidc_viewers: str | None = Field(
        default=None, description="Values of that claim that make a viewer, comma separated."
    )
    dagster_url: str = Field(
        default="http://127.0.0.1:3000", description="Where the console finds the Dagster web UI."
    )
    settle_seconds: float = Field(
        default=120.0, description="How long a broken event file may still be arriving."
    )
    gateway_url: str = Field(
        default="http://127.0.0.1:8787", description="Where `doctor` and `events send-test` find the gateway."
    )
    prompts: Literal["off", "on"] = Field(
        default="off", description="Whether prompts that programs send are kept, apart from their events."
    )
    prompts_retention_days: int = Field(
        default=30, ge=0, description="How many days prompts are kept; whole hours of arrival are deleted."
    )
    conflict_window_hours: float = Field(
        default=48.0,
        description="How long the gateway remembers an event id, to refuse another body under it.",
    )
    gateway_max_body_bytes: int = Field(
        default=16 * 2**20, description="Largest request body the gateway takes, as sent."
    )
    gateway_max_unpacked_bytes: int = Field(
        default=64 * 2**20, description="Largest request body the gateway takes, unpacked."
    )
    gateway_max_batch_events: int = Field(default=10_000, description="Most events of one request.")
    gateway_max_event_bytes: int = Field(default=2**20, description="Largest single event.")
    gateway_max_pending_bytes: int = Field(
        default=256 * 2**20,
        description="Unpacked bytes one gateway process holds at most; beyond that it answers 503.",
    )

    @cached_property
    def home_path(self) -> Path:
        """The home as an absolute path; made, with mode 0700, when missing.

        Raises:
            UsageError: It cannot be made.
        """
        home = self.home.expanduser().resolve()
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"METERHOUSE_HOME {home} cannot be used: {error.strerror}.",
                "Set METERHOUSE_HOME to a folder that you may write to.",
            ) from error
        return home

    @property
    def control_database_url(self) -> str:
        """SQLAlchemy URL of the control database."""
        return self.control_url or f"sqlite:///{self.home_path / 'control.db'}"

    @property
    def landing_zone_url(self) -> str:
        """URL of the landing zone."""
        return self.landing_url or (self.home_path / "landing").as_uri()

    @property
    def keeps_prompts(self) -> bool:
        """Whether prompts are taken in and loaded."""
        return self.prompts == "on"

    @property
    def tagging_rules_path(self) -> Path | None:
        """The file of tagging rules; None where there is none."""
        return self._file_of_home(self.tagging_rules_file, "tagging_rules.yaml")

    @property
    def business_units_path(self) -> Path | None:
        """The file of business units; None where there is none."""
        return self._file_of_home(self.business_units_file, "business_units.yaml")

    def _file_of_home(self, said: Path | None, name: str) -> Path | None:
        default = self.home_path / name
        return said or (default if default.exists() else None)

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB warehouse, private to the pipeline."""
        return self.home_path / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        """The published marts: the only file BI tools open."""
        return self.home_path / "serve" / "meterhouse.duckdb"

    @property
    def demo_mark_path(self) -> Path:
        """File that says: the demo made this home, and may replace it."""
        return self.home_path / "demo.txt"

    @property
    def vault_key_path(self) -> Path:
        """Key file of the credential vault, used when no key stands in the environment."""
        return self.home_path / "vault.key"


@contextmanager
def exported(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a tool that reads nothing else (dbt), and put them back afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a child process that must find the same installation."""
    values = dict(os.environ)
    for name, value in settings.model_dump(exclude_none=True).items():
        plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        values[f"METERHOUSE_{name.upper()}"] = plain
    return values | {"METERHOUSE_HOME": str(settings.home_path)}


class _EnvironmentForm(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)


def credentials_from_environment(provider: str, fields: Iterable[str]) -> dict[str, str]:
    """Credential fields set as `METERHOUSE_<PROVIDER>_<FIELD>` in the environment or in `.env`, by field."""
    blanks: dict[str, Any] = dict.fromkeys(fields, (str | None, None))
    form: Any = create_model("CredentialsFromEnvironment", __base__=_EnvironmentForm, **blanks)
    found = form(_env_prefix=f"METERHOUSE_{provider.upper()}_")
    return dict(found.model_dump(exclude_none=True))
