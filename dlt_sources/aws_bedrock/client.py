"""Calls to AWS: signed with the form's key alone, patient, counted where they cost money, silent about secrets.

boto3 signs, retries and parses; every page is read here, failing closed. What does not belong here: what is
asked (`cost_explorer.py`, `cloudwatch.py`), what a failure means (`failures.py`).
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from dlt_sources.aws_bedrock.failures import aws_failure
from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import broken_contract, scrubber
from dlt_sources.http import PAGE_CAP, USER_AGENT, Patience
from dlt_sources.spending import count_request, requests_spent

_ACTIONS = {"ListObjectsV2": "ListBucket"}
"""IAM's name of an action, where it is not the operation's."""
COST_EXPLORER = "cost_explorer"
"""Kind of the requests that cost $0.01 each."""

_OWN_SETTINGS_ONLY: dict[str, tuple[None, None, str | None, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""Neither a profile nor a file of the machine decides which account is read."""


@dataclass(frozen=True)
class AwsClient:
    """One AWS service in one region."""

    service: str
    region: str
    raw: Any
    scrub: Callable[[str], str]

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One answer; boto3 has tried again whatever may pass.

        Raises:
            ProviderError: AWS refused, failed, or could not be reached.
        """
        try:
            answer: dict[str, Any] = getattr(self.raw, xform_name(operation))(**parameters)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            failure = self._failure(error, operation)
        except (AttributeError, TypeError, ValueError):
            failure = broken_contract(f"AWS answered {operation} with something that cannot be read.")
        else:
            return answer
        raise failure

    def download(self, bucket: str, key: str) -> bytes:
        """The whole content of one object in S3.

        Raises:
            ProviderError: AWS refused, failed, or broke off.
        """
        answer = self.ask("GetObject", Bucket=bucket, Key=key)
        try:
            content: bytes = answer["Body"].read()
        except BotoCoreError as error:
            failure = self._failure(error, "GetObject")
        else:
            return content
        raise failure

    def pages(
        self, operation: str, token: str, parameter: str | None = None, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Every page of an answer; the same question is repeated with the `token` of each page.

        The parameter it is repeated in has the same name unless `parameter` says otherwise.

        Raises:
            ProviderError: a page could not be read, a token came twice, or the pages do not end.
        """
        tokens: set[str] = set()
        while len(tokens) < PAGE_CAP:
            page = self.ask(operation, **parameters)
            yield page
            following = page.get(token)
            if not following:
                return
            if following in tokens:
                raise broken_contract(f"The pages of {operation} go in a circle: a token came twice.")
            tokens.add(following)
            parameters[parameter or token] = following
        raise broken_contract(f"The pages of {operation} do not end: {PAGE_CAP} were read and more follow.")

    def _failure(
        self, error: ClientError | BotoCoreError | ResponseParserError, operation: str
    ) -> ProviderError:
        action = _ACTIONS.get(operation, operation)
        return aws_failure(error, f"{self.service}:{action}", self.region, self.scrub)


@dataclass(frozen=True)
class Account:
    """An AWS account that is read: its credentials, or those of the role assumed with them."""

    session: Any
    form: AwsBedrockCredentials
    patience: Patience

    def client(self, service: str, region: str) -> AwsClient:
        """Client of a service; Cost Explorer's is counted, and keeps the digits should an amount be a number."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": self.patience.tries},
            connect_timeout=self.patience.timeout,
            read_timeout=self.patience.timeout,
            ignore_configured_endpoint_urls=True,
            user_agent_extra=USER_AGENT,
        )
        raw = self.session.client(
            service, region_name=region, endpoint_url=self.form.endpoint_url, config=config
        )
        model, events = raw.meta.service_model, raw.meta.events
        if model.resolved_protocol.endswith("json"):
            read = partial(_read_object, parse_float=str if service == "ce" else float)
            events.register(f"before-parse.{model.service_id.hyphenize()}", read)
        events.register("before-send", _Budget(self.form.max_cost_requests) if service == "ce" else _count)
        return AwsClient(service, region, raw, self._scrub)

    def _scrub(self, text: str) -> str:
        token = self.form.session_token
        shown = text.replace(token.get_secret_value(), "***") if token else text
        return scrubber(self.form.secret_access_key.get_secret_value())(shown)


def open_account(form: AwsBedrockCredentials, patience: Patience) -> Account:
    """The account behind a form; of the patience `tries` and `timeout` count, the waits are boto3's.

    Raises:
        ProviderError: the role could not be assumed.
    """
    # botocore's debug log holds session tokens and the answers that give them.
    logging.getLogger("botocore").setLevel(logging.INFO)
    token = form.session_token.get_secret_value() if form.session_token else None
    session = _session(form.access_key_id, form.secret_access_key.get_secret_value(), token)
    key = Account(session, form, patience)
    if form.role_arn is None:
        return key
    asked = {"RoleArn": form.role_arn, "RoleSessionName": "meterhouse"}
    if form.external_id:
        asked["ExternalId"] = form.external_id
    given = key.client("sts", form.region_names[0]).ask("AssumeRole", **asked)["Credentials"]
    return Account(
        _session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]), form, patience
    )


class _Budget:
    """Counts requests that Cost Explorer charges for, retries too, and stops a sync before one too many."""

    def __init__(self, limit: int) -> None:
        self._limit, self._spent = limit, 0

    def __call__(self, **_: Any) -> None:
        if max(self._spent, requests_spent(COST_EXPLORER)) >= self._limit:
            raise ProviderError(
                Fault.CONTRACT,
                f"Cost Explorer was asked {self._limit} times in one sync and has more pages; each costs $0.01.",
                "Pull fewer days at once, or raise `max_cost_requests` in the connection.",
            )
        self._spent += 1
        count_request(COST_EXPLORER)


def _count(**_: Any) -> None:
    count_request()


def _read_object(response_dict: dict[str, Any], parse_float: Callable[[str], Any], **_: Any) -> None:
    """Fail on what is no JSON object, which boto3 takes for an answer without fields; read numbers as told."""
    if response_dict["status_code"] >= 300:
        return
    try:
        body = json.loads(response_dict["body"], parse_float=parse_float)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise broken_contract("AWS answered with something that is not a JSON object.")
    response_dict["body"] = json.dumps(body).encode()


def _session(access_key_id: str, secret: str, token: str | None = None) -> Any:
    return boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        botocore_session=Session(session_vars=_OWN_SETTINGS_ONLY),
    )
