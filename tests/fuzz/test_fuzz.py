"""The short form of fuzzing: a few thousand inputs a target, and all that was ever found."""

from __future__ import annotations

import signal
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from fuzz.inputs import mutated, seeds_for
from fuzz.patterns import LIMITS, Known, all_patterns, pumped
from fuzz.run import NAMES
from fuzz.targets import TARGETS
from newsgrep.analysis.characters import strip_invisible
from newsgrep.analysis.codec import unpack_article
from newsgrep.analysis.packed_texts import (
    DamagedData,
    pack_folded,
    unpack_folded,
)
from newsgrep.errors import QueryError
from newsgrep.extraction.dates.forms import parse_date
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article
from newsgrep.query.ast import Field, Near, Phrase, describe
from newsgrep.query.match import find_literal
from newsgrep.query.parser import MAX_LENGTH, MAX_QUOTED_STRINGS, parse
from newsgrep.query.verify import LiteralVerifier, NearVerifier
from newsgrep.terminal import wrap_rows

OUTLETS = load_outlets()
INPUTS = 400
HANG = 60
"""Seconds after which a call counts as hanging; none takes more than a few."""


@contextmanager
def no_hang(seconds: int = HANG) -> Iterator[None]:
    """Fail after ``seconds``, also from within a regular expression."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still at work after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_break_no_promise(name: str) -> None:
    with no_hang(120):
        for data in mutated(seeds_for(name), INPUTS, seed=20_240_517):
            TARGETS[name](data)


def test_command_line_offers_every_target() -> None:
    assert set(NAMES) == set(TARGETS)


FRONT = "---\ntitle: 渡轮改道\na: %s\n---\n\n雾港的渡轮从明天起改道。\n"
FOUND = [
    # YAML tags whose constructors raise KeyError, IndexError, AttributeError.
    *(("md", (FRONT % value).encode()) for value in ("!!bool x", '!!int ""', '!!float ""')),
    ("md", (FRONT % "!!timestamp x").encode()),
    ("md", (FRONT % ("!!int 0x" + "f" * 9000)).encode()),
    # A character reference with more digits than Python converts.
    ("md", (FRONT % ("&#" + "1" * 5000 + ";")).encode()),
    ("html", ("<meta name=author content='&amp;#" + "1" * 5000 + ";'><p>雾港的渡轮。").encode()),
    # Digits that are not decimal.
    ("md", "---\ntitle: 渡轮\ndate: 1²²²²²²²²²\n---\n雾港的渡轮改道。\n".encode()),
    ("dates", "1²²²²²²²²²".encode()),
    # An address with a form feed in it.
    ("html", "<meta property=og:url content='https://a.example/1\x0c2'><p>雾港的渡轮。".encode()),
    # A fetch time in the last days of the calendar.
    ("txt", "<!--253402300799000-->\n渡轮\n\n雾港的渡轮改道。\n".encode()),
    # Stored bytes with a valid checksum and invalid content.
    *(("packed", data) for data in (b"d", b"r", b"r\0\0\0\0", b"d\x1e\x1e", b"r\0\0\0\2{}", b"s")),
    ("packed", b"r\0\1\x86\xa0" + b"[" * 100_000),
    # An engine that computed scores for an order by date.
    ("engines", b"\xef\xbb\xbfa.\x97-> \xef\xbc\xb4"),
]


@pytest.mark.parametrize(("name", "data"), FOUND, ids=lambda value: ascii(value)[:40])
def test_inputs_found_before_stay_fixed(name: str, data: bytes) -> None:
    with no_hang():
        TARGETS[name](data)


def test_title_survives_invalid_front_matter() -> None:
    for value in ("!!bool x", "!!timestamp 渡轮", "&#" + "1" * 5000 + ";", "!!int [x]"):
        article = read(FRONT % value, "md")
        assert article.title == "渡轮改道"
        assert article.body == "雾港的渡轮从明天起改道。"


def test_fetch_time_out_of_range_is_ignored() -> None:
    article = read("<!--253402300799000-->\n渡轮\n\n雾港的渡轮改道。", "txt")
    assert article.fetched is None
    assert article.body == "雾港的渡轮改道。"


def test_mtime_at_end_of_calendar_gives_no_date() -> None:
    last = 253_402_300_799.0  # the last second of the year 9999
    data = "渡轮\n\n雾港的渡轮改道。".encode()
    assert extract_article("/a.txt", data, outlets=OUTLETS, mtime=last).published is None


def test_parse_date_rejects_superscripts() -> None:
    assert parse_date("1²²²²²²²²²") is None
    assert parse_date("1715913043") is not None


def read(text: str, suffix: str) -> Article:
    return extract_article(f"/a.{suffix}", text.encode(), outlets=OUTLETS, mtime=1_750_000_000.0)


LONG = 300_000


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        ("", "", "# 题" + " " * LONG + "x"),
        ("", "", "# 题" + "#" * LONG + "x"),
        ("<!--", "\n", "x-->"),
        ("<!--\n", " ", "x-->"),
        ("[" + "](a" * 300 + ")\n", "\n", "x"),
        ("", "![](", ""),
        ("e", "\u0301\u0316", ""),
    ],
    ids=lambda part: ascii(part)[:20],
)
@pytest.mark.parametrize("suffix", ["txt", "md", "html"])
def test_extraction_time_is_bounded(head: str, unit: str, tail: str, suffix: str) -> None:
    text = "雾港的渡轮\n\n雾港的渡轮改道。\n\n" + tail if not unit else ""
    text = text or head + unit * (LONG // len(unit)) + tail + "\n\n雾港的渡轮改道。"
    with no_hang():
        assert "雾港的渡轮改道" in read(text, suffix).body


PUMPED = 200_000


@pytest.mark.slow
@pytest.mark.parametrize("known", all_patterns(), ids=lambda known: known.name)
def test_pattern_does_not_backtrack_exponentially(known: Known) -> None:
    # A string of this length takes minutes if time grows with its square.
    with no_hang(20):
        for text in pumped(known, 6, PUMPED):
            for run in known.runs():
                run(text)


def test_limits_name_existing_patterns() -> None:
    assert set(LIMITS) <= {known.name for known in all_patterns()}
    assert len(all_patterns()) > 120


def test_strip_invisible_cuts_stacked_marks() -> None:
    with no_hang():
        assert len(strip_invisible("水" + "\u0301\u0316" * 1_000_000 + "火")) == 32
    few = "ṩ" + "\u0316\u0301" * 14 + "水"
    assert len(strip_invisible(few)) == len(few)
    assert strip_invisible("e\u0301" * 1000) == "é" * 1000


def test_find_literal_in_long_word_is_linear() -> None:
    with no_hang():
        assert list(find_literal("a" * 200_000 + " aaa", "a" * 3)) == [(200_001, 200_004)]
        assert not list(find_literal("a" * 200_000, "a" * 20_000))


def test_verifier_on_misleading_bytes_is_linear() -> None:
    # In GB18030 啊 is B0 A1 and “ is A1 B0.
    quote = LiteralVerifier(Phrase("“", (), Field.BODY))
    with no_hang():
        assert not quote(pack_folded("", "啊" * 1_000_000, ""))
        assert quote(pack_folded("", "啊" * 1_000_000 + "“", ""))
        assert not quote(pack_folded("“", "啊" * 1000, "“"))


def test_near_between_long_words_is_linear() -> None:
    sides = Phrase("大桥", ()), Phrase("声明", ())
    near = NearVerifier(Near(*sides, 1000, ordered=False), "大桥", "声明", are_checked=False)
    words = ("大桥" + "a" * 7000 + "я") * 1000
    with no_hang():
        assert not near(pack_folded("", words + "水" * 1000 + "声明", ""))
        assert near(pack_folded("", words + "水" * 999 + "声明", ""))


def test_wrap_rows_of_white_space_is_linear() -> None:
    with no_hang():
        assert wrap_rows(" " * 300_000, 20) == [(0, 300_000)]


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(size)) + packer.flush()
    return zlib.crc32(body).to_bytes(4, "big") + body


def test_unpacking_a_bomb_takes_bounded_memory() -> None:
    small, large = pack_folded("题", "正文。", ""), bomb(400_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedData):
            unpack_article(small, large, "/a.md")
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
        with pytest.raises(DamagedData):
            unpack_folded(large)
        assert tracemalloc.get_traced_memory()[1] < 600_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("size", [10_000, 100_000])
@pytest.mark.parametrize(
    "unit",
    [
        *("水", "a", "水 ", "a OR ", "(", ")", "（水）", "NOT ", "-", " -", '"', "“", '"水"'),
        *("「", ":", "title:", "title:水 ", "source:x ", "date:2024 ", "。", "。 ", "😀"),
        *("\u0301\u0316", " ", "AND "),
    ],
)
def test_parse_is_bounded_in_time_and_memory(unit: str, size: int) -> None:
    data = (unit * (size // len(unit) + 1))[:size].encode()
    if size == 10_000:
        tracemalloc.start()
    try:
        with no_hang():
            TARGETS["query"](data)
        if tracemalloc.is_tracing():
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_parse_errors_name_the_remedy() -> None:
    assert describe(parse(" OR ".join(['"水，"'] * MAX_QUOTED_STRINGS)).root)
    with pytest.raises(QueryError, match="split the query") as strings:
        parse(" OR ".join(['"水，"'] * (MAX_QUOTED_STRINGS + 1)))
    assert strings.value.position == len('"水，" OR ') * MAX_QUOTED_STRINGS
    with pytest.raises(QueryError, match="several queries") as length:
        parse("水" * 1_000_000)
    assert length.value.position == MAX_LENGTH
