"""Patterns, words nearly like others, expressions and nearness mean what is promised of them."""

from __future__ import annotations

import itertools
import random
import re
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import CharKind, kind_of
from newsgrep.analysis.fold import fold
from newsgrep.errors import QueryError
from newsgrep.query.ast import Near, Phrase, TextPattern, Wildcard
from newsgrep.query.match import contains_pattern, find_pattern
from newsgrep.query.parser import parse, parse_regex_query
from newsgrep.query.patterns import fold_pattern, is_pattern, is_similar_word

TEXTS = st.text("联合声明水gpt4ab，。 -\n", max_size=30)
WORDS = st.text("联合声gpt4", min_size=1, max_size=3)


def spot(query: str) -> TextPattern:
    return cast("TextPattern", parse(query, scan=True).root)


def letters(text: str) -> bool:
    return all(kind_of(character) is not CharKind.OTHER for character in text)


def in_word(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1]
    return 0 < at < len(text) and all(kind_of(c) is CharKind.WORD for c in around)


def stands(text: str, pattern: str) -> bool:
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
        return all(kind_of(c) is CharKind.WORD for c in part) if one_word else letters(part)

    return any(
        is_like_pattern(text[start:end], pattern)
        and not in_word(text, start)
        and not in_word(text, end)
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
    )


@pytest.mark.parametrize("shape", ["{}*", "{}*{}", "{}?{}", "{}*{}*", "{}?{}*", "*{}", "{}*{}?{}"])
@given(text=TEXTS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_pattern_stands_where_some_part_of_the_text_is_like_it(
    shape: str, text: str, data: st.DataObject
) -> None:
    pattern = shape.format(*(data.draw(WORDS) for _ in range(shape.count("{}"))))
    found = spot(pattern)
    assert isinstance(found, Wildcard | Phrase)
    assert contains_pattern(text, found) == stands(text, pattern), (text, pattern)
    for start, end in find_pattern(text, found):
        assert stands(text[start:end], pattern)


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
    assert list(find_pattern(text, spot(pattern))) == spans


@pytest.mark.parametrize(
    ("typed", "is_one"),
    [
        ("联合*", True),
        ("普?习", True),
        ("c*", True),
        ("*ment", True),
        ("为什么?", False),
        ("?", False),
        ("*", False),
        ("**", False),
        ("?联合", False),
        ("为什么？他", False),
        ("a?b?c", True),
        ("5 * 3", False),
    ],
)
def test_question_marks_that_end_a_question_are_no_patterns(typed: str, is_one: bool) -> None:
    assert any(map(is_pattern, typed.split())) is is_one


@given(word=st.text("abcd", min_size=3, max_size=8), other=st.text("abcd", min_size=1, max_size=9))
@settings(max_examples=300, deadline=None)
def test_a_word_is_like_another_if_so_few_edits_make_one_of_the_other(
    word: str, other: str
) -> None:
    for edits in (1, 2):
        expected = word[0] == other[0] and distance(word, other) <= edits
        assert is_similar_word(word, other, edits) == expected


def distance(one: str, other: str) -> int:
    """Return how many edits, of letters or of neighbours exchanged, part two words."""
    table = {(i, j): i + j for i in range(len(one) + 1) for j in range(len(other) + 1) if not i * j}
    for i, j in itertools.product(range(1, len(one) + 1), range(1, len(other) + 1)):
        same = one[i - 1] == other[j - 1]
        table[i, j] = min(
            table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (not same)
        )
        if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
            table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


def units(text: str) -> int:
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
def test_two_are_near_if_so_little_stands_between_some_places_of_theirs(
    text: str, left: str, right: str, distance: int, ordered: bool
) -> None:
    def places(literal: str) -> list[tuple[int, int]]:
        every = ((at, at + len(literal)) for at in range(len(text)) if text.startswith(literal, at))
        return [(a, b) for a, b in every if not in_word(text, a) and not in_word(text, b)]

    expected = any(
        (a[1] <= b[0] and units(text[a[1] : b[0]]) <= distance)
        or (not ordered and b[1] <= a[0] and units(text[b[1] : a[0]]) <= distance)
        for a in places(left)
        for b in places(right)
    )
    near = spot(f'"{left}" {"ADJ" if ordered else "NEAR"}/{distance} "{right}"')
    assert isinstance(near, Near)
    assert contains_pattern(text, near) == expected


EXPRESSIONS = ("联合?声明", "(联合|水).{0,3}明", r"[联水]+", r"gpt-?\d", "^水", "a{2,}b", r"\W水$")


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(text=TEXTS)
@settings(max_examples=100, deadline=None)
def test_an_expression_finds_what_the_standard_library_finds(expression: str, text: str) -> None:
    found = [match.span() for match in re.finditer(expression, text, re.MULTILINE)]
    assert list(find_pattern(text, spot(f"/{expression}/"))) == [(a, b) for a, b in found if a < b]


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("聯合", "联合"),
        (r"\S聯", r"\S联"),
        (r"聯\w[\w-]", r"联[\p{L}\p{N}\p{M}_][\p{L}\p{N}\p{M}_-]"),
        (r"[]\w]\W", r"[]\p{L}\p{N}\p{M}_][^\p{L}\p{N}\p{M}_]"),
        ("[Ａ-Ｚ]", "[a-z]"),
        ("（本報）", r"\(本报\)"),
        (r"\p{Han}\pL", r"\p{Han}\pL"),
        ("(?P<Name>漢)", "(?P<Name>汉)"),
        ("(?i)ABC", "(?i)abc"),
        (r"\x{4E00}", r"\x{4E00}"),
        ("１＋１", r"1\+1"),
    ],
)
def test_an_expression_is_folded_but_for_what_means_something_else(typed: str, folded: str) -> None:
    assert fold_pattern(typed) == folded


