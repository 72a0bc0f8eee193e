"""What this process meters with: its settings, and one sender; how it ends, and starts again in a forked child.

What belongs here: `configure`, `flush`, `stats`, and what happens at exit and after a fork. What does not: what an
event is made of (`metering.py`), and how it travels (`delivery.py`).
"""

import atexit
import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import util as multiprocessing_util
from typing import Any, Optional, Union

from meterhouse_sdk import context, landing, trouble
from meterhouse_sdk.callbacks import Remembered
from meterhouse_sdk.config import CaptureRule, Config, OnDrop, environment_attribution, environment_settings
from meterhouse_sdk.controls import FIRST_COPY_SECONDS, POLICIES, Controls
from meterhouse_sdk.delivery import Sender
from meterhouse_sdk.endpoint import Endpoint
from meterhouse_sdk.prompts import Redact
from meterhouse_sdk.spool import Spool
from meterhouse_sdk.transport import Transport


class _Process:
    """What this process meters with; a forked child starts with the parent's settings and an empty queue."""

    def __init__(self, config: Optional[Config]) -> None:
        self.lock = threading.RLock()
        self.config = config
        self.sender: Optional[Sender] = None
        self.controls: Optional[Controls] = None
        self.answers: Remembered[str] = Remembered()


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
    controls: Optional[str] = None,
    controls_refresh_seconds: float = Config.controls_refresh_seconds,
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
        controls: What becomes of calls while the endpoint cannot say which are held back: "open", they are made;
            "closed", they are blocked, and this call waits two seconds at most for the first answer; "off": cost
            controls are not asked for. Default `METERHOUSE_CONTROLS`, else open.
        controls_refresh_seconds: How often the endpoint is asked.
        defaults: Attribution every event starts from (`customer`, `product`, `environment`, ...), over
            `METERHOUSE_<FIELD>` in the environment.

    Raises:
        ValueError: `controls` is none of these.
    """
    if controls is not None and controls not in POLICIES:
        raise ValueError(f"controls is one of {', '.join(POLICIES)}, not {controls!r}")
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
        controls=controls or _policy_of(from_environment),
        controls_refresh_seconds=controls_refresh_seconds,
        defaults=context.merge(environment_attribution(), defaults),
    )
    with _process.lock:
        previous, previous_config, previous_controls = _process.sender, _process.config, _process.controls
        _process.config, _process.sender, _process.answers = config, None, Remembered()
        _process.controls = None
    if previous_controls is not None:
        previous_controls.close()
    if previous is not None and previous_config is not None:
        previous.close(previous_config.exit_timeout_seconds)
    if config.controls == "closed":
        _controls_of(config).wait_for_first(FIRST_COPY_SECONDS)


def flush(timeout_seconds: Optional[float] = None) -> bool:
    """Wait until every event metered so far is sent, on disk or dropped; False when time runs out first."""
    existing = _process.sender
    return existing is None or existing.flush(timeout_seconds)


def stats() -> dict[str, int]:
    """What became of this process's events since `configure`, and our own troubles.

    Returns:
        `metered` = `sent` + `rejected` + `pending` + `spooled` + `dropped`, and `failed`, `undecided`,
        `unknown_fields`, `doubled` (see `trouble.KINDS`).
    """
    existing = _process.sender or Sender(None, None, Config())
    return {**existing.counts(), **trouble.counts()}


def answers() -> "Remembered[str]":
    """Which kind of hook metered an answer, by the provider's id of it."""
    return _process.answers


def settings() -> Config:
    """The settings in force; made from the environment on first use."""
    if _process.config is None:
        with _process.lock:
            if _process.config is None:
                configure()
    config = _process.config
    assert config is not None
    return config


def controls() -> Controls:
    """What is held back, as this process knows it; made on first use."""
    return _process.controls or _controls_of(settings())


def expect_calls() -> None:
    """Ask for controls ahead of the first call, where the settings are made already: it does not make them."""
    if _process.config is not None:
        controls().start()


def sender() -> Sender:
    """The sender of this process; made on first use."""
    existing = _process.sender
    if existing is not None:
        return existing
    config = settings()
    transport = _transport(config)
    candidate = Sender(transport, _spool(config, transport), config)
    # A child of multiprocessing ends without atexit; its own finalizers do run.
    multiprocessing_util.Finalize(None, _drain_at_exit, exitpriority=0)
    with _process.lock:
        if _process.sender is None:
            _process.sender = candidate
        return _process.sender


def _controls_of(config: Config) -> Controls:
    source: Optional[Endpoint] = None
    if config.url is not None and config.api_key is not None:
        with contextlib.suppress(ValueError):  # The sender says what is wrong with them.
            source = Endpoint(config.url, config.api_key)
    candidate = Controls(source, config.controls, config.controls_refresh_seconds)
    with _process.lock:
        if _process.controls is None:
            _process.controls = candidate
        return _process.controls


def _policy_of(from_environment: Mapping[str, str]) -> str:
    """The environment's policy; a wrong one is said, and does not stop the metering."""
    policy = from_environment.get("controls", Config.controls)
    if policy in POLICIES:
        return policy
    trouble.note("failed", "controls", f"METERHOUSE_CONTROLS is one of {', '.join(POLICIES)}; it stays open.")
    return Config.controls


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
    known = _process.controls
    _process = _Process(_process.config)
    if known is not None:
        _process.controls = known.for_child()


atexit.register(_drain_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh_after_fork)
