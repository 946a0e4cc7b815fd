"""Whether and where folded texts match, compared with brute force."""

from __future__ import annotations

import random
import re
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import (
    CharKind,
    fold,
    kind_of,
)
from newsgrep.analysis.codec import pack_left_out
from newsgrep.analysis.packed_texts import pack_folded
from newsgrep.errors import UsageError
from newsgrep.models import LeftOut
from newsgrep.query import verify
from newsgrep.query.ast import (
    Field,
    Near,
    Phrase,
    Regex,
    Terms,
    TextPattern,
    Wildcard,
)
from newsgrep.query.match import (
    contains_literal,
    contains_pattern,
    find_literal,
    find_matches,
    find_pattern,
    is_inside_word,
    occurrence_spans,
)
from newsgrep.query.parser import parse
from newsgrep.query.patterns import is_pattern
from newsgrep.query.verify import matching_documents, verifier

TEXTS = st.text("联合声明水gpt4ab，。 -\n", max_size=30)


WORDS = st.text("联合声gpt4", min_size=1, max_size=3)


def parse_pattern(query: str) -> TextPattern:
    return cast("TextPattern", parse(query, scan=True).root)


def has_letters_only(text: str) -> bool:
    return all(kind_of(character) is not CharKind.OTHER for character in text)


def is_in_word(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1]
    return 0 < at < len(text) and all(kind_of(c) is CharKind.WORD for c in around)


def matches_somewhere(text: str, pattern: str) -> bool:
    """Return by trial of every part of ``text`` whether it is what ``pattern`` says."""
    one_word = all(kind_of(c) is CharKind.WORD for c in pattern if c not in "*?")

    def is_like_pattern(part: str, rest: str) -> bool:
        if not rest:
            return not part
        if rest[0] == "*":
            return any(
                fits(part[:n]) and is_like_pattern(part[n:], rest[1:]) for n in range(len(part) + 1)
            )
        if not part:
            return False
        same = fits(part[0]) if rest[0] == "?" else part[0] == rest[0]
        return same and is_like_pattern(part[1:], rest[1:])

    def fits(part: str) -> bool:
        return (
            all(kind_of(c) is CharKind.WORD for c in part) if one_word else has_letters_only(part)
        )

    return any(
        is_like_pattern(text[start:end], pattern)
        and not is_in_word(text, start)
        and not is_in_word(text, end)
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
    )


@pytest.mark.parametrize(
    ("text", "literal", "spans"),
    [
        ("gpts gpt, gpt4 gpt", "gpt", [(5, 8), (15, 18)]),
        ("水水水", "水水", [(0, 2)]),
        ("联合声明", "合声", [(1, 3)]),
        ("用gpt写", "gpt", [(1, 4)]),
        ("a-b", "-", [(1, 2)]),
        ("2024年", "024年", []),
        ("anything", "", []),
    ],
)
def test_find_literal(text: str, literal: str, spans: list[tuple[int, int]]) -> None:
    assert list(find_literal(text, literal)) == spans


@pytest.mark.parametrize("shape", ["{}*", "{}*{}", "{}?{}", "{}*{}*", "{}?{}*", "*{}", "{}*{}?{}"])
@given(text=TEXTS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_wildcard_matches_like_brute_force(shape: str, text: str, data: st.DataObject) -> None:
    pattern = shape.format(*(data.draw(WORDS) for _ in range(shape.count("{}"))))
    found = parse_pattern(pattern)
    assert isinstance(found, Wildcard | Phrase)
    assert contains_pattern(text, found) == matches_somewhere(text, pattern), (text, pattern)
    for start, end in find_pattern(text, found):
        assert matches_somewhere(text[start:end], pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "spans"),
    [
        ("*s", "a class", [(2, 7)]),
        ("*ing", "singing bing", [(0, 7), (8, 12)]),
        ("*ing", "ing", [(0, 3)]),
        ("*g*", "agog", [(0, 4)]),
    ],
)
def test_wildcard_with_leading_star_matches_the_whole_word(
    pattern: str, text: str, spans: list[tuple[int, int]]
) -> None:
    assert list(find_pattern(text, parse_pattern(pattern))) == spans


