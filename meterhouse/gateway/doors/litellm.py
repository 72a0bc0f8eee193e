"""`POST /v1/litellm`: LiteLLM's generic API callback, its standard logging payloads as array, lines or one object.

What belongs here: this door's words. What a payload means is in the dialect.
"""

import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from meterhouse.events.dialects import litellm
from meterhouse.events.dialects.foreign import native_items
from meterhouse.events.items import items_of_json
from meterhouse.gateway.bodies import LINES_TYPES, content_type_of
from meterhouse.gateway.doors.entry import admitted, items_from, verdicts_on
from meterhouse.gateway.doors.native import batch_answer


async def post_payloads(request: Request) -> Response:
    """Take payloads in; answered as a batch of `/v1/events` is."""
    await admitted(request)
    is_lines = content_type_of(request) in LINES_TYPES

    def items_of(body: bytes) -> pl.DataFrame:
        documents = body.decode("utf-8", "replace").splitlines() if is_lines else items_of_json(body)
        return items_from(
            item for text in documents if text.strip() for item in native_items(text, litellm.events)
        )

    return batch_answer(await verdicts_on(request, "litellm", "litellm", items_of), is_brief=True)
