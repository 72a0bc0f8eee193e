"""Cost controls: the local copy of what the endpoint holds back, and the thread that keeps it fresh.

What belongs here: reading the endpoint's answer, matching a call against it in memory, and refreshing it. What does
not: what a held call means to its caller and which event it leaves (`guarding.py`), and the request (`endpoint.py`).
"""

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Callable, Optional, Protocol

from meterhouse_sdk import trouble
from meterhouse_sdk.fields import text_of
from meterhouse_sdk.pauses import Pauses

POLICIES = ("open", "closed", "off")
"""What becomes of calls while nobody knows what is in force: made, blocked; or controls are not asked for at all."""
STALE_SECONDS = 300.0
"""A copy that was not confirmed for so long says nothing any more."""
FIRST_COPY_SECONDS = 2.0
"""How long setting up may wait for the first copy, where calls without one are blocked."""

_TESTS: dict[str, Callable[[Optional[str], Any], bool]] = {
    "is": lambda text, operand: text == operand,
    "is_not": lambda text, operand: text != operand,
    "in": lambda text, operand: text in operand,
    "contains": lambda text, operand: text is not None and operand in text,
    "starts_with": lambda text, operand: text is not None and text.startswith(operand),
    "ends_with": lambda text, operand: text is not None and text.endswith(operand),
}
"""The conditions of a rule, as the endpoint's rules mean them: a missing field meets `is_not` only."""


@dataclass(frozen=True)
class Hold:
    """One group of a rule that is beyond a limit."""

    rule: str
    enforce: str
    """What the rule asks for: block, warn or shadow."""
    action: str
    """What that means for this group: block, warn or would_block."""
    group: Mapping[str, Optional[str]]
    metric: str
    unit: str
    window: str
    value: Decimal
    comparison: str
    limit: Decimal
    resets_at: Optional[datetime]
    incident_id: str

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        who = ", ".join(f"{name} {value or '(none)'}" for name, value in self.group.items()) or "all calls"
        until = (
            f"until {self.resets_at:%Y-%m-%d %H:%M:%S} UTC"
            if self.resets_at
            else "until enough calls have left the window"
        )
        limit = f"limit {self.comparison} {self.limit}{unit}, window {self.window}"
        return f"{self.rule}: {self.metric} of {who} came to {self.value}{unit}, {limit}; {until}"


@dataclass(frozen=True)
class Control:
    """A rule and its groups that are held back, by the values of its fields."""

    group_by: Sequence[str]
    where: Sequence[tuple[str, str, Any]]
    groups: Mapping[tuple[Optional[str], ...], Sequence[Hold]]

    def holds(self, texts: Mapping[str, Optional[str]]) -> Sequence[Hold]:
        """Those of the call with these fields."""
        found = self.groups.get(tuple([texts.get(name) for name in self.group_by]), ())
        if found and all(_TESTS[test](texts.get(name), operand) for name, test, operand in self.where):
            return found
        return ()


class Source(Protocol):
    """Where controls come from."""

    def controls(self, tag: Optional[str], /) -> Optional[tuple[str, bytes]]:
        """The answer and its tag; None while `tag` is still the newest."""


@dataclass(frozen=True)
class Copy:
    """An answer of the endpoint, as a whole; `fields` are those that its controls look at."""

    controls: Sequence[Control] = ()
    fields: Sequence[str] = ()

    def incident_ids(self) -> set[str]:
        """The incidents that last."""
        return {hold.incident_id for one in self.controls for holds in one.groups.values() for hold in holds}


def read(body: bytes) -> Copy:
    """An answer of `GET /v1/controls`.

    Raises:
        ValueError, LookupError, TypeError: it is none.
    """
    controls = [_control(about) for about in json.loads(body)["controls"]]
    names = {name for one in controls for name in (*one.group_by, *(field for field, _, _ in one.where))}
    return Copy(controls, sorted(names))


