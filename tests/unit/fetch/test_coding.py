"""Content coding is undone once, whole, and in bounded pieces."""

import gzip
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.fetch.coding import PIECE, CodingError, Decoder

TEXT = "Пограничники и полиция. ".encode() * 500


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def decoded(coding: str, chunks: Iterable[bytes]) -> bytes:
    decoder = Decoder(coding)
    body = b"".join(piece for chunk in chunks for piece in decoder.pieces(chunk))
    decoder.finish()
    return body


CODED = [
    ("", TEXT),
    ("identity", TEXT),
    ("gzip", gzip.compress(TEXT, mtime=0)),
    ("x-gzip", gzip.compress(TEXT, mtime=0)),
    ("gzip", gzip.compress(TEXT, mtime=0) + b"trailing garbage"),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
]


@pytest.mark.parametrize(("coding", "body"), CODED)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_body_is_decoded_however_it_is_cut_into_chunks(coding: str, body: bytes, size: int) -> None:
    assert decoded(coding, [body[at : at + size] for at in range(0, len(body), size)]) == TEXT


def test_a_second_layer_is_left_alone() -> None:
    assert decoded("gzip", [gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0)]) == gzip.compress(TEXT, mtime=0)


def test_an_empty_body_is_empty_under_any_coding() -> None:
    assert [decoded(coding, [b""]) for coding in ("", "gzip", "deflate")] == [b"", b"", b""]


def test_a_bomb_comes_in_pieces() -> None:
    bomb = gzip.compress(bytes(20 * PIECE), 9)
    sizes = [len(piece) for piece in Decoder("gzip").pieces(bomb)]
    assert max(sizes) <= PIECE
    assert sum(sizes) == 20 * PIECE


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip,br", "zlib_codec"])
def test_a_coding_that_was_not_offered_is_refused(coding: str) -> None:
    with pytest.raises(CodingError, match="not offered"):
        Decoder(coding)


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], "cut off"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:5], "cut off"),
        ("deflate", zlib.compress(TEXT)[:-1], "cut off"),
        ("deflate", raw_deflate(TEXT)[:-1], "cut off"),
        ("gzip", b"<html>not gzip at all</html>", "gzip: Error"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-8] + b"\0" * 8, "gzip: Error"),
        ("deflate", b"\xff" * 20, "deflate: Error"),
    ],
)
def test_a_body_that_does_not_decode_says_why(coding: str, body: bytes, words: str) -> None:
    with pytest.raises(CodingError, match=words):
        decoded(coding, [body])


@given(st.sampled_from(["gzip", "deflate", ""]), st.lists(st.binary(max_size=50), max_size=5))
def test_noise_is_decoded_or_refused_and_nothing_else(coding: str, chunks: list[bytes]) -> None:
    try:
        decoded(coding, chunks)
    except CodingError:
        return
