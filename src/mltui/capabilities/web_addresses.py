"""Which addresses of the network a page may be fetched from: public ones, looked at after the name was resolved."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from mltui.core.errors import ToolError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")
_HINT = "A person may allow private addresses by `[web] allow_private = true`"


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes: address: what to connect to, so that nobody resolves the name again to something else; empty: a proxy does."""

    host: str
    address: str


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, also where an IPv6 address only wraps another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


async def resolve(url: str, allow_private: bool) -> Place:
    """Where to connect to for a URL.

    Raises: ToolError: the name is unknown, or one of its addresses is private, of this machine, or of a cloud's metadata.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if not allow_private and (host == "localhost" or host.endswith(_LOCAL_NAMES)):
        raise ToolError(f"{host} is a private name and was not asked", hint=_HINT)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
            return Place(host, "")
        raise ToolError(f"{host} cannot be found: {getattr(error, 'strerror', None) or error}", hint="Check the address") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private:
        # One private address among several is enough: a name that has both is made to lead inside.
        private = next((address for address in addresses if not is_public(address)), None)
        if private is not None:
            raise ToolError(f"{host} leads to the private address {private} and was not asked", hint=_HINT)
    # IPv4 first: where IPv6 is not routed, it fails only after a long wait.
    return Place(host, next((address for address in addresses if ":" not in address), addresses[0]))
