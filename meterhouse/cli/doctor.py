"""`meterhouse doctor`: what is wrong with this installation, and what to do."""

from dataclasses import asdict
from datetime import UTC, datetime

import typer

from meterhouse.cli.output import WRONG, JsonFlag, errors_in_words, print_json, print_table
from meterhouse.doctor import Health, examine
from meterhouse.settings import Settings


@errors_in_words()
def doctor(is_json: JsonFlag = False) -> None:
    """Walk through the installation: what is wrong, and what to do about it. Exit code 1 when something is broken.

    For when a provider shows Disconnected, no provider shows, or calls you metered do not appear.
    """
    findings = examine(Settings(), datetime.now(UTC))
    if is_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            ("area", "health", "what", "next step"), (tuple(asdict(finding).values()) for finding in findings)
        )
    if any(finding.health is Health.FAULT for finding in findings):
        raise typer.Exit(WRONG)
