"""Only the public internet is public. Blocks: the IANA special-purpose registries, each row of them."""

from ipaddress import ip_address

import pytest

from workers.fetch.addresses import is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2600::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2a00:1450:4001:80b::200e",
    "2606:4700:4700::1111",
    "3ffe::1",
    "2000::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2003::",
    "3fff:1000::",
]

#: Every row of both registries and of multicast, as first and last address. Rows that the registries call globally
#: reachable are in `REACHABLE`.
IANA_BLOCKS = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.0.0", "192.0.0.7"),
    ("192.0.0.8", "192.0.0.8"),
    ("192.0.0.170", "192.0.0.171"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "::1"),
    ("::ffff:0:0", "::ffff:ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]

#: Globally reachable by the registries, and no place of a news site: relays, AS112, translators, identifiers.
REACHABLE = [
    ("192.0.0.9", "192.0.0.10"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("2001:1::1", "2001:1::3"),
    ("2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"),
    ("2001:20::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
]

#: IPv6 that was never given out for global unicast (IANA's IPv6 address space registry: all but 2000::/3).
NOT_GIVEN_OUT = [
    ("::2", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]

METADATA = ["169.254.169.254", "169.254.170.2", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fe80::a9fe:a9fe"]

#: An IPv4 address inside an IPv6 one, public or not: none is taken.
EMBEDDING = [
    "::ffff:127.0.0.1",  # mapped
    "::ffff:8.8.8.8",
    "::ffff:7f00:1",
    "::127.0.0.1",  # compatible
    "::8.8.8.8",
    "::ffff:0:8.8.8.8",  # translated
    "2002:7f00:1::",  # 6to4
    "2002:808:808::1",
    "2001:0:7f00:1::",  # Teredo
    "2001:0:53aa:64c:0:ffff:f7f7:f7f7",
    "64:ff9b::127.0.0.1",  # NAT64
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1",
]

NO_ADDRESS = [
    "",
    " ",
    "localhost",
    "example.org",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "8.8.8.8 ",
    "8.8.8.8:80",
    "8.8.8",
    "8.8.8.8.8",
    "256.1.1.1",
    "[2600::1]",
    "2600::1::1",
    "８.８.８.８",
    "8.8.8.8\0",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)
    assert is_public(ip_address(address))


@pytest.mark.parametrize("block", [*IANA_BLOCKS, *REACHABLE, *NOT_GIVEN_OUT], ids="-".join)
def test_a_special_purpose_block_is_not_public_from_first_to_last(block: tuple[str, str]) -> None:
    first, last = map(ip_address, block)
    middle = type(first)((int(first) + int(last)) // 2)
    assert [is_public(one) for one in (first, middle, last)] == [False] * 3


@pytest.mark.parametrize("address", [*METADATA, *EMBEDDING])
def test_metadata_services_and_embedded_ipv4_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_no_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["2600::1%eth0", "fe80::1%1", "2001:4860:4860::8888%lo"])
def test_an_address_of_one_link_is_not_public(address: str) -> None:
    assert not is_public(address)
