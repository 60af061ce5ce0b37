"""Certificates for TLS servers of tests: self-signed for news.example, with a key that everybody may know."""

import ssl
from pathlib import Path

KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/k6g9zXXgK48Ndps
QnZND0nM4EzmYq+PEMA3BO2EqqqhRANCAAT3+vuE7F8lRnMsg4VTh895kkyjyiBa
LrfQshatwhBATWyuXNXXWwPY3JSRaOkFVuYIVeNDrRDBOJiRaYdOBeIk
-----END PRIVATE KEY-----
"""

#: Of 2020 to 2120.
NEWS_EXAMPLE = """-----BEGIN CERTIFICATE-----
MIIBajCCARCgAwIBAgIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxuZXdzLmV4
YW1wbGUwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBcxFTATBgNV
BAMMDG5ld3MuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPf6+4Ts
XyVGcyyDhVOHz3mSTKPKIFout9CyFq3CEEBNbK5c1ddbA9jclJFo6QVW5ghV40Ot
EME4mJFph04F4iSjSzBJMA8GA1UdEwEB/wQFMAMBAf8wFwYDVR0RBBAwDoIMbmV3
cy5leGFtcGxlMB0GA1UdDgQWBBRP8VSzl9Xdz/58TmmxPD6DNi+kEjAKBggqhkjO
PQQDAgNIADBFAiEA/QRy/Fc6DZQI51popnd2bHUG5YH6qCJPzzIblxvpnv8CIE/W
jwMxk0gavDuurJG0TiyBAy4dDoIOwApmdA39fMqf
-----END CERTIFICATE-----
"""

#: Of January 2020.
EXPIRED = """-----BEGIN CERTIFICATE-----
MIIBaDCCAQ6gAwIBAgIBAjAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxuZXdzLmV4
YW1wbGUwHhcNMjAwMTAxMDAwMDAwWhcNMjAwMjAxMDAwMDAwWjAXMRUwEwYDVQQD
DAxuZXdzLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT3+vuE7F8l
RnMsg4VTh895kkyjyiBaLrfQshatwhBATWyuXNXXWwPY3JSRaOkFVuYIVeNDrRDB
OJiRaYdOBeIko0swSTAPBgNVHRMBAf8EBTADAQH/MBcGA1UdEQQQMA6CDG5ld3Mu
ZXhhbXBsZTAdBgNVHQ4EFgQUT/FUs5fV3c/+fE5psTw+gzYvpBIwCgYIKoZIzj0E
AwIDSAAwRQIhALmAW9qE468s1WfR+6xsU/3HZd2fGdpXozZLYFhGKlI7AiAbRwzl
fbtWhLuZJqMQHoGBomGLsWKSL768XvdWfNo2fw==
-----END CERTIFICATE-----
"""


def server_context(certificate: str, folder: Path) -> ssl.SSLContext:
    """Return what a server needs to show this certificate; `folder` is for the files that OpenSSL insists on."""
    chain = folder / "chain.pem"
    chain.write_text(KEY + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
