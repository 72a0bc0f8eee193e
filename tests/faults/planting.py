"""What one run of the simulator lands: files with faults in them, and what is true of every line.

What belongs here: one function per fault of `registry.py` that is injected into files, and the truth of its lines,
computed with Python's Decimal from the published prices. What does not: the pipeline that reads them (`simulator.py`).
"""

import csv
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from meterhouse.pricing.book import SEEDS_FOLDER
from tests.events.making import FORMATS, pack

MODELS = (("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"))
TOKENS = {"input_tokens": "input", "cache_read_tokens": "cache_read", "output_tokens": "output"}
DEAR_USD = Decimal(7)
"""What the one dear call of each fault costs: it alone crosses the limit of the alert rule."""


def published_prices() -> dict[tuple[str, str, str], Decimal]:
    """USD per token of `MODELS` by provider, model and token type, read from the seed as text."""
    with (SEEDS_FOLDER / "price_book.csv").open(newline="") as rows:
        return {
            (row["provider"], row["model"], row["token_type"]): Decimal(row["unit_price_usd"])
            for row in csv.DictReader(rows)
            if (row["provider"], row["model"]) in MODELS
            and (row["tier"], row["region"], row["valid_from"], row["valid_to"]) == ("standard", "", "", "")
        }


@dataclass(frozen=True)
class Truth:
    """What is true of one event: what it costs (None: unknown), why, and when it started."""

    fault: int
    cost_usd: Decimal | None
    cost_status: str
    started_at: datetime
    customer: str | None


@dataclass(frozen=True)
class Planted:
    """One file: where below the landing zone, its bytes, and how long ago it was changed last."""

    url: str
    content: bytes
    age_seconds: float = 0.0
    link_to: Path | None = None


@dataclass
class Plan:
    """The files of one run in two deliveries, and what is true of them."""

    seed: int
    now: datetime
    outside: Path
    first: list[Planted] = field(default_factory=list)
    later: list[Planted] = field(default_factory=list)
    truths: dict[str, Truth] = field(default_factory=dict)
    refused: dict[tuple[str, int], int] = field(default_factory=dict)
    """Fault by file and line of everything that is no event; of a broken file, the line after its last whole one."""
    injections: dict[int, int] = field(default_factory=dict)


class Planter:
    """Plants the events and files of one fault."""

    def __init__(self, plan: Plan, fault: int) -> None:
        self.plan, self.fault = plan, fault
        self.random = random.Random(plan.seed * 100 + fault)
        self.hour = plan.now - timedelta(hours=1)
        self._prices = published_prices()
        self._count = 0

    def event(self, **fields: object) -> dict:
        """A good event whose truth is known; fields given as None are left out."""
        self._count += 1
        provider, model = self.random.choice(MODELS)
        started = self.plan.now - timedelta(minutes=5, microseconds=self.random.randrange(10**8))
        base: dict = {
            "event_id": f"s{self.plan.seed}-fault-{self.fault:02}-{self._count}",
            "provider": provider,
            "model": model,
            "started_at": started.isoformat(),
            "agent": f"fault-{self.fault:02}",
            **{name: self.random.randrange(20_000) for name in TOKENS},
        }
        made = {name: value for name, value in (base | fields).items() if value is not None}
        self.plan.truths[made["event_id"]] = self._truth(made)
        return made

    def events(self, count: int) -> list[dict]:
        """Good events, the first of them dear."""
        return [self.dear(), *(self.event() for _ in range(count - 1))]

    def dear(self) -> dict:
        """The one call of the fault that crosses the limit of the alert rule."""
        return self.event(provider="own", model="house-model", client_cost_usd=str(DEAR_USD))

    def url(self, name: str) -> str:
        """Where a file of this fault arrives: in the last hour but one, so that no run meets a change of hours."""
        return f"events/date={self.hour:%Y-%m-%d}/hour={self.hour:%H}/fault-{self.fault:02}-{name}"

    def land(self, name: str, content: bytes, *, later: bool = False, age_seconds: float = 0.0) -> str:
        """Plant one file; its URL."""
        url = self.url(name)
        (self.plan.later if later else self.plan.first).append(Planted(url, content, age_seconds))
        return url

    def refuse(self, url: str, *lines: int) -> None:
        """These lines of a file are no events."""
        self.plan.refused.update({(url, line): self.fault for line in lines})

    def injected(self, count: int = 1) -> None:
        """Count injections of this fault."""
        self.plan.injections[self.fault] = self.plan.injections.get(self.fault, 0) + count

    def _truth(self, event: dict) -> Truth:
        started_at = datetime.fromisoformat(event["started_at"])
        customer = event.get("customer")
        used = {name: event[name] for name in TOKENS if name in event}
        prices = {name: self._prices.get((event["provider"], event["model"], TOKENS[name])) for name in used}
        if used and None not in prices.values():
            cost = sum((used[name] * price for name, price in prices.items()), Decimal(0))
            return Truth(self.fault, cost, "priced", started_at, customer)
        if "client_cost_usd" in event:
            said = Decimal(str(event["client_cost_usd"]))
            return Truth(self.fault, said, "client_reported", started_at, customer)
        return Truth(self.fault, None, "unpriced" if used else "usage_missing", started_at, customer)


