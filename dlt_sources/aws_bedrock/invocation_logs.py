"""Bedrock's model invocation logs in S3: which objects there are (contract AWS §1.4).

What belongs here: the layout `AWSLogs/<account>/BedrockModelInvocationLogs/<region>/<YYYY>/<MM>/<DD>/<HH>/`. What does
not: calling (`client.py`), what stands in an object (the dialect `bedrock_log` of meterhouse), which were brought in.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from dlt_sources.aws_bedrock.client import AwsClient
from dlt_sources.contract import LogObject

HISTORY = timedelta(days=62)
"""How far back the first import goes."""
LATE = timedelta(hours=24)
"""How long after its hour an object may still appear in it."""
_NO_LOGS = ("/data/", "amazon-bedrock-logs-permission-check")
"""Bodies kept apart, and the object with which Bedrock tries whether it may write."""
_HOUR = re.compile(r"/(\d{4}/\d{2}/\d{2}/\d{2})/[^/]+$")

LastImported = Callable[[str], str | None]


def log_objects(
    client: AwsClient, location: str, last_imported: LastImported, now: datetime
) -> Iterator[LogObject]:
    """Objects of every account and region below `s3://bucket/prefix` that may be new, in the order of their keys.

    Listing begins a day before the hour of the last object that was brought in, since one may appear late; so some
    are known already.

    Raises:
        ProviderError: `s3:ListBucket` is not granted, or AWS fails.
    """
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    root = f"{prefix}/AWSLogs/" if prefix else "AWSLogs/"
    for account in _folders(client, bucket, root):
        for folder in _folders(client, bucket, f"{account}BedrockModelInvocationLogs/"):
            last = last_imported(f"s3://{bucket}/{folder}")
            for key in _keys(client, bucket, folder, _first_hour(last, now)):
                yield LogObject(f"s3://{bucket}/{key}", partial(client.download, bucket, key))


def _folders(client: AwsClient, bucket: str, below: str) -> Iterator[str]:
    pages = client.pages(
        "ListObjectsV2",
        "NextContinuationToken",
        "ContinuationToken",
        Bucket=bucket,
        Prefix=below,
        Delimiter="/",
    )
    for page in pages:
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"]


def _keys(client: AwsClient, bucket: str, folder: str, first_hour: datetime) -> Iterator[str]:
    pages = client.pages(
        "ListObjectsV2",
        "NextContinuationToken",
        "ContinuationToken",
        Bucket=bucket,
        Prefix=folder,
        StartAfter=f"{folder}{first_hour:%Y/%m/%d/%H/}",
    )
    for page in pages:
        for found in page.get("Contents", []):
            if found["Key"].endswith(".json.gz") and not any(part in found["Key"] for part in _NO_LOGS):
                yield found["Key"]


def _first_hour(last_url: str | None, now: datetime) -> datetime:
    hour = _HOUR.search(last_url or "")
    return now - HISTORY if hour is None else datetime.strptime(f"{hour[1]} +0000", "%Y/%m/%d/%H %z") - LATE
