"""Tables of the control database: small, transactional, never analytics.

SQLite by default, PostgreSQL by URL. All times are UTC. Alembic migrations in `migrations/` build exactly
these tables (a test compares them). What belongs here: table shapes. What does not: queries (`connections/`,
`events/`, `alerts/`).
"""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware datetimes in, aware UTC datetimes out, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC; a naive time is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read back as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables of the control database."""

    type_annotation_map = {
        datetime: UtcDateTime,
        date: Date,
        str: String,
        dict[str, Any]: JSON,
        list[str]: JSON,
        bytes: LargeBinary,
    }


class ConnectionRow(Base):
    """One account at a provider: the unit of sync."""

    __tablename__ = "connections"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    provider: Mapped[str] = mapped_column(String(50))
    account_id: Mapped[str | None]
    account_name: Mapped[str | None]
    settings: Mapped[dict[str, Any]]
    """Credential fields that are not secret (base URL, region), in clear."""
    sealed_credentials: Mapped[bytes]
    """Secret credential fields, sealed by the vault."""
    readable_reports: Mapped[list[str]]
    """Reports the last check proved the credentials may read."""
    is_paused: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]


class SyncRunRow(Base):
    """One pull of one connection: what was asked, and how it ended."""

    __tablename__ = "sync_runs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    window_start: Mapped[date]
    window_end: Mapped[date]
    """Exclusive."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(20))
    """running, succeeded or failed."""
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    request_count: Mapped[int | None] = mapped_column(BigInteger)
    """Requests that left for the provider, tries included; None while it runs."""
    last_data_day: Mapped[date | None]
    """Newest day of the window that had rows."""
    fault: Mapped[str | None] = mapped_column(String(20))
    message: Mapped[str | None] = mapped_column(Text)
    next_step: Mapped[str | None] = mapped_column(Text)


class ImportedLogRow(Base):
    """One object of call logs in a provider's storage that was brought into the landing zone."""

    __tablename__ = "imported_logs"

    url: Mapped[str] = mapped_column(String(1300), primary_key=True)
    """`s3://bucket/key` of the object."""
    landing_url: Mapped[str] = mapped_column(String(1000))
    """The file it became, relative to the landing zone."""
    line_count: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime]


class LandingFileRow(Base):
    """The file ledger: one event file in the landing zone, and what became of it."""

    __tablename__ = "landing_files"

    url: Mapped[str] = mapped_column(String(1000), primary_key=True)
    """Path of the file relative to the landing zone."""
    partition: Mapped[str] = mapped_column(String(13), index=True)
    """Hour of arrival, `YYYY-MM-DDTHH` (UTC)."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    content_sha256: Mapped[str] = mapped_column(String(64), index=True)
    status: Mapped[str] = mapped_column(String(20))
    """loaded, duplicate (same content as an earlier file) or waiting (broken, may still be arriving)."""
    line_count: Mapped[int | None] = mapped_column(BigInteger)
    good_count: Mapped[int | None] = mapped_column(BigInteger)
    rejected_count: Mapped[int | None] = mapped_column(BigInteger)
    duplicate_count: Mapped[int | None] = mapped_column(BigInteger)
    """Lines whose event id and body stand earlier in the same file; good + rejected + duplicate = lines."""
    load_id: Mapped[str | None] = mapped_column(String(36))
    first_seen_at: Mapped[datetime]
    loaded_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)


class AlertBatchRow(Base):
    """One event file that the alert rules have judged; the row stays, so that it is judged once."""

    __tablename__ = "alert_batches"

    file_url: Mapped[str] = mapped_column(String(1000), primary_key=True)
    event_count: Mapped[int] = mapped_column(Integer)
    judged_at: Mapped[datetime]


class AlertChunkRow(Base):
    """Events of one judged file and one hour as the alert rules saw them, kept as long as a window can reach back."""

    __tablename__ = "alert_chunks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Rises with every chunk, so that a process knows which ones it has not counted yet."""
    min_started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    max_started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    events: Mapped[bytes]
    """Arrow IPC stream; each event id stands in one chunk only, in the copy that counts."""
    judged_at: Mapped[datetime]

    __table_args__ = ({"sqlite_autoincrement": True},)


