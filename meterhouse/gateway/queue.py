"""The queue between requests and the group commit: bounded by bytes, drained by one thread, in order of arrival.

What belongs here: waiting, grouping, refusing when too much waits, ending without loss. What does not: what a commit
does (`commit.py`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from meterhouse.errors import MeterhouseError
from meterhouse.gateway import metrics
from meterhouse.gateway.commit import Committer, Delivery, JudgementError
from meterhouse.gateway.problems import ProblemError

RETRY_AFTER_SECONDS = 2
_GROUP_EVENTS = 20_000

logger = logging.getLogger(__name__)


@dataclass
class _Waiting:
    delivery: Delivery
    answer: asyncio.Future[pl.DataFrame]


class CommitQueue:
    """Takes deliveries from the event loop and commits them in groups, one group at a time."""

    def __init__(self, committer: Committer, max_pending_bytes: int) -> None:
        self._committer = committer
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._is_ending = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._task = asyncio.create_task(self._run())

    @property
    def is_alive(self) -> bool:
        """Whether it still takes and commits deliveries."""
        return not self._is_ending and not self._task.done()

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """Room for one request: a function that takes so many bytes more of it; all is given back at the end.

        The function raises `ProblemError`, 503, when too much is in hand already.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if self._is_ending or self._pending_bytes + size > self._max_pending_bytes:
                why = "is being stopped" if self._is_ending else "has as much in hand as it may hold"
                raise ProblemError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    f"The gateway {why}; send this again later.",
                    RETRY_AFTER_SECONDS,
                )
            held += size
            self._hold(size)

        try:
            yield take
        finally:
            self._hold(-held)

    async def commit(self, delivery: Delivery) -> pl.DataFrame:
        """The verdicts on a delivery, once it is on disk.

        Raises:
            ProblemError: 503 when it could not be written, 500 when it could not be judged.
        """
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.answer

    def check(self) -> None:
        """See `Committer.check`."""
        self._committer.check()

    async def end(self) -> None:
        """Take nothing more, commit what waits, and end."""
        self._is_ending = True
        self._wake.set()
        await self._task
        self._thread.shutdown()

    def _hold(self, size: int) -> None:
        self._pending_bytes += size
        metrics.PENDING_BYTES.inc(size)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit(self._next_group())
            if self._is_ending:
                return

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        count = 0
        while self._waiting and (
            not group or count + self._waiting[0].delivery.items.height <= _GROUP_EVENTS
        ):
            group.append(self._waiting.popleft())
            count += group[-1].delivery.items.height
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        deliveries = [waiting.delivery for waiting in group]
        try:
            with metrics.COMMIT_SECONDS.time():
                verdicts = await loop.run_in_executor(self._thread, self._committer.commit, deliveries)
        except JudgementError as error:
            if len(group) > 1:
                for waiting in group:
                    await self._commit([waiting])
                return
            logger.exception("a delivery could not be judged")
            _refuse(group, ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, error.message))
        except (MeterhouseError, SQLAlchemyError, OSError) as error:
            logger.error("nothing was acknowledged: %s", error)
            detail = "The events could not be written to disk; nothing is acknowledged, send this again."
            _refuse(group, ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, RETRY_AFTER_SECONDS))
        except Exception:
            logger.exception("a commit failed")
            detail = "The gateway failed; nothing of this request was acknowledged. Its log says why."
            _refuse(group, ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail))
        else:
            for waiting, found in zip(group, verdicts, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(found)


def _refuse(group: list[_Waiting], problem: ProblemError) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(problem)
