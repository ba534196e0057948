"""Whose request it is, as far as the network says.

The address is that of the peer, unless the peer is a proxy that TRUSTED_PROXIES names: then it is the right-most entry
of X-Forwarded-For that is no such proxy (each proxy appends whom it heard, so what stands further left may be made up).
Nobody else's X-Forwarded-For is read, and `Forwarded` (RFC 7239) is not read at all: a proxy sets one of the two, and a
second one that passes through from a client would be a way around. Behind an entry that is no address nothing is
believed: the last hop before it counts. IPv6 counts by its /64, which one household has whole.

uvicorn has a mechanism of its own, on by default: for peers that FORWARDED_ALLOW_IPS names (127.0.0.1) it replaces the
peer by such an entry before the app sees it. Ours then goes on from there: the replaced peer is believed only if it is
a declared proxy itself, which gives the same address as without. What is lost is that the peer was this machine; so the
README starts uvicorn with `--no-proxy-headers`, and a start warns where FORWARDED_ALLOW_IPS believes everybody.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
UNIX = "unix"  # a peer on a socket of this machine, which has no address
_HOPS_AT_MOST = 32  # a longer chain is no network's


@dataclass(frozen=True, slots=True)
class Client:
    """`name`: what is counted. `local`: a process of this machine that is no declared proxy."""

    name: str
    local: bool


class Clients:
    """Tells them apart with the declared proxies, which are addresses, networks or `unix`."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self.trusts_nobody = not trusted
        self._unix = UNIX in trusted
        self._networks = [ipaddress.ip_network(one, strict=False) for one in trusted if one != UNIX]
        self._remembered = lru_cache(maxsize=4_096)(self._direct)

    def of(self, scope: Scope) -> Client:
        """The client of an HTTP request."""
        peer = scope.get("client")
        host = peer[0] if peer else UNIX
        direct, is_proxy = self._remembered(host)
        if not is_proxy:
            return direct
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        if not forwarded:
            return direct
        found = self._behind(forwarded.decode("latin-1").split(","))
        return direct if found is None else Client(_counted(found), False)

    def _direct(self, host: str) -> tuple[Client, bool]:
        """A peer itself, and whether it is a declared proxy."""
        if host == UNIX:
            return Client(UNIX, not self._unix), self._unix
        address = _parsed(host)
        if address is None:  # no network gives such a peer; an ASGI client of a test does
            return Client(host[:64], False), False
        is_proxy = self._is_proxy(address)
        return Client(_counted(address), address.is_loopback and not is_proxy), is_proxy

    def _behind(self, entries: Sequence[str]) -> Address | None:
        """From the right: the first address that is no proxy, or the last proxy; None: not even one can be read."""
        known: Address | None = None
        for entry in _reversed(entries):
            address = _parsed(_without_port(entry.strip()))
            if address is None:
                return known
            known = address
            if not self._is_proxy(address):
                return known
        return known

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._networks)  # of the other version: never in it


def carries_forwarded(scope: Scope) -> bool:
    """Whether the request says that it was passed on."""
    return any(name == b"x-forwarded-for" for name, _ in scope["headers"])


def _reversed(entries: Sequence[str]) -> Iterable[str]:
    return reversed(entries[-_HOPS_AT_MOST:])


def _without_port(entry: str) -> str:
    """`1.2.3.4:80` and `[::1]:80` are written, too."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _counted(address: Address) -> str:
    return str(address) if address.version == 4 else f"{int(address) >> 64:x}/64"
