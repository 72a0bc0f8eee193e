"""The endpoint on a machine whose clock is wrong by so many seconds: `python -m tests.gateway.wrong_clock SECONDS ...`.

The rest are arguments of `meterhouse gateway`.
"""

import sys
from datetime import datetime, timedelta

from meterhouse.cli.main import app
from meterhouse.gateway import commit


class WrongClock(datetime):
    offset = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.offset


if __name__ == "__main__":
    WrongClock.offset = timedelta(seconds=float(sys.argv[1]))
    commit.datetime = WrongClock
    app(["gateway", *sys.argv[2:]])
