"""The command line: `meterhouse …`."""

from meterhouse.cli.main import main

__all__ = ["main"]