def lines_of(events: list[dict]) -> bytes:
    """Events as JSON lines."""
    return pack(events, "jsonl")


def killed_load(planter: Planter) -> None:
    """1 to 5: a file for the load that is killed; the kill itself is the simulator's."""
    form = planter.random.choice(FORMATS)
    planter.land(f"killed.{form}", pack(planter.events(20), form))


def delivered_twice(planter: Planter) -> None:
    """9: the same events under another name, in another format, and again under the same name."""
    events = planter.events(15)
    content = lines_of(events)
    planter.land("once.jsonl", content)
    planter.land("once.jsonl", content, later=True)
    planter.land("other-name.jsonl", content, later=True)
    planter.land("packed.jsonl.gz", gzip.compress(content, mtime=0), later=True)
    planter.land("shuffled.jsonl.zst", pack(planter.random.sample(events, 15), "jsonl.zst"), later=True)
    planter.injected(4)


def half_written(planter: Planter) -> None:
    """10: half of a file without a rename, then all of it; and one under the name of a file being written."""
    for form in ("jsonl", "jsonl.gz", "parquet"):
        content = pack(planter.events(1) + [planter.event() for _ in range(8)], form)
        planter.land(f"half.{form}", content[: planter.random.randrange(10, len(content) - 10)])
        planter.land(f"half.{form}", content, later=True)
    planter.land("never.jsonl.tmp123", b'{"event_id": "of a file that is not there"')
    planter.injected(4)


