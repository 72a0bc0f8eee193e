"""The landing zone on S3, through pyarrow, on a real S3 server on loopback."""

import gzip
import json

import boto3
import pytest
from meterhouse_sdk import configure, flush, meter, stats
from moto.server import ThreadedMotoServer


@pytest.fixture
def s3(monkeypatch, landing):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    yield boto3.client("s3", endpoint_url=url, region_name="us-east-1"), url
    server.stop()


def test_events_wait_until_the_bucket_is_there_and_are_then_uploaded_as_whole_files(s3):
    client, url = s3
    configure(landing_url="s3://meter/zone", landing_endpoint_url=url)
    ids = [meter(provider="p", model="m") for _ in range(3)]
    assert not flush(0.5)
    client.create_bucket(Bucket="meter")
    assert flush(20)
    (uploaded,) = client.list_objects_v2(Bucket="meter")["Contents"]
    assert uploaded["Key"].startswith("zone/events/date=")
    content = client.get_object(Bucket="meter", Key=uploaded["Key"])["Body"].read()
    assert [json.loads(line)["event_id"] for line in gzip.decompress(content).splitlines()] == ids
    assert stats()["sent"] == 3
