"""Regular expressions without RE2: the same matches, errors and bounds as with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from newsgrep.errors import QueryError, UsageError
from newsgrep.query import patterns
from newsgrep.query.match import _find_regex
from newsgrep.query.parser import parse_regex_query
from newsgrep.query.regex_automaton import MAX_INSTRUCTIONS, LinearRegex
from newsgrep.query.regex_syntax import InvalidRegex

re2 = pytest.importorskip("re2")

_ATOMS = st.sampled_from(
    [
        *("a", "b", "1", "_", " ", "-", "{", "}", "]", ",", "水", "火", ".", r"\n", r"\.", r"\x61"),
        *("^", "$", r"\A", r"\z", r"\b", r"\B", "(?i)", "(?s)", "(?-m)", "(?U)", r"\Qa.\E"),
        *("[ab]", "[^a]", "[水-火]", "[[:alpha:]]", r"[^\pLa]", r"[\d-]", r"\d", r"\W", r"\s"),
        *(r"\pL", r"\p{Han}", r"\P{Nd}", r"\x{6c34}", r"[a-\d]", r"\141", r"\1", "[", ")"),
    ]
)
_REPEATS = st.sampled_from(
    ("*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{2,3}?", "{,2}", "{0}", "{2,1}")
)
_GROUPS = st.sampled_from(("", "?:", "?i:", "?P<x>", "?<y>", "?s:", "?-i:", "?=", "?P<"))


def _longer(shorter: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(shorter, min_size=1, max_size=3)
    return st.one_of(
        several.map("".join),
        st.builds("{}{}".format, shorter, _REPEATS),
        st.builds(lambda kind, parts: f"({kind}{'|'.join(parts)})", _GROUPS, several),
    )


_PATTERNS = st.recursive(_ATOMS, _longer, max_leaves=8)
_TEXTS = st.lists(st.text(st.sampled_from("abAB1_ \n.-水火é"), max_size=12), max_size=6)


def _by_re2(pattern: str, text: str) -> list[tuple[int, int]]:
    return [span for span in patterns._compile_re2(pattern)(text) if span[0] < span[1]]


@settings(max_examples=400, deadline=None)
@given(pattern=_PATTERNS, texts=_TEXTS)
@example(pattern="(|a)*b", texts=["aab"])
@example(pattern="(a|ab)(c|bcd)", texts=["abcd"])
@example(pattern="a.*?b|水", texts=["aabb水"])
@example(pattern=r"x{2,}\b", texts=["xxx水x"])
def test_matches_are_those_of_re2(pattern: str, texts: list[str]) -> None:
    wrapped = f"(?m:{pattern})"
    try:
        compiled = patterns._compile_re2(wrapped)
    except UsageError:
        with pytest.raises(InvalidRegex):
            LinearRegex(wrapped)
        return
    linear = LinearRegex(wrapped)
    is_empty = next(compiled(""), None)
    assert next(linear.finditer(""), None) == is_empty
    # Such a pattern is refused. Between the bytes of a character, \B is true for RE2.
    assume(is_empty is None)
    for text in texts:
        if r"\B" in pattern and not text.isascii():
            continue
        found = [span for span in linear.finditer(text) if span[0] < span[1]]
        assert found == _by_re2(wrapped, text)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[", "a**", "*a", "a{2,1}", "a{1001}", "(a{100}){11}", "[b-a]", r"\1", r"\联"),
        *(r"\p{Hann}", "[[:foo:]]", "(?=a)", "(?<=a)b", r"a\Z", "(?P<a", "(?P<>a)", r"\x{110000}"),
        *("(?z)a", "a\\", r"[a-\d]", "(?i", r"\pX", "[a", r"\x4"),
    ],
)
def test_invalid_patterns_are_those_of_re2(pattern: str) -> None:
    with pytest.raises(re2.error):
        re2.compile(pattern, options=_quiet())
    with pytest.raises(InvalidRegex):
        LinearRegex(pattern)


def _quiet() -> object:
    options = re2.Options()
    options.log_errors = False
    return options


@pytest.mark.parametrize(
    "name",
    ["Han", "Latin", "Greek", "Cyrillic", "Hangul", "Hiragana", "Katakana", "Bopomofo", "Zs"],
)
def test_scripts_have_the_characters_of_re2(name: str) -> None:
    text = "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, 0x33000)))
    pattern = rf"\p{{{name}}}+"
    assert list(LinearRegex(pattern).finditer(text)) == _by_re2(pattern, text)


def test_folded_classes_have_the_characters_of_re2() -> None:
    text = "".join(map(chr, range(0x24F)))
    for pattern in ("(?i)[a-z]+", "(?i)k", "(?i)[^a-f]+", "(?i)s+", "(?i)\xe9"):
        assert list(LinearRegex(pattern).finditer(text)) == _by_re2(pattern, text)


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "re2", None)
    patterns.compile_regex.cache_clear()
    yield
    patterns.compile_regex.cache_clear()


@pytest.mark.usefixtures("without_re2")
def test_queries_match_without_re2() -> None:
    text = "两岸代表于2024年签署联合声明，\ngpt4 与 gpt-5。"
    for typed, found in ((r"\d{4}年", ["2024年"]), ("gpt-?[0-9]", ["gpt4", "gpt-5"])):
        spans = list(_find_regex(text, patterns.fold_pattern(typed)))
        assert [text[start:end] for start, end in spans] == found
    with pytest.raises(QueryError, match=r"missing \).*: fix it"):
        parse_regex_query("(水", scan=True)
    with pytest.raises(QueryError, match="empty string"):
        parse_regex_query("水*", scan=True)


@pytest.mark.usefixtures("without_re2")
def test_too_large_pattern_names_the_extra() -> None:
    with pytest.raises(QueryError, match=r"more than 5,000 parts; with newsgrep\[fast\]"):
        parse_regex_query("(水火联合声明){1000}", scan=True)
    assert MAX_INSTRUCTIONS == 5000
    parse_regex_query("(水火){1000}", scan=True)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+$b", "(.*a){9}b", "(a?){30}a{30}b"])
def test_time_is_linear_in_the_text(pattern: str) -> None:
    compiled = LinearRegex(pattern)
    list(compiled.finditer("a" * 2000))  # the states are made once
    taken = []
    for length in (20_000, 80_000):
        start = time.process_time()
        assert list(compiled.finditer("a" * length)) == []
        taken.append(time.process_time() - start)
    assert taken[1] < 12 * max(taken[0], 0.005)


def test_memory_for_states_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsgrep.query.regex_automaton._MAX_CACHED", 50)
    text = "".join(chr(0x4E00 + number % 7919) for number in range(5000)) + "水火"
    compiled = LinearRegex("[一-龥]{3}火")
    assert list(compiled.finditer(text)) == _by_re2("[一-龥]{3}火", text) == [(4998, 5002)]
    assert sum(map(len, compiled._forward._states.values())) <= 50