def test_random_wildcards_match_like_brute_force() -> None:
    chance = random.Random(7)
    for _ in range(500):
        pattern = "".join(chance.choice("联合gp*?4") for _ in range(chance.randint(2, 5)))
        pattern = re.sub(r"\*+", "*", pattern)
        text = "".join(chance.choice("联合gp4 ，") for _ in range(12))
        if not is_pattern(pattern):
            continue
        assert contains_pattern(text, parse_pattern(fold(pattern))) == matches_somewhere(
            text, pattern
        ), (text, pattern)


def count_units(text: str) -> int:
    """Return how many characters of Han, and other words, a text has."""
    others = re.sub(r"[\u4e00-\u9fff]", " ", text)
    return len(re.findall(r"[\u4e00-\u9fff]", text)) + len(re.findall(r"[^\W_]+", others))


@given(
    text=TEXTS,
    left=st.sampled_from(["联", "合声", "水", "gpt4", "ab"]),
    right=st.sampled_from(["明", "联合", "水", "gpt4"]),
    distance=st.integers(0, 4),
    ordered=st.booleans(),
)
@settings(max_examples=500, deadline=None)
def test_near_matches_like_brute_force(
    text: str, left: str, right: str, distance: int, ordered: bool
) -> None:
    def places(literal: str) -> list[tuple[int, int]]:
        every = ((at, at + len(literal)) for at in range(len(text)) if text.startswith(literal, at))
        return [(a, b) for a, b in every if not is_in_word(text, a) and not is_in_word(text, b)]

    expected = any(
        (a[1] <= b[0] and count_units(text[a[1] : b[0]]) <= distance)
        or (not ordered and b[1] <= a[0] and count_units(text[b[1] : a[0]]) <= distance)
        for a in places(left)
        for b in places(right)
    )
    near = parse_pattern(f'"{left}" {"ADJ" if ordered else "NEAR"}/{distance} "{right}"')
    assert isinstance(near, Near)
    assert contains_pattern(text, near) == expected


REGEXES = ("联合?声明", "(联合|水).{0,3}明", r"[联水]+", r"gpt-?\d", "^水", "a{2,}b", r"\W水$")


@pytest.mark.parametrize("expression", REGEXES)
@given(text=TEXTS)
@settings(max_examples=100, deadline=None)
def test_regex_finds_matches_of_re(expression: str, text: str) -> None:
    found = [match.span() for match in re.finditer(expression, text, re.MULTILINE)]
    assert list(find_pattern(text, parse_pattern(f"/{expression}/"))) == [
        (a, b) for a, b in found if a < b
    ]


def test_regex_takes_linear_time() -> None:
    text = "a" * 300_000
    for pattern in ("(a+)+b", "(a|a)*b", "(a*)*c", ".*.*.*=水"):
        assert not contains_pattern(text, parse_pattern(f"/{pattern}/"))


def test_find_pattern_in_repetitive_text() -> None:
    text = "水" * 50_000 + "gpt" * 50_000
    for query in ("水 NEAR/1000 水 NEAR/1000 水", "水*g*x", "水?*水", "g*p?x", "~gqt"):
        next(find_pattern(text, parse_pattern(query)), None)
        contains_pattern(text, parse_pattern(query))


def packed_folded(*texts: str) -> bytes:
    title, body, captions = map(fold, texts)
    return pack_folded(title, body, captions)


@given(
    text=st.text("联合声明水gpt4ab，。“啊 ", max_size=60),
    start=st.integers(0, 60),
    size=st.integers(1, 8),
)
@settings(deadline=None)
def test_verifier_agrees_with_contains_literal(text: str, start: int, size: int) -> None:
    packed = packed_folded("題", text, "圖")
    literals = (fold(text)[start : start + size], "“", "鱻")
    for literal in filter(None, literals):
        expected = contains_literal(fold(text), literal)
        assert verifier(Phrase(literal, (), Field.BODY))(packed) == expected