class AlertMarkRow(Base):
    """How far the alert rules have come, one row per name."""

    __tablename__ = "alert_marks"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    """silence (groups without new events are judged until then), forgotten (newest event that was dropped),
    rewritten (a count: how often a chunk was changed after it was stored), rules (1 once any were judged), or rule and
    a fingerprint (1: a rule that is judged)."""
    value: Mapped[int] = mapped_column(BigInteger)
    """Microseconds since 1970 (UTC), or a count."""


class IncidentRow(Base):
    """One firing interval of one rule and group; its id is frozen when it first fires."""

    __tablename__ = "incidents"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    rule: Mapped[str] = mapped_column(String(200), index=True)
    rule_version: Mapped[str] = mapped_column(String(64))
    group_key: Mapped[str] = mapped_column(Text)
    """Canonical JSON of the group's dimensions."""
    severity: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    """firing, resolved or retracted."""
    fired_at: Mapped[datetime]
    """Event time at which the limit was crossed."""
    resolved_at: Mapped[datetime | None]
    """Event time at which it was back."""
    opened_at: Mapped[datetime]
    """Wall-clock time at which it was judged."""
    value: Mapped[str] = mapped_column(String(64))
    """Value that crossed the limit, decimal text."""
    limit: Mapped[str] = mapped_column(String(64))
    first_event_id: Mapped[str | None] = mapped_column(Text)
    trace_id: Mapped[str | None] = mapped_column(Text)
    is_shadow: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("ix_incidents_rule_group", "rule", "group_key"),
        Index("ix_incidents_group_key", "group_key"),
    )


class OutboxRow(Base):
    """One message to one channel: written with the state change it tells of, delivered afterwards."""

    __tablename__ = "outbox"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(20))
    """fired, reminder (it lasts), resolved, reopened (late data extends a resolved incident) or retracted."""
    channel: Mapped[str] = mapped_column(String(50))
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(20), index=True)
    """pending, sent or dead."""
    attempt_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("incident_id", "event", "channel", name="uq_outbox_message"),)


class ApiKeyRow(Base):
    """One key of the metering endpoint: what a program shows to send events."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    """Public part of the key, by which it is found; another one after each regeneration."""
    key_hash: Mapped[bytes]
    """Keyed hash of the whole key."""
    sealed_key: Mapped[bytes]
    """The whole key, sealed by the vault."""
    masked: Mapped[str] = mapped_column(String(50))
    scopes: Mapped[list[str]]
    requests_per_minute: Mapped[int | None]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SealedSecretRow(Base):
    """One secret of the installation itself, made once and sealed by the vault."""

    __tablename__ = "sealed_secrets"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    sealed: Mapped[bytes]


class SeenEventRow(Base):
    """One event id the endpoint acknowledged, remembered for a bounded window."""

    __tablename__ = "seen_events"

    id_hash: Mapped[str] = mapped_column(String(32), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(32))
    """Each the first 16 bytes of a sha256, in hex."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class IdempotentAnswerRow(Base):
    """The answer given for one `Idempotency-Key` of one API key, to be given again."""

    __tablename__ = "idempotent_answers"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ConsoleUserRow(Base):
    """One account of the console."""

    __tablename__ = "console_users"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    """Argon2id, salted."""
    role: Mapped[str] = mapped_column(String(20))
    """viewer or admin."""
    created_at: Mapped[datetime]
    last_log_in_at: Mapped[datetime | None]


class AuditRow(Base):
    """One change asked for in the console: written before it is made, and completed afterwards."""

    __tablename__ = "audit_log"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    user_name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(100))
    """Where the request came from."""
    action: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str | None] = mapped_column(Text)
    """What was changed: the name of a connection, a key, a user."""
    outcome: Mapped[str] = mapped_column(String(20))
    """started, done or refused; a change that is never completed (its process was killed) stays started."""
    detail: Mapped[str | None] = mapped_column(Text)