class Controls:
    """What is held back, as this process knows it; asks for it while somebody wants to know.

    Args:
        source: The endpoint; None when there is none.
        policy: One of `POLICIES`.
        refresh_seconds: How often to ask, give or take a fifth.
    """

    def __init__(self, source: Optional[Source], policy: str, refresh_seconds: float) -> None:
        self.policy = policy if source is not None or policy == "closed" else "off"
        self._source = source
        self._refresh_seconds = refresh_seconds
        self._copy = Copy()
        self._tag: Optional[str] = None
        self._known_until = 0.0
        self._told: set[str] = set()
        self._pauses = Pauses()
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._is_closed = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def for_child(self) -> "Controls":
        """The same knowledge for a forked process, which asks for itself."""
        child = Controls(self._source, self.policy, self._refresh_seconds)
        child._copy, child._tag = self._copy, self._tag
        child._known_until, child._told = self._known_until, set(self._told)
        return child

    def start(self) -> None:
        """See that the thread runs that asks."""
        if self._thread is not None or self._source is None or self.policy == "off":
            return
        with self._lock:
            if self._thread is not None or self._is_closed.is_set():
                return
            self._thread = threading.Thread(target=self._run, name="meterhouse-sdk-controls", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None  # No thread is to be had just now; the next call tries again.

    def wait_for_first(self, timeout_seconds: float) -> None:
        """Wait for the end of the first try to know."""
        self.start()
        if self._thread is not None:
            self._first.wait(timeout_seconds)

    def close(self) -> None:
        """End the thread."""
        self._is_closed.set()

    def are_known(self) -> bool:
        """Whether the copy is one to go by."""
        return time.monotonic() < self._known_until

    def hold_nobody(self) -> bool:
        """Whether nothing is held back at all."""
        return not self._copy.controls

    def holds(self, fields: Mapping[str, Any]) -> Sequence[Hold]:
        """Those of the call with these fields that last; asks nobody and waits for nobody."""
        copy = self._copy
        texts = {name: text_of(name, fields.get(name)) for name in copy.fields}
        found = [hold for control in copy.controls for hold in control.holds(texts)]
        if found:
            now = datetime.now(timezone.utc)
            found = [hold for hold in found if hold.resets_at is None or hold.resets_at > now]
        return found

    def is_news(self, hold: Hold) -> bool:
        """Whether nobody was told of this incident yet; from now on somebody was."""
        with self._lock:
            is_new = hold.incident_id not in self._told
            self._told.add(hold.incident_id)
        return is_new

    def refresh(self) -> None:
        """Ask once; what goes wrong leaves the copy as it is."""
        assert self._source is not None
        try:
            answer = self._source.controls(self._tag)
            if answer is not None:
                self._take(*answer)
        except Exception as error:
            if self._pauses.tries == 0:
                self._say_unknown(error)
            self._pauses.begin(error)
        else:
            self._known_until = time.monotonic() + STALE_SECONDS
            if self._pauses.end():
                trouble.log.warning("Cost controls can be fetched again.")
        self._first.set()

    def _run(self) -> None:
        while not self._is_closed.is_set():
            self.refresh()
            until = self._pauses.until if self._pauses.tries else 0.0
            jittered = self._refresh_seconds * random.uniform(0.8, 1.2)  # noqa: S311
            self._is_closed.wait(max(jittered, until - time.monotonic()))

    def _take(self, tag: str, body: bytes) -> None:
        copy = read(body)
        with self._lock:
            self._told &= copy.incident_ids()
        self._copy, self._tag = copy, tag

    def _say_unknown(self, error: Exception) -> None:
        left = self._known_until - time.monotonic()
        known = f"what was known holds for {left:.0f} s more, then" if left > 0 else "until then"
        meaning = "blocked" if self.policy == "closed" else "not held back"
        trouble.log.warning(
            "Cost controls cannot be fetched: %s: %s. It is tried again; %s calls are %s.",
            *(type(error).__name__, error, known, meaning),
        )


def _control(about: Mapping[str, Any]) -> Control:
    group_by = list(about["group_by"])
    groups: dict[tuple[Optional[str], ...], list[Hold]] = {}
    for one in about["groups"]:
        key = tuple(one["group"].get(name) for name in group_by)
        groups.setdefault(key, []).append(_hold(about, one))
    where = [
        (name, test, operand) for name, tests in about["where"].items() for test, operand in tests.items()
    ]
    unknown = {test for _, test, _ in where}.difference(_TESTS)
    if unknown:
        raise ValueError(f"this SDK knows no condition {', '.join(sorted(unknown))}: update it")
    return Control(group_by, where, groups)


def _hold(about: Mapping[str, Any], one: Mapping[str, Any]) -> Hold:
    return Hold(
        rule=about["rule"],
        enforce=about["enforce"],
        action=one["action"],
        group=dict(one["group"]),
        metric=about["metric"],
        unit=about["unit"],
        window=about["window"],
        value=Decimal(one["value"]),
        comparison=one["comparison"],
        limit=Decimal(one["limit"]),
        resets_at=datetime.fromisoformat(one["resets_at"]) if one["resets_at"] else None,
        incident_id=one["incident_id"],
    )
