"""`meterhouse events tail|send-test|replay`: see events arrive, send one, judge refused ones again."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, progress, rfc3339, say
from meterhouse.events.landing import LandingFile, LandingZone, list_files, open_landing_zone
from meterhouse.events.load import replay_rejects
from meterhouse.events.reader import read_landing_file
from meterhouse.gateway.trial import send_test_event
from meterhouse.settings import Settings

_SHOWN = (
    "received_at",
    "event_id",
    "source",
    "provider",
    "model",
    "customer",
    "input_tokens",
    "output_tokens",
)
_POLL_SECONDS = 1.0


@errors_in_words()
def replay(is_json: JsonFlag = False) -> None:
    """Judge the refused lines again, after what was wrong with them is mended here (a newer Meterhouse, say).

    Lines that are good now become events; `meterhouse build` brings them into the marts.
    """
    with progress("Judging refused lines again ..."):
        result = replay_rejects(Settings())
    answer = {
        "files": result.file_count,
        "rejected_before": result.rejected_before,
        "rejected": result.rejected_now,
    }
    if is_json:
        print_json(answer)
    else:
        print_table(tuple(answer), [tuple(answer.values())])


@errors_in_words()
def tail(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many of the newest.")] = 20,
    is_following: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what arrives.")] = False,
    is_json: JsonFlag = False,
) -> None:
    """The newest events in the landing zone, whether they are loaded or not; with --json one JSON line each."""
    settings = Settings()
    zone = open_landing_zone(settings)
    seen: set[str] = set()
    newest: list[dict[str, Any]] = []
    for file in reversed(list_files(zone)):
        seen.add(file.url)
        if len(newest) < limit:
            newest += reversed(list(_events(zone, file, settings)))
    _print(list(reversed(newest[:limit])), is_json)
    while is_following:
        time.sleep(_POLL_SECONDS)
        now = datetime.now(UTC)
        for hour in (now - timedelta(hours=1), now):
            for file in list_files(zone, f"{hour:%Y-%m-%dT%H}"):
                if file.url not in seen:
                    seen.add(file.url)
                    _print(list(_events(zone, file, settings)), is_json)


@errors_in_words()
def send_test(
    url: Annotated[str | None, typer.Option(help="The endpoint; default METERHOUSE_GATEWAY_URL.")] = None,
    key_name: Annotated[str | None, typer.Option("--key", help="Name of the key to send with.")] = None,
    is_json: JsonFlag = False,
) -> None:
    """Send one test event (a tool call that costs nothing) through the metering endpoint, and say how it went."""
    sent = send_test_event(Settings(), url, key_name)
    result = {
        "event_id": sent.event_id,
        "status": sent.status,
        "url": sent.url,
        "milliseconds": sent.milliseconds,
    }
    if is_json:
        print_json(result)
    else:
        print_table(tuple(result), [tuple(result.values())])
        say("It is on disk. `meterhouse events tail` shows it; the next build brings it into the marts.")


def _events(zone: LandingZone, file: LandingFile, settings: Settings) -> Iterator[dict[str, Any]]:
    reading = read_landing_file(zone, file, settings.settle_seconds, datetime.now(UTC))
    yield from reading.events.select(list(_SHOWN)).to_pylist()


def _print(events: list[dict[str, Any]], is_json: bool) -> None:
    if is_json:
        for event in events:
            received_at = rfc3339(event["received_at"])
            typer.echo(json.dumps({**event, "received_at": received_at}, ensure_ascii=False))
    elif events:
        print_table(_SHOWN, (tuple(event.values()) for event in events))
