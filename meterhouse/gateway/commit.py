"""Group commit: what several requests brought is judged together, lands in one file, and only then is answered.

The order is the guarantee. (1) All lines are judged by the one query that also reads files. (2) The ids are looked up.
(3) One landing file is on disk, with good lines, conflicting ones and bad ones: the warehouse makes rejects of the last
two for the same reasons. (4) The new ids are remembered. A kill before (3) acknowledges nothing; one after it leaves a
file whose events count once whatever is sent again. Prompts that came with events land before them, in a file of their
own, or nowhere. What does not belong here: HTTP (`doors/`), queues (`queue.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import duckdb
import polars as pl
import pyarrow as pa
from uuid_utils import uuid7

from meterhouse.control.database import reading, session
from meterhouse.errors import MeterhouseError
from meterhouse.events.judging import Incoming, judged, landing_line, open_judge, prompts_line
from meterhouse.events.kinds import EVENTS, PROMPTS, RecordKind
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.gateway import seen
from meterhouse.settings import Settings

_FORGET_EVERY = timedelta(minutes=5)
_CONFLICT = (
    "another one with this id and a different content was received before and stands; "
    "send this one under an id of its own"
)


class Status(StrEnum):
    """What became of an item; the first two count as done, the others are kept as rejects."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class JudgementError(MeterhouseError):
    """The judgement of a delivery failed as a whole, which no content should bring about."""


@dataclass(frozen=True)
class Delivery:
    """What one request brings: `items` with `line`, `is_utf8` and `unfit`; `source` for those that say none."""

    items: pl.DataFrame
    source: str


class Committer:
    """Judges and lands deliveries of one kind of records; one per process and kind, used by one thread at a time."""

    def __init__(self, settings: Settings, kind: RecordKind = EVENTS) -> None:
        """Open the landing zone.

        Raises:
            LandingZoneError: It cannot be used.
        """
        self._settings = settings
        self._kind = kind
        self._zone = open_landing_zone(settings)
        self._judge = open_judge(threads=1)
        self._incoming = Incoming()
        self._judge.register("incoming", self._incoming)
        self._judge.execute(f"PREPARE judge AS {_judgement(kind)}")
        self._last = datetime.min.replace(tzinfo=UTC)
        self._forget_at = self._last

    def commit(self, deliveries: Sequence[Delivery]) -> list[pl.DataFrame]:
        """Land all deliveries in one file.

        Returns:
            Per delivery its verdicts in the order of its items: `id`, `status`, `reason`, `unknown_fields`, and
            `has_lost_prompts`, whether prompts came with it that are not kept here.

        Raises:
            LandingZoneError: The file could not be written; nothing is acknowledged.
            ControlDatabaseError, SQLAlchemyError: The ids could not be looked up or remembered; the file may have
                landed, and what is sent again counts once.
            JudgementError: The judgement failed.
        """
        items = pl.concat(
            delivery.items.select(
                "line",
                "is_utf8",
                "unfit",
                delivery=pl.lit(number, pl.Int64),
                default_source=pl.lit(delivery.source),
            )
            for number, delivery in enumerate(deliveries)
        ).with_row_index("file_line", offset=1)
        lines = self._judged(items)
        with reading(self._settings) as opened:
            known = seen.lookup(opened, lines["id_hash"].drop_nulls().unique().to_list())
        ruled = _ruled(lines, known)
        received_at = self._now()
        if self._settings.keeps_prompts:
            self._land_prompts(ruled, received_at)
        self._land(ruled, received_at)
        ruled = self._remember(ruled, received_at)
        verdicts = ruled.select(
            "delivery",
            "id",
            "status",
            "reason",
            "unknown_fields",
            has_lost_prompts=pl.lit(not self._settings.keeps_prompts) & pl.col("prompts_line").is_not_null(),
        )
        return verdicts.partition_by("delivery", maintain_order=True, include_key=False)

    def check(self) -> None:
        """Look whether the landing zone and the control database can be reached.

        Raises:
            LandingZoneError: The landing zone cannot be used.
            ControlDatabaseError: The control database cannot be used.
        """
        open_landing_zone(self._settings)
        with reading(self._settings) as opened:
            seen.lookup(opened, [""])

    def _judged(self, items: pl.DataFrame) -> pl.DataFrame:
        self._incoming.set(items)
        try:
            lines = pl.DataFrame(self._judge.sql("EXECUTE judge").to_arrow_table())
        except (duckdb.Error, pa.ArrowException) as error:
            raise JudgementError(f"Events could not be judged: {error}") from error
        assert lines.height == items.height
        rest = items.select("delivery", "unfit", "default_source")
        return pl.concat([lines, rest], how="horizontal").with_columns(reason=pl.coalesce("unfit", "reason"))

    def _now(self) -> datetime:
        """The time of arrival; a clock that is set back never makes a later file look earlier."""
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        return self._last

    def _land(self, ruled: pl.DataFrame, received_at: datetime) -> None:
        landing = ruled.filter(pl.col("status") != Status.DUPLICATE)
        if landing.is_empty():
            return
        after_the_first = pl.max_horizontal(
            pl.lit(received_at), pl.col("seen_at") + pl.duration(microseconds=1)
        ).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        source = (
            pl.when(~pl.col("has_source"))
            .then(pl.format(',"source":"{}"', "default_source"))
            .otherwise(pl.lit(""))
        )
        stamped = pl.concat_str(
            pl.col("landing_line").str.strip_suffix("}"),
            source,
            pl.lit(',"received_at":"'),
            after_the_first,
            pl.lit('"}'),
        )
        is_bad = pl.col("status") == Status.REJECTED
        lines = landing.select(pl.when(is_bad).then("landing_line").otherwise(stamped))
        self._write(self._kind, lines.to_series(), received_at)

    def _land_prompts(self, ruled: pl.DataFrame, received_at: datetime) -> None:
        is_first = (pl.col("status") == Status.ACCEPTED) & pl.col("prompts_line").is_not_null()
        arrival = f',"received_at":"{received_at:%Y-%m-%dT%H:%M:%S.%fZ}"}}'
        lines = ruled.filter(is_first).select(
            pl.concat_str(pl.col("prompts_line").str.strip_suffix("}"), pl.lit(arrival))
        )
        if not lines.is_empty():
            self._write(PROMPTS, lines.to_series(), received_at)

    def _write(self, kind: RecordKind, lines: pl.Series, received_at: datetime) -> None:
        text = "\n".join(lines) + "\n"
        folder = partition_folder(f"{received_at:%Y-%m-%dT%H}", kind)
        content = pa.compress(text.encode(), codec="zstd", asbytes=True)
        write_file(self._zone, f"{folder}/gateway-{uuid7()}.jsonl.zst", content)

    def _remember(self, ruled: pl.DataFrame, received_at: datetime) -> pl.DataFrame:
        new = ruled.filter(pl.col("status") == Status.ACCEPTED)
        body_hashes = dict(new.select("id_hash", "body_hash").rows())
        with session(self._settings) as opened:
            new_count = seen.remember(opened, body_hashes, received_at)
            others = seen.lookup(opened, list(body_hashes)) if new_count != len(body_hashes) else None
            if received_at >= self._forget_at:
                has_more = seen.forget(opened, self._settings.conflict_window_hours, received_at)
                self._forget_at = received_at + (timedelta(0) if has_more else _FORGET_EVERY)
        return ruled if others is None else _outrun(ruled, others, received_at)


