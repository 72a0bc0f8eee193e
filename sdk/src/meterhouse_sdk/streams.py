"""Metering a stream of a client without changing it.

What belongs here: watching the client's own stream as its reader reads it. What does not: what the items say
(the readers). A stream object stays what it is: its iterator is watched, and so is the closing of its
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


def watched(stream: Any, call: Call, reader: StreamReader) -> Any:
    """The items of a generator, sync or async, as another; meters `call` when it ends, however it ends."""
    watch = _Watch(call, reader)
    return _closing_async(stream, watch) if hasattr(stream, "__anext__") else _closing(stream, watch)


class WatchedEvents:
    """An event stream of botocore with all it can do; meters its call when it ends, however it ends."""

    def __init__(self, stream: Any, call: Call, reader: StreamReader) -> None:
        self._stream = stream
        self._watch = _Watch(call, reader)
        weakref.finalize(self, self._watch.end, is_exhausted=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        return _watched(iter(self._stream), self._watch)

    def close(self) -> None:
        """Close the stream."""
        try:
            self._stream.close()
        finally:
            self._watch.closed()


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
        self._call.text_came(item)

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


def _closing(stream: Iterator[Any], watch: _Watch) -> Iterator[Any]:
    try:
        yield from _watched(stream, watch)
    finally:
        watch.end(is_exhausted=False)


async def _closing_async(stream: AsyncIterator[Any], watch: _Watch) -> AsyncIterator[Any]:
    try:
        async for item in _watched_async(stream, watch):
            yield item
    finally:
        watch.end(is_exhausted=False)


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