def test_regex_that_matches_the_empty_string_is_rejected() -> None:
    with pytest.raises(QueryError, match="empty string"):
        parse_regex_query("水*", scan=True)


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?=a)b", r"(a)\1", "*", "[", "a**"])
def test_an_expression_that_makes_no_sense_is_an_error_with_a_cure(pattern: str) -> None:
    with pytest.raises(QueryError, match="fix it"):
        parse_regex_query(pattern, scan=True)


def test_expressions_take_no_square_of_time() -> None:
    text = "a" * 300_000
    for pattern in ("(a+)+b", "(a|a)*b", "(a*)*c", ".*.*.*=水"):
        assert not contains_pattern(text, spot(f"/{pattern}/"))


def test_an_expression_that_needs_every_article_says_so() -> None:
    for query in (r"/\d+/", r"水 OR /\d+/", r"-/\d+/", r"/a/ /b/", r"/\d/ -水"):
        with pytest.raises(QueryError, match="--scan") as error:
            parse(query)
        assert query[error.value.position or 0] == "/"
        parse(query, scan=True)
    for query in (r"/\d+年/", r"水 /\d+/", r"date:2024 /a/", r"/\d/ NEAR 水", r"(/a/ OR /水/) b"):
        parse(query)


@pytest.mark.parametrize(
    "query",
    [
        "a NEAR",
        "NEAR b",
        "a NEAR OR b",
        "a NEAR/5000 b",
        "a NEAR/ b",
        "(a b) NEAR c",
        "(a OR date:2024) NEAR c",
        "a ADJ date:2024",
        "-a NEAR b",
        "~水",
        "~ab",
    ],
)
def test_errors_about_nearness_point_into_the_query(query: str) -> None:
    with pytest.raises(QueryError, match=r"[.!]$") as error:
        parse(query)
    assert 0 <= (error.value.position or 0) <= len(query)


def test_a_lonely_tilde_is_punctuation() -> None:
    assert parse("~ abc a ~").root == parse("abc a").root


def test_texts_that_repeat_without_end_are_looked_through_all_the_same() -> None:
    text = "水" * 50_000 + "gpt" * 50_000
    for query in ("水 NEAR/1000 水 NEAR/1000 水", "水*g*x", "水?*水", "g*p?x", "~gqt"):
        next(find_pattern(text, spot(query)), None)
        contains_pattern(text, spot(query))


def test_patterns_of_many_random_shapes_agree_with_trial() -> None:
    chance = random.Random(7)
    for _ in range(500):
        pattern = "".join(chance.choice("联合gp*?4") for _ in range(chance.randint(2, 5)))
        pattern = re.sub(r"\*+", "*", pattern)
        text = "".join(chance.choice("联合gp4 ，") for _ in range(12))
        if not is_pattern(pattern):
            continue
        assert contains_pattern(text, spot(fold(pattern))) == stands(text, pattern), (text, pattern)
