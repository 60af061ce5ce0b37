"""Which addresses are the public internet. Pure, and data: the standard library's answer changes with its patch level.

Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates), with multicast (RFC 5771,
RFC 4291) and what IANA's IPv6 address space registry keeps back. A block of theirs that is globally reachable is here
all the same, marked so, when no news site can stand in it: relays, name servers, and every IPv6 form that carries an
IPv4 address inside.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private use (RFC 1918)
        "100.64.0.0/10",  # shared by carriers (RFC 6598), a cloud's metadata
        "127.0.0.0/8",  # loopback (RFC 1122)
        "169.254.0.0/16",  # link local (RFC 3927), the clouds' metadata
        "172.16.0.0/12",  # private use (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890), a cloud's metadata; .9 and .10 reachable: anycast relays
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 name servers (RFC 7535), reachable
        "192.52.193.0/24",  # AMT relays (RFC 7450), reachable
        "192.88.99.0/24",  # 6to4 relays, deprecated (RFC 7526)
        "192.168.0.0/16",  # private use (RFC 1918)
        "192.175.48.0/24",  # AS112 name servers (RFC 7534), reachable
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved (RFC 1112), limited broadcast (RFC 8190)
        # IPv6 outside 2000::/3, the only space that is given out for global unicast:
        "::/3",  # unspecified, loopback, IPv4-compatible, -mapped and -translated, NAT64, discard, dummy prefix
        "4000::/2",  # reserved by the IETF, segment routing 5f00::/16 (RFC 9602)
        "8000::/1",  # reserved by the IETF, unique local fc00::/7, link local fe80::/10, fec0::/10, multicast ff00::/8
        # IPv6 inside 2000::/3:
        "2001::/23",  # protocol assignments (RFC 2928), Teredo, benchmarks; anycast, AMT, AS112, ORCHID, DET reachable
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056)
        "2620:4f:8000::/48",  # AS112 name servers (RFC 7534), reachable
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """Return whether a packet to this address leaves for the public internet. False for what is no address."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv6Address) and known.scope_id is not None:
        return False
    return not any(known in block for block in NOT_PUBLIC if block.version == known.version)