def damaged_gzip(planter: Planter) -> None:
    """11: cut off for good: what is whole counts, the rest is one reject; members after each other are all read."""
    events = planter.events(400)
    content = gzip.compress(lines_of(events), mtime=0)
    cut = content[: planter.random.randrange(len(content) // 3, len(content) - 9)]
    whole, _, _ = zlib.decompressobj(31).decompress(cut).rpartition(b"\n")
    kept = {json.loads(line)["event_id"] for line in whole.splitlines()}
    for event in events:
        if event["event_id"] not in kept:
            del planter.plan.truths[event["event_id"]]
    planter.refuse(planter.land("cut.jsonl.gz", cut, age_seconds=1000), len(kept) + 1)
    members = [gzip.compress(lines_of([planter.event()]), mtime=0) for _ in range(3)]
    planter.land("members.jsonl.gz", b"".join(members))
    without_trailer = gzip.compress(lines_of([planter.event()]), mtime=0)[:-8]
    planter.refuse(planter.land("no-trailer.jsonl.gz", without_trailer, age_seconds=1000), 2)
    flipped = bytearray(gzip.compress(lines_of([{"event_id": "flipped"}]), mtime=0))
    flipped[0] ^= 0xFF
    planter.refuse(planter.land("flipped.jsonl.gz", bytes(flipped), age_seconds=1000), 1)
    planter.injected(4)


def poison_lines(planter: Planter) -> None:
    """12 and 13: lines that are no events among good ones; every other line counts."""
    good = json.dumps(planter.dear()).encode()
    base = json.dumps({"event_id": "poison", "provider": "openai", "model": "gpt-4o"})[:-1]
    started = f', "started_at": "{planter.plan.now.isoformat()}"'
    poison = [
        b"{not json",
        b"[1, 2]",
        b'"text"',
        f'{base}{started}, "input_tokens": NaN}}'.encode(),
        f'{base}{started}, "input_tokens": Infinity}}'.encode(),
        f'{base}{started}, "input_tokens": "many"}}'.encode(),
        f'{base}{started}, "input_tokens": -5}}'.encode(),
        f'{base}{started}, "input_tokens": 1.5}}'.encode(),
        f'{base}{started}, "input_tokens": 1, "input_tokens": 2}}'.encode(),
        f'{base}{started}, "customer": "a\\u0000b"}}'.encode(),
        f'{base}{started}, "customer": "\xff"}}'.encode("latin-1"),
        f'{base}{started}, "client_cost_usd": "free"}}'.encode(),
        f'{base}, "started_at": "2026-11-20T10:00:00"}}'.encode(),
        f'{base}, "started_at": 1795424689}}'.encode(),
        b"{" * 200,
    ]
    planter.random.shuffle(poison)
    lines = [good]
    for line in poison:
        lines += [line, json.dumps(planter.event()).encode()]
    url = planter.land("poison.jsonl", b"\n".join(lines) + b"\n")
    planter.refuse(url, *range(2, 2 * len(poison) + 2, 2))
    planter.injected(len(poison))


def drift(planter: Planter) -> None:
    """13: a new field is kept, a missing or renamed one makes a reject, a type that changed too."""
    events = [planter.dear(), planter.event(brand_new_field="x"), planter.event(brand_new_number=12)]
    renamed = {("ts" if name == "started_at" else name): value for name, value in events[1].items()}
    broken = [
        renamed | {"event_id": "renamed"},
        {name: value for name, value in events[1].items() if name != "provider"} | {"event_id": "missing"},
        events[1] | {"event_id": "retyped", "output_tokens": {"total": 5}},
    ]
    url = planter.land("drift.jsonl", lines_of([*events, *broken]))
    planter.refuse(url, 4, 5, 6)
    planter.injected(5)


def huge_events(planter: Planter) -> None:
    """14: an event with megabytes of metadata and one with 50,000 keys, between others."""
    huge = planter.event(metadata={"note": "x" * 20 * 2**20})
    wide = planter.event(metadata={f"key{number}": number for number in range(50_000)})
    planter.land("huge.jsonl", lines_of([planter.dear(), huge, planter.event(), wide, planter.event()]))
    planter.injected(2)


NAMES = (
    "Zoë & Søn", "שלום עולם", "👩‍👩‍👧‍👦", "line\nbreak", "tab\there", "e\u0301", "\u202eevil", "ﷺ" * 30, "x" * 65_536,
)  # fmt: skip


def odd_names(planter: Planter) -> None:
    """15: names in every script, with line ends, right-to-left marks, and of 64 kB."""
    planter.land("names.jsonl", lines_of([planter.dear(), *(planter.event(customer=name) for name in NAMES)]))
    planter.injected(len(NAMES))


SQL = (
    "'; drop table raw_metering.events; --", '"; drop schema marts cascade; --', "${jinja}", "{{ this }}", "%s%n",
    "../../../../etc/passwd", "\\'; select 1", "/* */", "$$ || 1 || $$",
)  # fmt: skip


def hostile_names(planter: Planter) -> None:
    """16: SQL and templates in values and in file names; paths and links that lead out of the zone."""
    planter.land("sql.jsonl", lines_of([planter.dear(), *(planter.event(customer=text) for text in SQL)]))
    planter.land("'; drop table raw_metering.events; --.jsonl", lines_of([planter.event()]))
    planter.land('quote".jsonl.gz', gzip.compress(lines_of([planter.event()]), mtime=0))
    stolen = lines_of([{"event_id": "from outside"}])
    planter.plan.first.append(Planted("events/date=2026-01-01/hour=../../stolen.jsonl", stolen))
    planter.plan.first.append(Planted("events/date=2026-13-45/hour=99/nowhere.jsonl", stolen))
    planter.plan.first.append(Planted(planter.url("link.jsonl"), b"", link_to=planter.plan.outside))
    planter.injected(len(SQL) + 5)


FORMULAS = (
    '=HYPERLINK("http://evil","x")',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "<!channel>",
    "@here",
    "<http://e|x>",
)


def formulas(planter: Planter) -> None:
    """17: what a spreadsheet or Slack would run, as customers: the warehouse keeps it as it is."""
    planter.land(
        "formulas.jsonl", lines_of([planter.dear(), *(planter.event(customer=text) for text in FORMULAS)])
    )
    planter.injected(len(FORMULAS))


def late_events(planter: Planter) -> None:
    """23: calls that arrive an hour, 47 hours and 40 days late."""
    for hours in (1, 47, 40 * 24):
        started = planter.plan.now - timedelta(hours=hours)
        planter.land(
            f"late-{hours}.jsonl", lines_of([planter.event(started_at=started.isoformat())]), later=True
        )
    planter.land("in-time.jsonl", lines_of([planter.dear()]))
    planter.injected(3)


def wrong_clocks(planter: Planter) -> None:
    """24: clocks ten minutes off, calls received before they began, and times of the far future."""
    now = planter.plan.now
    events = [planter.dear()]
    for minutes in (-10, 10, 60 * 24 * 400):
        events.append(planter.event(started_at=(now + timedelta(minutes=minutes)).isoformat()))
    events.append(planter.event(received_at=(now - timedelta(minutes=30)).isoformat()))
    planter.land("clocks.jsonl", lines_of(events))
    planter.injected(4)


TIMES = (
    "2026-03-29T01:59:59.999999+01:00", "2026-03-29T03:00:00+02:00", "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00", "2024-02-29T23:59:59Z", "2025-12-31T23:30:00-02:00", "2026-01-01T04:00:00+05:30",
    "2026-11-20T00:10:00+12:45", "2026-11-01T01:30:00-07:00", "2026-11-01T01:30:00-08:00",
)  # fmt: skip


def odd_times(planter: Planter) -> None:
    """25: both ends of summer time, offsets of quarters of an hour, February 29, the end of a year."""
    planter.land(
        "times.jsonl", lines_of([planter.dear(), *(planter.event(started_at=time) for time in TIMES)])
    )
    planter.injected(len(TIMES))


def unknown_prices(planter: Planter) -> None:
    """26: a model nobody prices, a price that is missing for one token type, an alias."""
    events = [planter.dear(), planter.event(model="gpt-99-imaginary"), planter.event(provider="nobody")]
    missing = planter.event(provider="openai", model="gpt-4o", video_seconds="3.5")
    truth = planter.plan.truths[missing["event_id"]]
    planter.plan.truths[missing["event_id"]] = Truth(
        truth.fault, None, "unpriced", truth.started_at, truth.customer
    )
    no_usage = planter.event(**dict.fromkeys(TOKENS))
    planter.land("prices.jsonl", lines_of([*events, missing, no_usage]))
    planter.injected(4)


def zeros(planter: Planter) -> None:
    """27: calls of no tokens cost nothing, and that is known; less than nothing is no event."""
    nothing = planter.event(**dict.fromkeys(TOKENS, 0))
    free = planter.event(provider="own", model="house-model", client_cost_usd="0")
    negative = {"event_id": "negative", "provider": "own", "model": "m", "client_cost_usd": "-1"}
    negative["started_at"] = planter.plan.now.isoformat()
    url = planter.land("zeros.jsonl", lines_of([planter.dear(), nothing, free, negative]))
    planter.refuse(url, 4)
    planter.injected(3)


def amounts(planter: Planter) -> None:
    """28: amounts from 1e-12 to a million, as strings and as numbers, and many of 0.1: sums that floats miss."""
    written = ["0.000000000001", "1e-9", "999999.999999999999", "0.1", "123456.7", "2.675", "1E+3"]
    events = [planter.dear()]
    said = {"provider": "own", "model": "house-model", "agent": None}
    for amount in [*written, *(["0.1"] * 200)]:
        events.append(planter.event(**said, client_cost_usd=amount))
    planter.land("amounts.jsonl", lines_of(events))
    numbers = [planter.event(**said, client_cost_usd="0.1") for _ in range(9)]
    as_numbers = lines_of(numbers).replace(b'"client_cost_usd": "0.1"', b'"client_cost_usd": 0.1')
    planter.land("numbers.jsonl", as_numbers)
    planter.injected(len(written) + 1)


def poison_file(planter: Planter) -> None:
    """35: whole files nobody can read (a type conflict, no Parquet, an empty one) beside good ones of their hour."""
    planter.land("good.jsonl", lines_of(planter.events(5)))
    wrong = pack([{"event_id": "x", "input_tokens": 1}], "parquet")
    planter.refuse(planter.land("broken.parquet", wrong[:-20], age_seconds=1000), 1)
    planter.refuse(planter.land("no.parquet", b"no parquet at all", age_seconds=1000), 1)
    planter.land("empty.jsonl", b"")
    planter.refuse(planter.land("text.jsonl.zst", b"not packed", age_seconds=1000), 1)
    planter.injected(4)


def small_files(planter: Planter) -> None:
    """38: many small files at once."""
    planter.land("dear.jsonl", lines_of([planter.dear()]))
    for number in range(SMALL_FILES):
        planter.land(f"small-{number}.jsonl", lines_of([planter.event()]))
    planter.injected(SMALL_FILES)


KILLED = (1, 2, 3, 4, 5)
SMALL_FILES = 100
PLANTERS: dict[int, Callable[[Planter], None]] = {
    **dict.fromkeys(KILLED, killed_load),
    9: delivered_twice,
    10: half_written,
    11: damaged_gzip,
    12: poison_lines,
    13: drift,
    14: huge_events,
    15: odd_names,
    16: hostile_names,
    17: formulas,
    23: late_events,
    24: wrong_clocks,
    25: odd_times,
    26: unknown_prices,
    27: zeros,
    28: amounts,
    35: poison_file,
    38: small_files,
}
"""What plants the files of each fault that is injected into files."""


def plan(seed: int, now: datetime, outside: Path, faults: Iterable[int]) -> Plan:
    """The files of one run.

    Args:
        seed: Same seed and time, same files.
        now: When the files arrive (UTC).
        outside: A file outside the landing zone that a link in it leads to.
        faults: Which of `PLANTERS`.
    """
    made = Plan(seed, now, outside)
    for fault in faults:
        PLANTERS[fault](Planter(made, fault))
    return made