def _judgement(kind: RecordKind) -> str:
    """The query that judges the table `incoming`; ids of all kinds are remembered together, each hashed its own way."""
    salt = "" if kind is EVENTS else f"'{kind.name} ' || "
    return f"""
    SELECT file_line, reason, coalesce({kind.id_field}, rejected_id) AS id, unknown_fields,
        source IS NOT NULL AS has_source, {landing_line("judged", kind)} AS landing_line,
        {prompts_line("judged") if kind is EVENTS else "NULL::VARCHAR"} AS prompts_line,
        CASE WHEN reason IS NULL THEN left(sha256({salt}{kind.id_field}), 32) END AS id_hash,
        CASE WHEN reason IS NULL THEN left(content_hash, 32) END AS body_hash
    FROM ({judged("incoming", kind)}) AS judged
    ORDER BY file_line"""  # noqa: S608


def _ruled(lines: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The judged lines with `status`: held against the ids known before, and against each other in their order."""
    first_body = pl.coalesce("seen_body_hash", pl.col("body_hash").first().over("id_hash"))
    ids = (
        lines.filter(pl.col("reason").is_null())
        .select("file_line", "id_hash", "body_hash")
        .join(known, on="id_hash", how="left", maintain_order="left")
        .with_columns(is_first=pl.col("id_hash").is_first_distinct())
        .select(
            "file_line",
            "seen_at",
            status=pl.when(pl.col("seen_body_hash").is_null() & pl.col("is_first"))
            .then(pl.lit(Status.ACCEPTED.value))
            .when(pl.col("body_hash") == first_body)
            .then(pl.lit(Status.DUPLICATE.value))
            .otherwise(pl.lit(Status.CONFLICT.value)),
        )
    )
    return lines.join(ids, on="file_line", how="left", maintain_order="left").with_columns(
        status=pl.col("status").fill_null(Status.REJECTED.value),
        reason=pl.when(pl.col("status") == Status.CONFLICT).then(pl.lit(_CONFLICT)).otherwise("reason"),
    )


def _outrun(ruled: pl.DataFrame, others: pl.DataFrame, received_at: datetime) -> pl.DataFrame:
    """Lines whose id another process acknowledged with another body in the same moment, and earlier: conflicts.

    Where this process was the earlier one its event stands, and the other's becomes a reject in the warehouse.
    """
    is_outrun = (
        (pl.col("status") == Status.ACCEPTED)
        & (pl.col("other_body") != pl.col("body_hash"))
        & (pl.col("other_at") < received_at)
    )
    return (
        ruled.join(
            others.rename({"seen_body_hash": "other_body", "seen_at": "other_at"}),
            on="id_hash",
            how="left",
            maintain_order="left",
        )
        .with_columns(is_outrun=is_outrun.fill_null(False))
        .with_columns(
            status=pl.when("is_outrun").then(pl.lit(Status.CONFLICT.value)).otherwise("status"),
            reason=pl.when("is_outrun").then(pl.lit(_CONFLICT)).otherwise("reason"),
        )
    )
