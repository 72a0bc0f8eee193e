"""Loads one hour in a process that kills itself: `python -m tests.events.dying STEP before|after HOUR`."""

import sys

from meterhouse.events.load import load_partition
from meterhouse.settings import Settings
from tests.killing import die_at

if __name__ == "__main__":
    step, when, hour = sys.argv[1:]
    die_at(step, when)
    load_partition(Settings(), hour)
