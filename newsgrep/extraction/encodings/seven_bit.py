"""Encodings that write Chinese, Japanese and Korean in seven bits: HZ and ISO 2022.

They are valid ASCII, so only their escapes show them: ``~{…~}`` in HZ (RFC 1843), ``ESC $ B`` and
the like in ISO-2022-JP, -KR and -CN (RFC 1468, 1557, 1922). Mail and news of the 1990s have them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from newsgrep.extraction.encodings.likelihood import likelihood

_MIN_LIKELIHOOD: Final = -11.5
"""Mean logarithm for each character: tildes and braces of a program give rarer characters."""

_HZ = re.compile(rb"~(?:\{((?:[\x21-\x7d][\x21-\x7e])*)(?:~\}|(?=[\r\n])|\Z)|(~)|\r?\n)")

_ISO_2022_ESCAPE: Final = b"\x1b$"
_JAPANESE: Final = ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004")
_CHINESE = re.compile(rb"\x1b\$(?:\)[AEG]|\*H)")
_KOREAN = re.compile(rb"\x1b\$\)C")

_CHINESE_PARTS = re.compile(
    rb"\x1b\$[)*+]([A-Z])|(\x0e)|(\x0f|[\r\n])|\x1bN([\x21-\x7e]{2})|[^\x1b\x0e\x0f\r\n]+|\x1b"
)
# CNS 11643 has the characters of Big5 in the same order, but for these: the first of each pair
# follows the second.
_MOVED_1: Final = "耄耆銬鉸薦薊嚨嚥羅繳"
_MOVED_2: Final = "刉刌攷扥笻笵筇筊莚萓錥鋡徻徼螤虤磿磼鎀鎟舋臕鎥鏒瀪瀹鐼鏸鬮驠爩灪"
_ONLY_IN_BIG5: Final = "\ufa0c\ufa0d"
_FIRST_HAN_ROW: Final = 0x44
_SYMBOLS: Final = {
    0x21: (
        "　，、。．・；：？！︰…‥﹐﹑﹒·﹔﹕﹖﹗︱—︲–\0\0\0\0（）︵︶｛｝︷︸〔〕︹︺【】︻︼《》"
        "︽︾〈〉︿﹀「」﹁﹂『』﹃﹄﹙﹚﹛﹜﹝﹞‘’“”〝〞′‵＃＆＊※§〃○●△▲◎☆★◇◆□■▽▼"
    ),
    0x24: "０１２３４５６７８９".ljust(32, "\0")
    + "".join(map(chr, (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)))),
}
"""Rows of plane 1 with punctuation, digits and Latin letters."""


def decode_seven_bit(data: bytes) -> tuple[str, str] | None:
    """Return the text and the encoding of ``data`` if it is ASCII with such escapes, or None.

    Characters that cannot be decoded are U+FFFD.
    """
    if not data.isascii():
        return None
    if _ISO_2022_ESCAPE in data:
        if _CHINESE.search(data):
            return _decode_chinese(data), "iso2022_cn"
        if _KOREAN.search(data):
            return data.decode("iso2022_kr", "replace"), "iso2022_kr"
        for name in _JAPANESE:
            try:
                return data.decode(name), name
            except UnicodeDecodeError:
                pass
        return data.decode(_JAPANESE[0], "replace"), _JAPANESE[0]
    if b"~{" in data:
        text = _decode_hz(data)
        if text:
            return text, "hz"
    return None


def _decode_hz(data: bytes) -> str | None:
    """Return the text of ``data`` in HZ, or None if it is not Chinese."""
    parts = []
    chinese = []
    end = 0
    for match in _HZ.finditer(data):
        parts.append(data[end : match.start()].decode("ascii"))
        end = match.end()
        if match[1]:
            chinese.append(_with_high_bits(match[1]).decode("gb18030", "replace"))
            parts.append(chinese[-1])
        elif match[2]:
            parts.append("~")
    if not chinese or likelihood("".join(chinese)).mean < _MIN_LIKELIHOOD:
        return None
    return "".join((*parts, data[end:].decode("ascii")))


def _with_high_bits(data: bytes) -> bytes:
    return bytes(byte | 0x80 for byte in data)


def _decode_chinese(data: bytes) -> str:
    """Return the text of ``data`` in ISO-2022-CN: GB 2312 and the planes 1 and 2 of CNS 11643."""
    parts = []
    charset = b"A"
    shifted = False
    for match in _CHINESE_PARTS.finditer(data):
        designation, shift_out, shift_in, single = match.groups()
        if designation:
            # H is the charset of single characters; it does not replace that of shifted text.
            charset = charset if designation == b"H" else designation
        elif shift_out:
            shifted = True
        elif shift_in:
            shifted = False
            parts.append(shift_in.decode("ascii").replace("\x0f", ""))
        elif single:
            parts.append(_cns(single, 2))
        elif not shifted:
            parts.append(match[0].decode("ascii"))
        elif charset == b"G":
            run = match[0]
            parts += (_cns(run[at : at + 2], 1) for at in range(0, len(run), 2))
        else:
            parts.append(_with_high_bits(match[0]).decode("gb18030", "replace"))
    return "".join(parts)


def _cns(code: bytes, plane: int) -> str:
    """Return the character of a plane of CNS 11643 with the two bytes ``code``, or U+FFFD."""
    if len(code) < 2:
        return "\ufffd"
    row, cell = code[0], code[1] - 0x21
    if plane == 1 and row < _FIRST_HAN_ROW:
        at, characters = cell, _SYMBOLS.get(row, "")
    else:
        at = (row - (_FIRST_HAN_ROW if plane == 1 else 0x21)) * 94 + cell
        characters = _cns_plane(plane)
    character = characters[at : at + 1]
    return character if character.strip("\0") else "\ufffd"


@cache
def _cns_plane(plane: int) -> str:
    """Return the Han characters of a plane in their order."""
    first, last, moved = (
        (b"\xa4\x40", b"\xc6\x7e", _MOVED_1) if plane == 1 else (b"\xc9\x40", b"\xf9\xd5", _MOVED_2)
    )
    trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    codes = (bytes((lead, trail)) for lead in range(first[0], last[0] + 1) for trail in trails)
    ordered = "".join(code.decode("big5") for code in codes if first <= code <= last)
    for character in moved[::2] + _ONLY_IN_BIG5:
        ordered = ordered.replace(character, "")
    for character, previous in zip(moved[::2], moved[1::2], strict=True):
        ordered = ordered.replace(previous, previous + character)
    return ordered
