"""Metering: from the fields of one call to an event in the queue, with one sender per process.

What belongs here: `configure`, `meter`, `outcome`, `flush`, `stats`, and what happens at exit and after a fork. What
does not: how a provider's answer becomes fields (`calls.py` and the modules per provider).
"""

import atexit
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from multiprocessing import util as multiprocessing_util
from typing import Any, Optional, Union

from meterhouse_sdk import context, landing, trouble
from meterhouse_sdk.callbacks import Remembered
from meterhouse_sdk.config import CaptureRule, Config, OnDrop, environment_attribution, environment_settings
from meterhouse_sdk.delivery import Sender
from meterhouse_sdk.endpoint import Endpoint
from meterhouse_sdk.fields import OUTCOME_KINDS, PROMPT_FIELDS, SCHEMA_VERSION, clean
from meterhouse_sdk.ids import uuid7
from meterhouse_sdk.prompts import Redact, fit_to_leave
from meterhouse_sdk.spool import Spool
from meterhouse_sdk.transport import Transport


class _Process:
    """What this process meters with; a forked child starts with the parent's settings and an empty queue."""

    def __init__(self, config: Optional[Config]) -> None:
        self.lock = threading.RLock()
        self.config = config
        self.sender: Optional[Sender] = None
        self.answers: Remembered[str] = Remembered()
        """Which kind of hook metered an answer, by the provider's id of it."""


_process = _Process(None)


def configure(
    *,
    url: Optional[str] = None,
    api_key: Optional[str] = None,
    landing_url: Optional[str] = None,
    landing_endpoint_url: Optional[str] = None,
    producer: Optional[str] = None,
    flush_seconds: float = Config.flush_seconds,
    batch_size: int = Config.batch_size,
    max_pending: int = Config.max_pending,
    spool_folder: Optional[str] = None,
    max_spool_bytes: int = Config.max_spool_bytes,
    exit_timeout_seconds: float = Config.exit_timeout_seconds,
    is_stream_usage_asked: bool = Config.is_stream_usage_asked,
    on_drop: Optional[OnDrop] = None,
    capture_prompts: Union[bool, CaptureRule] = Config.capture_prompts,
    redact: Union[Redact, Sequence[Redact]] = (),
    max_prompt_characters: int = Config.max_prompt_characters,
    **defaults: Any,
) -> None:
    """Set how this process meters; without it the environment alone decides.

    Calling it again replaces all of it, after waiting for the events of before.

    Args:
        url: The metering endpoint, e.g. http://127.0.0.1:8787; default `METERHOUSE_URL`.
        api_key: Its API key; default `METERHOUSE_API_KEY`.
        landing_url: Instead of an endpoint, the landing zone itself: an existing folder, or a file://,
            s3:// or gs:// URL; default `METERHOUSE_LANDING_URL`. Given here it goes before an endpoint in
            the environment.
        landing_endpoint_url: Address of an S3-compatible store; default `METERHOUSE_LANDING_ENDPOINT_URL`.
        producer: What event files are named after; default the host name.
        flush_seconds: How long an event may wait for others before its file is written.
        batch_size: Most events in one file.
        max_pending: Most events waiting in memory; beyond it new ones are dropped, counted and given to
            `on_drop`.
        spool_folder: Where events wait on disk while their destination is away, shared by the processes of
            this machine; default `METERHOUSE_SPOOL_FOLDER`, else a folder of the user's; "off" keeps them
            in memory.
        max_spool_bytes: Most bytes that may wait there; beyond it events wait in memory.
        exit_timeout_seconds: How long the end of the process may wait for the last events.
        is_stream_usage_asked: Ask OpenAI chat streams for their usage (`stream_options.include_usage`)
            where the caller did not. This adds one chunk without choices to the stream; without it the
            usage of such a stream is unknown.
        on_drop: Called with each lost event and the reason, in the thread that lost it.
        capture_prompts: Whether prompts and answers travel with events: True, or a rule that says it of an
            event's fields. Off by default; `attribute(capture_prompts=...)` and `meter(capture_prompts=...)`
            go before it. The destination keeps them apart, if it keeps them.
        redact: One or more functions from text to text that every captured text goes through before it
            leaves this process, in the calling thread. Where one fails no prompt leaves.
        max_prompt_characters: Most characters of each captured field; beyond it the text is cut, and
            `prompts_truncated` says so.
        defaults: Attribution every event starts from (`customer`, `product`, `environment`, ...), over
            `METERHOUSE_<FIELD>` in the environment.
    """
    from_environment = environment_settings()
    if landing_url and not url:
        from_environment.pop("url", None)
    config = Config(
        url=url or from_environment.get("url"),
        api_key=api_key or from_environment.get("api_key"),
        landing_url=landing_url or from_environment.get("landing_url"),
        landing_endpoint_url=landing_endpoint_url or from_environment.get("landing_endpoint_url"),
        spool_folder=spool_folder if spool_folder is not None else from_environment.get("spool_folder"),
        max_spool_bytes=max_spool_bytes,
        producer=producer,
        flush_seconds=flush_seconds,
        batch_size=batch_size,
        max_pending=max_pending,
        exit_timeout_seconds=exit_timeout_seconds,
        is_stream_usage_asked=is_stream_usage_asked,
        on_drop=on_drop,
        capture_prompts=capture_prompts,
        redact=(redact,) if callable(redact) else tuple(redact),
        max_prompt_characters=max_prompt_characters,
        defaults=context.merge(environment_attribution(), defaults),
    )
    with _process.lock:
        previous, previous_config = _process.sender, _process.config
        _process.config, _process.sender, _process.answers = config, None, Remembered()
    if previous is not None and previous_config is not None:
        previous.close(previous_config.exit_timeout_seconds)


