"""Runs the sandbox alone until it is interrupted: `python -m sandbox --help`."""

import argparse
import signal
import sys
from datetime import UTC, datetime

from sandbox.server import Sandbox


def main() -> None:
    """Serve a world and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Serve a small world on loopback.")
    parser.add_argument("--days", type=int, default=7, help="whole days of history")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same world")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes any free one")
    chosen = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Sandbox(chosen.days, chosen.seed, datetime.now(UTC), port=chosen.port) as sandbox:
        for access in sandbox.accesses:
            for name, value in access.values.items():
                sys.stdout.write(f"{access.account} {name}: {' '.join(value.splitlines())}\n")
        for name, value in (
            ("openai project key", sandbox.openai_keys.project),
            ("anthropic application key", sandbox.anthropic_keys.application),
            ("slack webhook", sandbox.slack_webhook_url),
        ):
            sys.stdout.write(f"{name}: {value}\n")
        sys.stdout.flush()
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
