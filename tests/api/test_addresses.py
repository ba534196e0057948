"""Whose request it is: the peer, or what a declared proxy says."""

import pytest

from api.addresses import Client, Clients


def client(peer: str | None, *forwarded: str, trusted: tuple[str, ...] = ()) -> Client:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return Clients(trusted).of({"client": (peer, 4_000) if peer is not None else None, "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "name"),
    [
        ("203.0.113.9", (), (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), (), "203.0.113.9"),  # nobody is believed
        ("203.0.113.9", ("198.51.100.1",), ("10.0.0.0/8",), "203.0.113.9"),  # not this one
        ("10.0.0.1", ("198.51.100.1",), ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1",), ("10.0.0.0/8",), "198.51.100.1"),  # the client's own made-up entry
        ("10.0.0.1", ("1.1.1.1", "198.51.100.1"), ("10.0.0.0/8",), "198.51.100.1"),  # in two headers
        ("10.0.0.1", ("198.51.100.1, 10.9.9.9",), ("10.0.0.0/8",), "198.51.100.1"),  # through two proxies
        ("10.0.0.1", ("10.9.9.9",), ("10.0.0.0/8",), "10.9.9.9"),  # a proxy's own request
        ("10.0.0.1", (), ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1:4711",), ("10.0.0.1",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8:1:2::7]:80",), ("10.0.0.1",), "20010db800010002/64"),
        ("10.0.0.1", ("198.51.100.1, unknown",), ("10.0.0.1",), "10.0.0.1"),  # nothing behind it is believed
        ("10.0.0.1", ("198.51.100.1, 10.0.0.2; DROP",), ("10.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", ("unknown, 10.0.0.2",), ("10.0.0.0/24",), "10.0.0.2"),
        ("10.0.0.1", (",,",), ("10.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", ("\xe9\x00",), ("10.0.0.1",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), ("10.0.0.1",), "198.51.100.1"),  # IPv4 on a socket of both
        ("2001:db8:1:2::9", (), (), "20010db800010002/64"),
        ("2001:db8:1:2:ffff::1", (), (), "20010db800010002/64"),  # the same household
        ("127.0.0.1", ("198.51.100.1",), ("127.0.0.1",), "198.51.100.1"),
        (None, ("198.51.100.1",), ("unix",), "198.51.100.1"),
        # As uvicorn leaves it where it believes 127.0.0.1: the peer is an entry already.
        ("198.51.100.1", ("1.1.1.1, 198.51.100.1",), ("127.0.0.1",), "198.51.100.1"),
        ("10.0.0.2", ("198.51.100.1, 10.0.0.2",), ("127.0.0.1", "10.0.0.2"), "198.51.100.1"),
    ],
)
def test_the_address_that_counts(
    peer: str | None, forwarded: tuple[str, ...], trusted: tuple[str, ...], name: str
) -> None:
    if name.endswith("/64"):
        name = f"{int(name[:-3], 16):x}/64"
    assert client(peer, *forwarded, trusted=trusted) == Client(name, False)


def test_a_very_long_chain_is_read_from_its_end_only() -> None:
    many = ", ".join(["198.51.100.1", *["10.0.0.2"] * 100_000])
    assert client("10.0.0.1", many, trusted=("10.0.0.0/8",)).name == "10.0.0.2"


@pytest.mark.parametrize(
    ("peer", "trusted", "local"),
    [
        ("127.0.0.1", (), True),
        ("127.3.2.1", (), True),
        ("::1", (), True),
        ("::ffff:127.0.0.1", (), True),
        (None, (), True),
        ("127.0.0.1", ("127.0.0.1",), False),
        (None, ("unix",), False),
        ("203.0.113.9", (), False),
        ("localhost", (), False),  # no network gives this
    ],
)
def test_this_machine_itself_is_told_apart(peer: str | None, trusted: tuple[str, ...], local: bool) -> None:
    assert client(peer, trusted=trusted).local is local
    assert client(peer, "127.0.0.1", trusted=(*trusted, "10.0.0.1")).local is local  # a forwarded one never makes it so


def test_a_forwarded_loopback_address_is_not_this_machine() -> None:
    assert client("10.0.0.1", "127.0.0.1", trusted=("10.0.0.1",)) == Client("127.0.0.1", False)
