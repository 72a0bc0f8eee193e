"""Pricing alone: calls per second by our one function, and by the price source's own arithmetic.

Run `python -m bench.pricing [CALLS] [COMPARED]`. The calls are random ones of the oracle test, which holds both to be
equal; of CALLS ours prices all, and the source COMPARED, in one process. Bedrock's are left out: there the source knows
a model by more than its name.
"""

import json
import os
import random
import sys
import time

import polars as pl

from meterhouse.events.schema import EVENT_SCHEMA
from meterhouse.pricing.price import price_events
from tests.pricing.test_oracle import FIRST_BOOK, random_request, said_by_source

SEED, COMPARED = 7, 2_000


def requests(count: int) -> list[tuple]:
    dice = random.Random(SEED)
    found: list[tuple] = []
    while len(found) < count:
        request = random_request(dice)
        if request is not None and request[0]["provider"] != "aws_bedrock":
            found.append(request)
    return found


def main(calls: int = 1_000_000, compared: int = COMPARED) -> None:
    made = requests(compared)
    schema = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema
    few = pl.DataFrame([{name: event.get(name) for name in schema} for event, *_ in made], schema=schema)
    events = pl.concat([few] * -(-calls // few.height)).head(calls)
    price_events(few, FIRST_BOOK)
    began = time.perf_counter()
    price_events(events, FIRST_BOOK)
    ours = calls / (time.perf_counter() - began)
    asked = [
        (event["provider"], event["model"], quantities, event["service_tier"], event["started_at"])
        for event, quantities, *_ in made
    ]
    began = time.perf_counter()
    said = [said_by_source(*one) for one in asked]
    theirs = len(said) / (time.perf_counter() - began)
    figures = {
        "calls": calls,
        "calls_per_second": round(ours),
        "source_calls_per_second": round(theirs),
        "times_as_fast": round(ours / theirs),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:3]))
