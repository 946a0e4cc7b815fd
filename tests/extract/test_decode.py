"""Decoding: every encoding of Chinese archives is recognised, and every guess is noted."""

from __future__ import annotations

import codecs

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extract.decode import decode

SIMPLIFIED = (
    "河口周报消息：加固工程比计划早了三周完工，居民说，河边终于安静了。\n"
    "工程负责人表示，下一步将在堤岸种树、铺路，预计秋天开放。“我们等了两年，”附近的店主说。\n"
)
TRADITIONAL = (
    "港口消息：封港七天之後，首批貨輪清晨靠岸，碼頭工人說，積壓的貨物要兩周才能清完。\n"
    "港務局表示，原因仍在調查，「請大家耐心等候。」一位船長說，他從來沒有見過這麼多船。\n"
)


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        (SIMPLIFIED, "gb18030", "gb18030"),
        (SIMPLIFIED, "gb2312", "gb18030"),
        (TRADITIONAL, "gb18030", "gb18030"),
        (TRADITIONAL, "big5", "big5"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (TRADITIONAL, "utf-16-be", "utf-16-be"),
        ("Café prices rose. The mayor’s naïve plan failed.\n", "cp1252", "cp1252"),
        (SIMPLIFIED[:12], "gb18030", "gb18030"),
        (TRADITIONAL[:12], "big5", "big5"),
    ],
)
def test_decode_notes_guessed_encoding(text: str, encoding: str, shown: str) -> None:
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert decoded.notes == (f"encoding guessed: {shown}",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_decode_byte_order_mark_is_no_guess(encoding: str) -> None:
    decoded = decode(SIMPLIFIED.encode(encoding))
    assert decoded.text == SIMPLIFIED
    assert decoded.notes == ()


def test_decode_checks_declared_encoding() -> None:
    page = '<meta charset="{}"><p>' + TRADITIONAL
    assert decode(page.format("big5").encode("big5")).notes == ()
    lied = decode(page.format("gb2312").encode("big5"))
    assert TRADITIONAL in lied.text
    assert lied.notes == ("encoding guessed: big5",)
    assert decode(page.format("gb2312").encode()).text == page.format("gb2312")


def test_decode_counts_invalid_bytes() -> None:
    data = (SIMPLIFIED * 20).encode()
    decoded = decode(data[:500] + b"\xff" + data[500:])
    assert decoded.encoding == "utf-8"
    assert any("invalid byte" in note for note in decoded.notes)


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7 x", b"\x89PNG\r\n", bytes(range(256)) * 8, b"PK\x03\x04abc", b"\0\0\0"]
)
def test_decode_rejects_binary_files(data: bytes) -> None:
    with pytest.raises(NoArticle):
        decode(data)


def test_decode_normalizes_line_ends() -> None:
    assert decode(b"a\r\nb\rc\n").text == "a\nb\nc\n"


@pytest.mark.parametrize("offset", range(0, 40, 3))
def test_decode_distinguishes_big5_and_gb18030(offset: int) -> None:
    traditional = TRADITIONAL[offset : offset + 20]
    simplified = SIMPLIFIED[offset : offset + 20]
    assert decode(codecs.encode(traditional, "big5")).text == traditional
    assert decode(codecs.encode(simplified, "gb18030")).text == simplified