@pytest.mark.parametrize("is_checked", [False, True])
@pytest.mark.parametrize("literal", ["渔场声明", "gpt", "声明,"])
def test_verifier_finds_literal_at_every_step_of_text(literal: str, *, is_checked: bool) -> None:
    other = "".join(map(chr, range(0x5000, 0x5000 + 9000)))  # does not contain any of them
    verify = verifier(Phrase(literal, ()), are_checked=is_checked)
    assert not verify(packed_folded("题", other, literal))
    # Steps end at 4,000, 8,000 and 16,000 bytes: two for a character.
    for end in (0, 2000, 4000, 8000, 9000):
        for at in range(max(end - 6, 0), end + 2):
            assert verify(packed_folded("题", f"{other[:at]}{literal}{other[at:]}", ""))


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ('"大桥"', {Field.TITLE, Field.TEXT}),
        ('"gpt"', {Field.BODY, Field.TEXT}),
        ('"gp"', set()),
        ('"夜景"', {Field.CAPTION}),
        ('"夜景市长"', set()),
        ("大?剪彩", {Field.TITLE, Field.TEXT}),
        ("/^市长/", {Field.CAPTION}),
        ("~gpts", {Field.BODY, Field.TEXT}),
        ("合影 NEAR/2 市长", {Field.CAPTION}),
        ("剪彩 NEAR/9 水", set()),
    ],
)
def test_verifier_looks_into_the_field_of_the_pattern(query: str, fields: set[Field]) -> None:
    packed = packed_folded("大橋剪彩", "水，GPT-4o。", "夜景\n市長合影")
    pattern = parse_pattern(query)
    folded_fields = (Field.TEXT, Field.TITLE, Field.BODY, Field.CAPTION)
    found = {field for field in folded_fields if verifier(pattern._replace(field=field))(packed)}
    assert found == fields


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ('"大桥"', True),
        ('"gpt"', True),
        ('"大桥水"', False),
        ('"gp"', False),
        ("大?剪彩", True),
        ("/^水/", True),
        ("~gpts", True),
        ("大桥 NEAR/9 水", False),
    ],
)
def test_verifier_of_left_out_text_looks_into_each_passage(query: str, matches: bool) -> None:
    packed = pack_left_out([LeftOut("大橋剪彩", "hidden"), LeftOut("水，GPT-4o。", "notice")])
    verify = verifier(parse_pattern(query)._replace(field=Field.LEFT_OUT))
    assert verify(packed) is matches
    assert not verify(b"")


def test_matching_documents_returns_keys() -> None:
    texts = [("a", packed_folded("水", "", "")), ("b", packed_folded("火", "", ""))]
    assert matching_documents(Phrase("水", ("水",)), texts, lambda: 2) == {"a"}
    assert matching_documents(Regex("[水火]", scan=True), texts, lambda: 2) == {"a", "b"}


def test_slow_regex_ends_after_few_huge_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    bodies = ["".join(map(chr, chance.choices(range(0x4E00, 0x9FA5), k=200_000))) for _ in "abc"]
    texts = [(at, packed_folded("", body, "")) for at, body in enumerate(bodies)]
    monkeypatch.setattr(verify, "MAX_REGEX_SECONDS", -1.0)
    with pytest.raises(UsageError, match=r"has read [012] of 3 articles"):
        matching_documents(Regex("海.{1,9}带"), texts, lambda: 3)
    assert matching_documents(Regex("海.{1,9}带", scan=True), texts, lambda: 3) == set()


@pytest.mark.parametrize(
    ("text", "inside"), [("gpts", [1, 2, 3]), ("用gpt写", [2, 3]), ("联合", []), ("a-b", [])]
)
def test_is_inside_word(text: str, inside: list[int]) -> None:
    assert [at for at in range(len(text) + 1) if is_inside_word(text, at)] == inside


def test_find_matches_prefers_whole_literals() -> None:
    texts = [Terms("联合声", ("联合", "声"))]
    found = [(match.start, match.end) for match in find_matches("联合声，声", texts, Field.BODY)]
    assert found == [(0, 3), (0, 2)]
    apart = find_matches("联合，声", texts, Field.BODY)
    assert [(match.start, match.end) for match in apart] == [(0, 2), (3, 4)]


def test_occurrence_spans_counts_each_occurrence() -> None:
    literal = [Phrase("水水", ("水",))]
    assert occurrence_spans("水水水水", literal, Field.BODY) == [(0, 2), (2, 4)]
    assert occurrence_spans("水水", literal, Field.CAPTION) == []
