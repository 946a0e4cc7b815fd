"""Decoding: every encoding of Chinese archives is recognised, and every guess is noted."""

from __future__ import annotations

import codecs
import contextlib
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep._io import table_lines
from newsgrep.analysis.characters import fold
from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.encodings import choice

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


STYLES = "".join(f".c{number}{{margin:{number}px}}\n" for number in range(2500))


@pytest.mark.parametrize(("text", "encoding"), [(SIMPLIFIED, "gb18030"), (TRADITIONAL, "big5")])
@pytest.mark.parametrize("declaration", ["", '<meta charset="{}">'])
@pytest.mark.parametrize("first", [STYLES, "https://example.org/1.html\n" * 2000])
def test_decode_reads_past_ascii(text: str, encoding: str, declaration: str, first: str) -> None:
    page = f"<style>{first}</style>{declaration.format(encoding)}<p>{text}"
    assert decode(page.encode(encoding)).text == page


NAMES = "罗蕙兰、简郁雯、龚煜棠、谭芷妍、钟婉瑜、游锡坤"
SWALLOWS = "芍药 蝙蝠 鲭鱼 茉莉 蚯蚓 鸳鸯 麒麟 琥珀"


@pytest.mark.parametrize("text", [NAMES, SWALLOWS, NAMES[:6], SWALLOWS[:5]])
@pytest.mark.parametrize("encoding", ["gb18030", "gb2312", "gbk"])
@pytest.mark.parametrize("declaration", ["", '<meta charset="{}">', "text/plain; charset={}\n"])
def test_decode_reads_rare_characters(text: str, encoding: str, declaration: str) -> None:
    text = declaration.format(encoding) + text
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    "text", ["癌症篩檢巡迴醫療", "鯖魚 鮪魚 鱸魚 虱目魚 鯧魚", "蔡蕙蘭、黃瓊慧、羅郁雯"]
)
@pytest.mark.parametrize("encoding", ["big5", "gbk", "big5hkscs"])
@pytest.mark.parametrize("declaration", ["", '<meta charset="{}">'])
def test_decode_reads_rare_traditional(text: str, encoding: str, declaration: str) -> None:
    text = declaration.format(encoding) + text
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("カツオの漁獲量が減った。港の人たちは心配している。", "cp932"),
        ("カツオの漁獲量が減った。港の人たちは心配している。", "euc_jp"),
        ("항구의 어획량이 줄었다고 어민들은 말했다. 올해는 비가 많이 왔다.", "cp949"),
        ("Рыбаки говорят, что улов в этом году стал меньше.", "cp1251"),
        ("Рыбаки говорят, что улов в этом году стал меньше.", "koi8_r"),
        ("Οι ψαράδες λένε ότι φέτος τα ψάρια είναι λιγότερα.", "cp1253"),
        ("Les pêcheurs disent que la récolte a été très mauvaise.", "cp1252"),
        ("Rybacy mówią, że połów był gorszy niż w zeszłym roku.", "cp1250"),
    ],
)
def test_decode_reads_other_languages(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text
    page = f'<meta charset="{encoding.replace("_", "-")}"><p>{text}'
    assert decode(page.encode(encoding)).text == page


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "hz"),
        ("~ 家住 ~河边~\n" + SIMPLIFIED, "hz"),
        ("港の知らせ：カツオの漁獲量が減った。\nABC\n", "iso2022_jp"),
        ("加固工程比计划早了三周完工。\nABC\n", "iso2022_jp_2"),
        ("항구 소식: 어획량이 줄었다.\nABC\n", "iso2022_kr"),
    ],
)
def test_decode_reads_seven_bits(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_decode_reads_iso_2022_cn() -> None:
    simplified = "河口".encode("gb2312").translate(bytes(range(128)) * 2)
    data = b"\x1b$)A\x0e" + simplified + b"\x0f: a\n\x1b$)G\x0eD!!$\x0f\x1b$*H\x1bN!!b\n"
    assert decode(data).text == "河口: a\n一。乂b\n"


@pytest.mark.parametrize(
    "text", ["a = ~{b: 1}~}", "~{ab~}", "price ~ 5~{x}", "\x1b[1mbold\x1b[0m text"]
)
def test_decode_leaves_programs_alone(text: str) -> None:
    decoded = decode(text.encode())
    assert decoded.encoding == "utf-8"
    assert decoded.text.replace("bold", "") == text.replace("\x1b[1mbold\x1b[0m", "")


@pytest.mark.parametrize("encoding", ["big5", "gb18030", "utf-8"])
def test_decode_removes_terminal_codes(encoding: str) -> None:
    first, rest = TRADITIONAL[0].encode(encoding), TRADITIONAL[1:].encode(encoding)
    divided = b"\x1b[1;33m" + first[:1] + b"\x1b[31m" + first[1:] + b"\x1b[m" + rest
    assert decode(divided).text == TRADITIONAL


def test_decode_reads_false_byte_order_mark() -> None:
    assert decode(codecs.BOM_UTF8 + SIMPLIFIED.encode("gb18030")).text == SIMPLIFIED


def test_decode_reads_lines_of_two_encodings() -> None:
    mixed = (SIMPLIFIED * 5).encode() + SIMPLIFIED.encode("gb18030")
    decoded = decode(mixed)
    assert decoded.text == SIMPLIFIED * 6
    assert any("2 lines in gb18030, the others in utf-8" in note for note in decoded.notes)


@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
@pytest.mark.parametrize("declaration", ["", '<meta charset="{}">'])
def test_decode_reads_cut_off_file(encoding: str, declaration: str) -> None:
    text = declaration.format(encoding) + (SIMPLIFIED if encoding == "gb18030" else TRADITIONAL)
    decoded = decode(text[:-2].encode(encoding)[:-1])
    assert decoded.text == text[:-3] + "\ufffd"
    assert any("1 invalid byte sequence in" in note for note in decoded.notes)


def test_decode_reads_gbk_that_is_valid_utf8() -> None:
    text = "<meta charset=gbk><title>平墨啤</title>"
    data = text.encode("gbk")
    data.decode()
    assert decode(data).text == text


@pytest.mark.parametrize("text", ["Café", "naïve", "Привет", "Ελλάδα", "<meta charset=gbk>Zoë"])
def test_decode_reads_short_utf8(text: str) -> None:
    assert decode(text.encode()).text == text


@pytest.mark.parametrize(
    "wrong", ["utf-8", "big5", "iso-8859-1", "shift_jis", "utf-16", "nonsense"]
)
def test_decode_outvotes_false_declaration(wrong: str) -> None:
    page = f'<meta charset="{wrong}"><p>{SIMPLIFIED}'
    assert decode(page.encode("gb18030")).text == page


@given(st.sampled_from(["gb18030", "big5"]), st.binary(min_size=1, max_size=3), st.floats(0.1, 1))
@settings(deadline=None)
def test_decode_loses_only_damaged_line(encoding: str, damage: bytes, place: float) -> None:
    text = SIMPLIFIED * 3 if encoding == "gb18030" else TRADITIONAL * 3
    at = int(place * len(text))
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at + 1)
    before, after = text[:at].encode(encoding), text[at:].encode(encoding)
    decoded = decode(before + damage + after).text
    assert decoded.startswith(text[:start])
    assert decoded.endswith(text[end:] if end >= 0 else "")


def test_decode_reads_on_after_lost_byte() -> None:
    data = SIMPLIFIED.encode("gb18030")
    decoded = decode(data[:20] + data[21:])
    assert decoded.text[:10] == SIMPLIFIED[:10]
    assert decoded.text.endswith(SIMPLIFIED[13:])
    assert any("1 invalid byte sequence" in note for note in decoded.notes)


def test_frequent_characters_are_of_dictionary(dictionary: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    for word, frequency in dictionary.items():
        for character in fold(word):
            if "\u4e00" <= character <= "\u9fff":
                counts[character] += frequency
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    table = "".join(table_lines(choice.__file__, "frequent_characters.txt"))
    assert table == "".join(ranked[:8000])


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", [b"\x1b[", b"~{", b"\x1b$", b"\xa4", b"<meta ", b"\xe4\xb8", b"charset="]
)
def test_decode_takes_linear_time(unit: bytes) -> None:
    start = time.perf_counter()
    with contextlib.suppress(NoArticle):
        decode("中".encode("gbk") + unit * (3_000_000 // len(unit)))
    assert time.perf_counter() - start < 10
