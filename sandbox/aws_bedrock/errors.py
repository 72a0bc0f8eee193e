"""AWS's refusals and signatures (contract AWS §1.2): JSON bodies, XML for STS, Signature Version 4.

What belongs here: who a request is from, and error bodies. What does not: what is answered.
"""

import uuid
from typing import Any
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.aws_bedrock.books import BedrockDesk, Identity

_SCHEME = "AWS4-HMAC-SHA256 "


class AwsRefusalError(Exception):
    """A refusal: the code AWS gives it, its words, its HTTP status."""

    def __init__(self, code: str, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.code, self.words, self.status = code, words, status


def refuse(status: int) -> Response:
    """AWS's answer for a fault: a throttle is a 400, a lost key too."""
    code, words, answered = {
        401: ("ExpiredTokenException", "The security token included in the request is expired", 400),
        429: ("LimitExceededException", "Rate exceeded", 400),
    }.get(status, ("InternalServerException", "An internal error occurred", 500))
    return refusal(AwsRefusalError(code, words, answered), is_query=False)


def refusal(error: AwsRefusalError, is_query: bool) -> Response:
    """The body of a refusal: XML for the query protocol, else JSON."""
    headers = {"x-amzn-RequestId": str(uuid.uuid4()), "x-amzn-ErrorType": error.code}
    if is_query:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{error.code}</Code><Message>{error.words}</Message>"
            "</Error><RequestId>sandbox</RequestId></ErrorResponse>"
        )
        return Response(body, error.status, headers, "text/xml")
    content = {"__type": error.code, "Message": error.words, "message": error.words}
    return JSONResponse(content, error.status, headers, "application/x-amz-json-1.1")


def signer(request: Request, body: bytes, desk: BedrockDesk) -> tuple[Identity, str]:
    """Whose key signed the request, and for which region.

    Raises:
        AwsRefusalError: unsigned, an unknown key, or a signature that its secret does not make.
    """
    given = request.headers.get("authorization", "")
    if not given.startswith(_SCHEME):
        raise AwsRefusalError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    parts = dict(part.strip().split("=", 1) for part in given.removeprefix(_SCHEME).split(","))
    key_id, _, region, service, _ = parts["Credential"].split("/")
    identity = next((one for one in (desk.user, desk.role) if one.access_key_id == key_id), None)
    if identity is None or request.headers.get("x-amz-security-token") != identity.session_token:
        words = "The security token included in the request is invalid."
        code = "InvalidClientTokenId" if service == "sts" else "UnrecognizedClientException"
        raise AwsRefusalError(code, words, 403 if service == "sts" else 400)
    if parts["Signature"] != _signature(request, body, identity, region, service, parts["SignedHeaders"]):
        words = "The request signature we calculated does not match the signature you provided."
        code = "SignatureDoesNotMatch" if service == "sts" else "InvalidSignatureException"
        raise AwsRefusalError(code, words, 403 if service == "sts" else 400)
    return identity, region


def _signature(
    request: Request, body: bytes, identity: Identity, region: str, service: str, signed: str
) -> str:
    auth: Any = SigV4Auth(Credentials(identity.access_key_id, identity.secret_access_key), service, region)
    headers = {name: request.headers[name] for name in signed.split(";")}
    url = str(request.url.replace(query=""))
    parameters = dict(request.query_params)
    checked = AWSRequest(request.method, unquote(url), headers, body, parameters)
    checked.context["timestamp"] = request.headers["x-amz-date"]
    return str(auth.signature(auth.string_to_sign(checked, auth.canonical_request(checked)), checked))
