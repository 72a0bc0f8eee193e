"""`POST /v1/traces`: OTLP over HTTP, in protobuf or JSON.

What belongs here: the protocol's answers. A 2xx means that every span that is an AI call is on disk; spans that are
none are left out and counted. What a span means is in the dialect.
"""

from http import HTTPStatus

import polars as pl
import simplejson
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.requests import Request
from starlette.responses import Response

from meterhouse.events.dialects import otlp, otlp_spans
from meterhouse.events.dialects.foreign import UndecidableError, item_of
from meterhouse.gateway import metrics
from meterhouse.gateway.bodies import content_type_of
from meterhouse.gateway.doors.entry import admitted, items_from, verdicts_on
from meterhouse.gateway.doors.native import KEPT
from meterhouse.gateway.problems import ProblemError

PROTOBUF = "application/x-protobuf"
_REASONS = 5


async def post_traces(request: Request) -> Response:
    """Take an export request in; partial success names the spans that were refused."""
    await admitted(request)
    is_protobuf = content_type_of(request) == PROTOBUF

    def items_of(body: bytes) -> pl.DataFrame:
        try:
            document = (
                otlp_spans.document_of_protobuf(body)
                if is_protobuf
                else simplejson.loads(body, use_decimal=True)
            )
        except (UndecidableError, ValueError, RecursionError) as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"The body cannot be read: {error}.") from None
        items = [item_of(event) for event in otlp.events(document)]
        metrics.IGNORED_SPANS.inc(max(0, otlp_spans.span_count(document) - len(items)))
        return items_from(items)

    return _answer(await verdicts_on(request, "otlp", "otlp", items_of), is_protobuf)


def _answer(verdicts: pl.DataFrame, is_protobuf: bool) -> Response:
    refused = verdicts.filter(~pl.col("status").is_in([status.value for status in KEPT]))
    answer = ExportTraceServiceResponse()
    if not refused.is_empty():
        answer.partial_success.rejected_spans = refused.height
        answer.partial_success.error_message = "; ".join(
            refused["reason"].unique(maintain_order=True)[:_REASONS]
        )
    if is_protobuf:
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    return Response(MessageToJson(answer, indent=None), media_type="application/json")
