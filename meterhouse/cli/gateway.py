"""`meterhouse gateway`: the metering endpoint alone, until Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvicorn

from meterhouse.cli.output import errors_in_words, say
from meterhouse.control.database import engine
from meterhouse.events.landing import open_landing_zone
from meterhouse.settings import Settings, child_environment, exported

GRACE_SECONDS = 30
APP = "meterhouse.gateway.app:app_from_environment"


@errors_in_words()
def gateway(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8787,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
) -> None:
    """Start the metering endpoint, until Ctrl-C. Programs send their calls with a key of `meterhouse keys create`.

    docs/gateway.md says what can be sent. Put TLS in front of it before it leaves this machine.
    """
    settings = Settings()
    engine(settings)
    zone = open_landing_zone(settings)
    say(f"Metering endpoint: http://{host}:{port}, landing in {zone.url} (Ctrl-C ends it)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with exported(child_environment(settings)), _shared_metrics(workers):
        uvicorn.run(
            APP,
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """A folder in which several worker processes add up what they count."""
    if workers == 1:
        yield
        return
    with (
        TemporaryDirectory(prefix="meterhouse-metrics-") as folder,
        exported({"PROMETHEUS_MULTIPROC_DIR": folder}),
    ):
        yield
