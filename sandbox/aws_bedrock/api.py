"""AWS on loopback: Cost Explorer, CloudWatch, STS and Bedrock's profiles at one address (contract AWS §1).

What belongs here: which API a request is for, and what it may do. What does not: answers of Cost Explorer
(`costs`) and of CloudWatch and Bedrock (`metrics`), signatures (`errors`).
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.aws_bedrock.books import ACCOUNT_ID, BedrockDesk, Identity
from sandbox.aws_bedrock.costs import cost_and_usage, dimension_values
from sandbox.aws_bedrock.errors import AwsRefusalError, refusal, refuse, signer
from sandbox.aws_bedrock.metrics import inference_profiles, list_metrics, metric_data
from sandbox.faults import FaultyServer
from sandbox.responses import ExactJSONResponse

_TARGETS: dict[str, tuple[str, Callable[[BedrockDesk, str, dict[str, Any]], dict[str, Any]]]] = {
    "AWSInsightsIndexService.GetCostAndUsage": (
        "ce:GetCostAndUsage",
        lambda desk, _, body: cost_and_usage(desk, body),
    ),
    "AWSInsightsIndexService.GetDimensionValues": (
        "ce:GetDimensionValues",
        lambda desk, _, body: dimension_values(desk, body),
    ),
    "GraniteServiceVersion20100801.ListMetrics": ("cloudwatch:ListMetrics", list_metrics),
    "GraniteServiceVersion20100801.GetMetricData": ("cloudwatch:GetMetricData", metric_data),
}


def aws_bedrock_app(desk: BedrockDesk) -> ASGIApp:
    """Build the server; give its address to boto3 as `endpoint_url`."""

    async def json_or_query(request: Request) -> Response:
        body = await request.body()
        target = request.headers.get("x-amz-target")
        try:
            identity, region = signer(request, body, desk)
            if target is None:
                return _sts(desk, identity, region, dict(parse_qsl(body.decode())))
            action, answer = _TARGETS[target]
            _allow(desk, identity, region, action)
            return _aws_json(answer(desk, region, json.loads(body)))
        except AwsRefusalError as error:
            return refusal(error, is_query=target is None)

    async def profiles(request: Request) -> Response:
        try:
            identity, region = signer(request, b"", desk)
            _allow(desk, identity, region, "bedrock:ListInferenceProfiles")
            return _aws_json(inference_profiles(desk, region, dict(request.query_params)))
        except AwsRefusalError as error:
            return refusal(error, is_query=False)

    app = Starlette(
        routes=[Route("/", json_or_query, methods=["POST"]), Route("/inference-profiles", profiles)]
    )
    return FaultyServer(app, desk, refuse)


def _allow(desk: BedrockDesk, identity: Identity, region: str, action: str) -> None:
    desk.calls.append(f"{action} {region}")
    if action in identity.denied_actions:
        words = f"User: {_arn(desk, identity)} is not authorized to perform: {action} on resource: *"
        code, status = ("AccessDenied", 403) if action.startswith("sts:") else ("AccessDeniedException", 400)
        raise AwsRefusalError(code, words, status)


def _sts(desk: BedrockDesk, identity: Identity, region: str, form: dict[str, Any]) -> Response:
    action = form["Action"]
    _allow(desk, identity, region, f"sts:{action}")
    if action == "GetCallerIdentity":
        arn = _arn(desk, identity)
        return _xml(action, f"<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{ACCOUNT_ID}</Account>")
    if form["RoleArn"] != desk.role_arn or form.get("ExternalId") != desk.external_id:
        words = f"User: {_arn(desk, identity)} is not authorized to perform: sts:AssumeRole"
        raise AwsRefusalError("AccessDenied", words, 403)
    role = desk.role
    return _xml(
        action,
        f"<Credentials><AccessKeyId>{role.access_key_id}</AccessKeyId><SessionToken>{role.session_token}</SessionToken>"
        f"<SecretAccessKey>{role.secret_access_key}</SecretAccessKey><Expiration>2099-01-01T00:00:00Z</Expiration>"
        "</Credentials>",
    )


def _arn(desk: BedrockDesk, identity: Identity) -> str:
    if identity is desk.user:
        return f"arn:aws:iam::{ACCOUNT_ID}:user/meterhouse"
    return f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/meterhouse/meterhouse"


def _xml(action: str, inner: str) -> Response:
    result = f"<{action}Result>{inner}</{action}Result>"
    body = f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{result}</{action}Response>'
    return Response(body, media_type="text/xml")


def _aws_json(content: dict[str, Any]) -> Response:
    response = ExactJSONResponse(content)
    response.headers["content-type"] = "application/x-amz-json-1.1"
    return response