def meter(**fields: Any) -> str:
    """Meter one call: put its event into the queue and return its id. Never raises, never waits.

    Args:
        fields: Fields of the event (see `fields.FIELD_KINDS`), over the attribution in force and the
            defaults. `provider` and, but for `operation="tool"`, `model` are needed; `event_id` and
            `started_at` (now) are made when missing. Names that are no field are kept under metadata.
            `system_prompt`, `input_messages` and `output_text` are taken where capturing is on, as by
            `capture_prompts=True`.

    Returns:
        The event id, a UUIDv7 unless given.
    """
    return record(fields, context.current())


def record(fields: Mapping[str, Any], attribution: Mapping[str, Any]) -> str:
    """As `meter`, under a given attribution instead of the one in force."""
    event_id = str(fields.get("event_id") or uuid7())
    with trouble.kept_from_caller("metering an event"):
        now = datetime.now(timezone.utc)
        made = {"started_at": now, "source": "sdk", "schema_version": SCHEMA_VERSION}
        given = context.merge(context.merge(settings().defaults, attribution), fields)
        prompts = {name: given.pop(name) for name in PROMPT_FIELDS if name in given}
        wish = given.pop(context.CAPTURE, None)
        event = clean({**made, **given, "event_id": event_id})
        if prompts:
            event.update(_captured(prompts, wish, event))
        _sender().put(event)
    return event_id


def outcome(
    trace_id: str,
    name: str,
    *,
    is_success: Optional[bool] = None,
    value_usd: Union[Decimal, str, int, float, None] = None,
    at: Optional[datetime] = None,
    **fields: Any,
) -> str:
    """Record what a workflow run achieved, so that cost meets return. Never raises, never waits.

    Args:
        trace_id: The trace its calls carry, as by `attribute(trace_id=...)`.
        name: What was achieved, as `ticket_resolved`.
        is_success: Whether it was; None when not known.
        value_usd: What it is worth in USD, best as a Decimal or a text; None when not known.
        at: When, by default now.
        fields: `outcome_id`, `customer`, `product`, `agent`, `workflow`, `business_unit`, `environment`, over
            the attribution in force and the defaults; other names are kept under metadata.

    Returns:
        The outcome id, a UUIDv7 unless given; the same id counts once.
    """
    outcome_id = str(fields.get("outcome_id") or uuid7())
    with trouble.kept_from_caller("recording an outcome"):
        said = {"name": name, "is_success": is_success, "value_usd": value_usd}
        about = context.merge(settings().defaults, context.current())
        attribution = {key: value for key, value in about.items() if key in OUTCOME_KINDS}
        made = {"at": at or datetime.now(timezone.utc), "source": "sdk", "schema_version": SCHEMA_VERSION}
        given = context.merge(attribution, {**fields, **said, "trace_id": trace_id})
        _sender().put(clean({**made, **given, "outcome_id": outcome_id}, OUTCOME_KINDS))
    return outcome_id


