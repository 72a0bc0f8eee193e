"""No connection leads to a cloud's metadata service, however its address is written and whichever name leads there."""

import ipaddress
import socket
import threading
from contextlib import closing

import pytest
from pydantic import SecretStr, ValidationError

from dlt_sources import addresses
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import Api
from dlt_sources.http import Patience, keyed_client
from dlt_sources.registry import PROVIDERS

HOSTS = [
    "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
    "[fe80::1]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "100.100.100.200",
    "168.63.129.16", "metadata.google.internal", "METADATA.google.internal.", "metadata",
]  # fmt: skip
ALLOWED = [
    "127.0.0.1",
    "localhost",
    "10.0.0.7",
    "192.168.1.9",
    "[::1]",
    "proxy.example.com",
    "169.example.com",
]
URL_FIELDS = [
    (provider.name, field)
    for provider in PROVIDERS.values()
    for field in provider.credentials.model_fields
    if field.endswith("_url") or field == "host"
]


@pytest.mark.parametrize(("provider", "field"), URL_FIELDS)
def test_no_form_takes_the_address_of_a_metadata_service(provider: str, field: str) -> None:
    form = PROVIDERS[provider].credentials
    for host in HOSTS:
        with pytest.raises(ValidationError) as refused:
            form(**{field: f"http://{host}:8080/v1"})
        told = [fault["msg"] for fault in refused.value.errors() if fault["loc"] == (field,)]
        assert told == [
            "Value error, a cloud's metadata service is no provider; enter the provider's own address"
        ]


@pytest.mark.parametrize("host", ALLOWED)
def test_addresses_of_ones_own_network_are_allowed(host: str) -> None:
    assert not addresses.is_forbidden(host)


def test_a_name_that_leads_to_a_forbidden_address_is_sent_nothing(monkeypatch) -> None:
    received: list[bytes] = []
    with closing(socket.create_server(("127.0.0.2", 0))) as server:

        def listen() -> None:
            with server.accept()[0] as peer:
                received.append(peer.recv(1000))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        monkeypatch.setattr(addresses, "_METADATA_ADDRESSES", {ipaddress.ip_address("127.0.0.2")})
        url = f"http://127.0.0.2:{server.getsockname()[1]}"
        client = keyed_client(
            Api("Somebody", "Enter the key.", "Grant the right."), url, SecretStr("canary"), Patience(tries=1)
        )
        with pytest.raises(ProviderError) as refused:
            client.get("/v1/costs")
        listener.join(30)
    assert refused.value.fault is Fault.CREDENTIALS
    assert "nothing was sent" in refused.value.message
    assert received == [b""]
