"""What a failure of an AWS call means: which fault it is, one sentence, and the next step.

What belongs here: AWS's error codes. What does not: calling (`client.py`), other providers' errors.
"""

from collections.abc import Callable

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import RequestRefusedError, broken_contract

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NOT_ACCEPTED = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_REFUSED = frozenset(
    {"BillExpirationException", "DataUnavailableException", "ValidationError", "ValidationException"}
)
_CREDENTIALS_STEP = (
    "In IAM, open the user's Security credentials, see that the access key is active (or create one), and enter "
    "id and secret again, whole; a clock that is wrong by minutes makes AWS refuse a good key too."
)
_REFUSED_STEP = (
    "Nothing was recorded and the next sync tries again; Cost Explorer shows days of the last 13 months, and "
    "only once the paying account has enabled it."
)


def aws_failure(
    error: ClientError | BotoCoreError | ResponseParserError,
    action: str,
    region: str,
    scrub: Callable[[str], str],
) -> ProviderError:
    """The fault behind an error of boto3.

    Args:
        error: What was raised once boto3 had tried often enough.
        action: The IAM action that was needed, e.g. `ce:GetCostAndUsage`.
        region: Where it was asked.
        scrub: Makes AWS's words safe to show.
    """
    if isinstance(error, ClientError):
        return _refusal(error, action, region, scrub)
    if isinstance(error, HTTPClientError | NoConnection):
        is_late = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
        manner = "did not answer in time" if is_late else "could not be reached"
        sentence = f"AWS {manner} for {action} in {region} ({type(error).__name__})."
        step = "Check the network and the endpoint URL; the next sync tries again."
        return ProviderError(Fault.UNAVAILABLE, sentence, step)
    return broken_contract(f"AWS answered {action} in {region} unreadably ({type(error).__name__}).")


def permission_step(action: str) -> str:
    """How to grant an action."""
    return (
        f"In IAM, grant `{action}` to the user of the access key, or to the role that is assumed, on all resources; "
        "docs/providers/aws_bedrock.md has the whole policy."
    )


def _refusal(error: ClientError, action: str, region: str, scrub: Callable[[str], str]) -> ProviderError:
    detail, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, status = scrub(str(detail.get("Code", ""))), answer.get("HTTPStatusCode", 0)
    words = scrub(str(detail.get("Message") or "")).rstrip(".")
    request_id = scrub(str(answer.get("RequestId") or ""))
    said = (
        f"{code}, HTTP {status} at {action} in {region}"
        + (f", request {request_id}" if request_id else "")
        + (f": {words}" if words else "")
    )
    if code in _NOT_ACCEPTED or status == 401:
        sentence = f"AWS does not accept the access key ({said})."
        return ProviderError(Fault.CREDENTIALS, sentence, _CREDENTIALS_STEP)
    if code in _THROTTLED or status == 429:
        sentence = f"AWS limits the rate of requests ({said})."
        step = "The next sync tries again; pull fewer days or less often."
        return ProviderError(Fault.RATE_LIMITED, sentence, step)
    if code in _DENIED or status == 403:
        sentence = f"AWS accepts the access key but does not grant it `{action}` ({said})."
        return ProviderError(Fault.PERMISSION, sentence, permission_step(action))
    if status >= 500:
        sentence = f"AWS is unavailable ({said})."
        step = "See health.aws.amazon.com; the next sync tries again."
        return ProviderError(Fault.UNAVAILABLE, sentence, step)
    if code == "NoSuchBucket":
        sentence = f"AWS has no such bucket ({said})."
        return ProviderError(
            Fault.PERMISSION, sentence, "Correct the place of the invocation logs in the connection."
        )
    if code in _REFUSED:
        return RequestRefusedError(Fault.CONTRACT, f"AWS refuses the request ({said}).", _REFUSED_STEP)
    return broken_contract(f"AWS answers unexpectedly ({said}).")