def may_capture(attribution: Mapping[str, Any]) -> bool:
    """Whether prompts of a call under this attribution may be wanted; the rule decides when it is over."""
    wish = attribution.get(context.CAPTURE)
    return bool(settings().capture_prompts if wish is None else wish)


def _captured(prompts: Mapping[str, Any], wish: Optional[bool], event: Mapping[str, Any]) -> dict[str, Any]:
    """The prompts as they may leave this process; none where capturing is off, or where a hook fails."""
    config = settings()
    rule = config.capture_prompts if wish is None else wish
    if not rule:
        if wish is None:
            trouble.note("uncaptured", "meter", "Prompts given to meter() are left behind: capturing is off.")
        return {}
    with trouble.kept_from_caller("capturing prompts, which are left behind,"):
        if not callable(rule) or rule(event):
            return fit_to_leave(prompts, config.redact, config.max_prompt_characters)
    return {}


def record_call(door: str, fields: Mapping[str, Any], attribution: Mapping[str, Any]) -> None:
    """As `record`, unless a hook of another kind has metered this very answer already.

    A framework's callback and a wrapped client inside it see the same call; its answer's id tells.

    Args:
        door: The kind of hook: client, litellm, langchain.
        fields: Fields of the event.
        attribution: The attribution it was sent under.
    """
    answer_id = fields.get("provider_request_id")
    if answer_id is not None:
        seen_by = _process.answers.get(answer_id)
        if seen_by is not None and seen_by != door:
            trouble.count("doubled")
            return
        _process.answers.put(answer_id, door)
    record(fields, attribution)


def flush(timeout_seconds: Optional[float] = None) -> bool:
    """Wait until every event metered so far is sent, on disk or dropped; False when time runs out first."""
    sender = _process.sender
    return sender is None or sender.flush(timeout_seconds)


def stats() -> dict[str, int]:
    """What became of this process's events since `configure`, and our own troubles.

    Returns:
        `metered` = `sent` + `rejected` + `pending` + `spooled` + `dropped`, and `failed`, `undecided`,
        `unknown_fields`, `doubled` (see `trouble.KINDS`).
    """
    sender = _process.sender or Sender(None, None, Config())
    events = sender.counts()
    return {**events, **trouble.counts()}


def settings() -> Config:
    """The settings in force; made from the environment on first use."""
    if _process.config is None:
        with _process.lock:
            if _process.config is None:
                configure()
    config = _process.config
    assert config is not None
    return config


def _sender() -> Sender:
    sender = _process.sender
    if sender is not None:
        return sender
    config = settings()
    transport = _transport(config)
    candidate = Sender(transport, _spool(config, transport), config)
    # A child of multiprocessing ends without atexit; its own finalizers do run.
    multiprocessing_util.Finalize(None, _drain_at_exit, exitpriority=0)
    with _process.lock:
        if _process.sender is None:
            _process.sender = candidate
        return _process.sender


def _transport(config: Config) -> Optional[Transport]:
    with trouble.kept_from_caller("opening the destination of events"):
        if config.url is not None:
            if config.api_key is None:
                raise ValueError("an endpoint needs an API key: set METERHOUSE_API_KEY")
            return Endpoint(config.url, config.api_key)
        if config.landing_url is not None:
            return landing.open_landing_zone(
                config.landing_url, config.landing_endpoint_url, config.producer_name
            )
    return None


def _spool(config: Config, transport: Optional[Transport]) -> Optional[Spool]:
    folder = config.spool_path
    if transport is None or folder is None:
        return None
    return Spool(folder, transport.destination, config.max_spool_bytes)


def _drain_at_exit() -> None:
    if _process.sender is not None and _process.config is not None:
        _process.sender.drain(_process.config.exit_timeout_seconds)


def _start_afresh_after_fork() -> None:
    global _process
    trouble.start_afresh()
    _process = _Process(_process.config)


atexit.register(_drain_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh_after_fork)
