"""One call that really happened, and how a service makes one out of a recorded size.

What belongs here: the call as the truth knows it, whether or not anyone metered it. What does not: what the
provider books (`books`), the event the application sends (`traffic`).
"""

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sandbox.catalogue import WEB_SEARCHES
from sandbox.services import CUSTOMERS, SUBSCRIBERS_PER_CUSTOMER, Service
from sandbox.trace import Size

CACHE_BLOCK_TOKENS = 128
CACHE_MINIMUM_TOKENS = 1024
PIECES = {"image": "images", "video": "tool_calls"}
"""What is counted of a call that makes a piece: an image, or a task."""
TRACE_PAUSE = timedelta(minutes=30)
CONTINUE_TRACE_SHARE = 0.65
NAMESPACE = uuid.UUID("6d1fd3f0-6f0e-4e0b-9f3a-5f8f6a0c2f11")


class Metering(StrEnum):
    """What the application recorded of a call."""

    FULL = "full"
    USAGE_MISSING = "usage_missing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Trace:
    """The workflow run a call belongs to, and for whom it ran."""

    trace_id: str
    first_event_id: str
    customer: str
    subscriber: int
    last_call_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who made it, what it used, when the provider booked it, and what was metered."""

    event_id: str
    service: Service
    started_at: datetime
    booked_at: datetime
    duration_ms: int
    is_streamed: bool
    quantities: Mapping[str, int]
    """Units by token type, disjoint; what the provider bills."""
    reasoning_tokens: int | None
    """The part of the output spent on reasoning, where the provider tells it."""
    metering: Metering
    deliveries: int
    trace: Trace

    @property
    def is_listed(self) -> bool:
        """Whether a list price exists for it."""
        return self.service.model.is_listed(self.service.tier)


class Caller:
    """Makes calls from recorded sizes, with ids and traces that follow from the seed alone."""

    def __init__(self, rng: random.Random, world_name: str) -> None:
        self._rng = rng
        self._world_name = world_name
        self._made = 0
        self._traces: dict[Service, Trace] = {}

    def call(
        self,
        service: Service,
        size: Size,
        started_at: datetime,
        *,
        booked_at: datetime | None = None,
        metering: Metering = Metering.FULL,
        deliveries: int = 1,
    ) -> Call:
        """Make the call of `service` with a recorded size; booked when it started unless said otherwise."""
        event_id = self._next_id("event")
        return Call(
            event_id=event_id,
            service=service,
            started_at=started_at,
            booked_at=booked_at or started_at,
            duration_ms=200 + 12 * size.generated_tokens + self._rng.randrange(400),
            is_streamed=self._rng.random() < service.stream_share,
            quantities=self._quantities(service, size),
            reasoning_tokens=round(size.generated_tokens * service.thinking_share) or None,
            metering=metering,
            deliveries=deliveries,
            trace=self._trace(service, event_id, started_at),
        )

    def _next_id(self, kind: str) -> str:
        self._made += 1
        return str(uuid.uuid5(NAMESPACE, f"{self._world_name}/{kind}/{self._made}"))

    def _quantities(self, service: Service, size: Size) -> dict[str, int]:
        context, kind = size.context_tokens, service.model.operation
        if kind in PIECES:
            return {PIECES[kind]: 1}
        if kind == "embed":
            return {"input": context}
        quantities = {"input": context, "output": size.generated_tokens}
        if context >= CACHE_MINIMUM_TOKENS and self._rng.random() < service.cache_share:
            cached = CACHE_BLOCK_TOKENS * self._rng.randint(1, context // CACHE_BLOCK_TOKENS)
            writes = service.cache_write is not None and self._rng.random() < 0.3
            quantities |= {
                "input": context - cached,
                (service.cache_write if writes else None) or "cache_read": cached,
            }
        if self._rng.random() < service.web_search_share:
            quantities[WEB_SEARCHES] = self._rng.randint(1, 3)
        return quantities

    def _trace(self, service: Service, event_id: str, started_at: datetime) -> Trace:
        running = self._traces.get(service)
        if (
            running is not None
            and timedelta(0) <= started_at - running.last_call_at < TRACE_PAUSE
            and self._rng.random() < CONTINUE_TRACE_SHARE
        ):
            trace = Trace(
                running.trace_id, running.first_event_id, running.customer, running.subscriber, started_at
            )
        else:
            customer = self._rng.choices(list(CUSTOMERS), list(CUSTOMERS.values()))[0]
            subscriber = self._rng.randrange(SUBSCRIBERS_PER_CUSTOMER)
            trace_id = self._next_id("trace").replace("-", "")
            trace = Trace(trace_id, event_id, customer, subscriber, started_at)
        self._traces[service] = trace
        return trace
