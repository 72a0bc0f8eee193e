"""Which addresses no connection may lead to: those at which a cloud tells a machine its own secrets.

A form's address is given by an admin, and may well be of this network: a proxy, an enterprise server. But where a cloud
hands out a machine's own credentials no provider ever answers. What does not belong here: what an address looks like
(`fields.py`), and requests (`http.py`).
"""

import ipaddress
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from dlt_sources.contract import Fault, ProviderError

_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
)
_METADATA_ADDRESSES = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
"""AWS and Google over IPv6, Alibaba, Azure, Oracle; all others are link-local (169.254.169.254 and its like)."""


def is_forbidden(host: str) -> bool:
    """Whether a host is a cloud's metadata service, in whichever way its address is written; no name is looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name in _METADATA_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, UnicodeEncodeError):
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or address in _METADATA_ADDRESSES


class GuardedAdapter(HTTPAdapter):
    """Sends nothing to a forbidden address, whichever name led there."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools whose connections look at whom they reached."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _look_at(connection: HTTPConnection) -> None:
    """Close a connection that reached a forbidden address, before anything was sent.

    Raises:
        ProviderError: it did.
    """
    if connection.sock is None or not is_forbidden(connection.sock.getpeername()[0]):
        return
    connection.close()
    raise ProviderError(
        Fault.CREDENTIALS,
        f"{connection.host} leads to an address at which a cloud keeps a machine's own secrets; nothing was sent.",
        "Enter the provider's address in the connection.",
    )


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _look_at(self)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _look_at(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
