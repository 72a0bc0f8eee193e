"""JSON answers with exact decimals, and server-sent events.

What belongs here: how any of the servers writes a body. What does not: what stands in it.
"""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import simplejson
from starlette.responses import JSONResponse, StreamingResponse


class ExactJSONResponse(JSONResponse):
    """A JSON answer whose decimals are written digit by digit, as numbers."""

    def render(self, content: Any) -> bytes:
        """Encode the body."""
        text: str = simplejson.dumps(content, use_decimal=True, ensure_ascii=False)
        return text.encode()


def event_stream(events: Iterable[tuple[str | None, Any]]) -> StreamingResponse:
    """Send (event name, data) pairs as server-sent events; data that is text goes out as it stands."""

    async def lines() -> AsyncIterator[str]:
        for name, data in events:
            body = data if isinstance(data, str) else json.dumps(data)
            yield (f"event: {name}\n" if name else "") + f"data: {body}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")
