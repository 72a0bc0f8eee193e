"""Metering a stream of the `openai` and `anthropic` clients without changing it.

What belongs here: watching the client's own stream object as its reader reads it. What does not: what the
items say (the readers). The object stays what it is; its iterator is watched, and so is the closing of its
response. Whichever comes first ends the call: the last item, an error, closing early, or dropping the
stream.
"""

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

from meterhouse_sdk.calls import Call, StreamReader
from meterhouse_sdk.trouble import kept_from_caller


def watch_stream(stream: Any, call: Call, reader: StreamReader) -> None:
    """Meter `call` when this `Stream` or `AsyncStream` ends."""
    watch = _Watch(call, reader)
    weakref.finalize(stream, watch.end, is_exhausted=False)
    is_async = hasattr(stream, "__anext__")
    _watch_closing(stream.response, watch, is_async)
    watched = _watched_async if is_async else _watched
    stream._iterator = watched(stream._iterator, watch)  # noqa: SLF001  (its public ways of reading all end there)


class _Watch:
    """One stream being read.

    While the client works on the next item, its closing the response says nothing.
    """

    def __init__(self, call: Call, reader: StreamReader) -> None:
        self._call = call
        self._reader = reader
        self.is_client_working = False

    def see(self, item: Any) -> None:
        with kept_from_caller("reading a stream"):
            if self._reader.read(item):
                self._call.token_came()

    def end(self, is_exhausted: bool) -> None:
        with kept_from_caller("ending a stream"):
            self._call.succeed(self._reader.answer(is_exhausted))

    def fail(self, error: BaseException) -> None:
        with kept_from_caller("ending a stream"):
            self._call.fail(error)

    def closed(self) -> None:
        if not self.is_client_working:
            self.end(is_exhausted=False)


def _watched(iterator: Iterator[Any], watch: _Watch) -> Iterator[Any]:
    while True:
        watch.is_client_working = True
        try:
            item = next(iterator)
        except StopIteration:
            return watch.end(is_exhausted=True)
        except BaseException as error:
            watch.fail(error)
            raise
        finally:
            watch.is_client_working = False
        watch.see(item)
        yield item


async def _watched_async(iterator: AsyncIterator[Any], watch: _Watch) -> AsyncIterator[Any]:
    while True:
        watch.is_client_working = True
        try:
            item = await iterator.__anext__()
        except StopAsyncIteration:
            watch.end(is_exhausted=True)
            return
        except BaseException as error:
            watch.fail(error)
            raise
        finally:
            watch.is_client_working = False
        watch.see(item)
        yield item


def _watch_closing(response: Any, watch: _Watch, is_async: bool) -> None:
    own_close = response.aclose if is_async else response.close

    def close() -> None:
        try:
            own_close()
        finally:
            watch.closed()

    async def aclose() -> None:
        try:
            await own_close()
        finally:
            watch.closed()

    if is_async:
        response.aclose = aclose
    else:
        response.close = close
