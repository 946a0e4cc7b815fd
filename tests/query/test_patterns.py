"""Wildcards, similar words and regular expressions as they are typed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.errors import QueryError
from newsgrep.query.parser import parse_regex_query
from newsgrep.query.patterns import fold_pattern, is_pattern, is_similar_word


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
def test_is_pattern(typed: str, is_one: bool) -> None:
    assert any(map(is_pattern, typed.split())) is is_one


@given(word=st.text("abcd", min_size=3, max_size=8), other=st.text("abcd", min_size=1, max_size=9))
@settings(max_examples=300, deadline=None)
def test_is_similar_word(word: str, other: str) -> None:
    for edits in (1, 2):
        expected = word[0] == other[0] and edit_distance(word, other) <= edits
        assert is_similar_word(word, other, edits) == expected


def edit_distance(one: str, other: str) -> int:
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
def test_fold_pattern(typed: str, folded: str) -> None:
    assert fold_pattern(typed) == folded


def test_regex_that_matches_the_empty_string_is_rejected() -> None:
    with pytest.raises(QueryError, match="empty string"):
        parse_regex_query("水*", scan=True)


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?=a)b", r"(a)\1", "*", "[", "a**"])
def test_invalid_regex_is_an_error(pattern: str) -> None:
    with pytest.raises(QueryError, match="fix it"):
        parse_regex_query(pattern, scan=True)


@pytest.mark.parametrize("pattern", ["\udcff", "雾\udcff+", "[\udc80-\udcff]"])
def test_regex_of_bytes_that_are_no_text_is_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match="is not valid UTF-8"):
        parse_regex_query(pattern, scan=True)
