"""Terms of texts and queries, equal for all segmenters."""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis import segment
from newsgrep.analysis.characters import (
    fold,
    han_run,
)
from newsgrep.analysis.segment import (
    Segmenter,
    dictionary_segmenter,
    folded_words,
    index_terms,
    inner_terms,
    python_segmenter,
    query_terms,
    running_words,
    rust_segmenter,
    segmenter,
    term_counts,
    term_counts_with_lead,
    trim_open_words,
)
from newsgrep.analysis.user_dictionary import UserDictionary
from newsgrep.errors import NewsgrepError
from newsgrep.query.match import (
    contains_literal,
)

_HAN = st.sampled_from("北京大学生联合声明中华人民共和国的了是水着名干隆研究命起源南市长江桥𠀀〇々")


@pytest.fixture(scope="module")
def segmenters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return rust_segmenter(), python_segmenter(), dictionary_segmenter()


def test_folded_words_file_is_up_to_date(dictionary: dict[str, int]) -> None:
    expected: dict[str, int] = {}
    for word, frequency in dictionary.items():
        folded = fold(word)
        known = dictionary.get(folded, 0)
        if folded != word and frequency > known and len(word) > 1 and han_run().fullmatch(folded):
            expected[folded] = max(expected.get(folded, 0), frequency)
    assert dict(folded_words()) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("aZ9，。 \n")), max_size=40))
def test_segmenters_give_equal_terms(segmenters: tuple[Segmenter, ...], text: str) -> None:
    rust, *others = segmenters
    for other in others:
        assert sorted(index_terms(text, rust)) == sorted(index_terms(text, other))
        assert query_terms(text, by=rust) == query_terms(text, by=other)
        assert running_words(text, rust) == running_words(text, other)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.one_of(_HAN, st.sampled_from("\u9fd4aZ9の，。 \n")), max_size=60), st.integers(1, 60)
)
def test_term_counts_are_counted_index_terms(
    segmenters: tuple[Segmenter, ...], text: str, length: int
) -> None:
    for by in segmenters:
        whole, lead = Counter(index_terms(text, by)), Counter(index_terms(text[:length], by))
        assert term_counts(text, by) == whole
        assert term_counts_with_lead(text, length, by) == (lead, whole)


def test_segmenters_agree_on_dictionary(
    segmenters: tuple[Segmenter, ...], dictionary: dict[str, int]
) -> None:
    rust, *others = segmenters
    words = sorted(fold(word) for word in dictionary)
    for start in range(0, len(words), 1000):
        text = "，".join(words[start : start + 1000])
        for other in others:
            assert sorted(index_terms(text, rust)) == sorted(index_terms(text, other))


def test_term_counts_of_chunks_are_of_whole(
    dictionary: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [fold(word) for word in dictionary if len(word) > 1]
    assert max(map(len, words)) <= segment.MAX_WORD_LENGTH
    chance = random.Random(11)
    others = ("a", "Z9", "gpt" * 30, "の", "〇", "，", "\n", " ", "𠀀")
    for part in (40, 97):
        monkeypatch.setattr(segment, "_CHUNK_LENGTH", part)
        for _ in range(500):
            pieces = [
                chance.choice(others if chance.random() < 0.2 else words)[: chance.randint(1, 99)]
                for _ in range(chance.randint(1, 90))
            ]
            text = "".join(pieces)
            assert term_counts(text) == Counter(index_terms(text))
            assert term_counts_with_lead(text, 30) == (term_counts(text[:30]), term_counts(text))


@settings(max_examples=500, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("gpt4-，。")), max_size=40), st.data())
def test_index_terms_include_query_terms(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : start + data.draw(st.integers(0, 12))]
    if contains_literal(text, part):
        assert set(query_terms(part)) <= set(index_terms(text))


@settings(max_examples=500, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("gpt4-，。")), max_size=40))
def test_inner_terms_are_other_index_terms(text: str) -> None:
    words = {term for term in index_terms(text) if len(term) > 1 and han_run().fullmatch(term)}
    assert set(inner_terms(text)) == words - set(query_terms(text))


def test_query_terms_are_likeliest_words() -> None:
    assert query_terms("北京大学生gpt-4o，2024年") == ("北京", "大学生", "gpt", "4o", "2024", "年")
    assert query_terms("着名 干隆") == ("着名", "干隆")


@pytest.mark.parametrize(
    ("absent", "name"),
    [((), "rjieba"), (("rjieba",), "jieba"), (("rjieba", "jieba"), "newsgrep")],
)
def test_segmenter_is_what_is_installed(
    absent: tuple[str, ...], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for package in absent:
        monkeypatch.setitem(sys.modules, package, None)
    found = segmenter.__wrapped__()
    assert found.name == name
    assert query_terms("北京大学生干隆", by=found) == ("北京", "大学生", "干隆")


def test_missing_dictionary_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("rjieba", "jieba"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(segment, "installed_dictionary", lambda _user: None)
    with pytest.raises(NewsgrepError, match="Install newsgrep again"):
        segmenter.__wrapped__()


def test_segmenters_agree_with_user_dictionary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    user = UserDictionary.of({"澜江大桥": 40, "雾港": 900, "干隆": 5})
    text = fold("雾港的澜江大桥与乾隆年间的石桥，GPT。\n雾港")
    rust, *others = (
        make(user) for make in (rust_segmenter, python_segmenter, dictionary_segmenter)
    )
    for other in others:
        assert sorted(index_terms(text, rust)) == sorted(index_terms(text, other))
        assert running_words(text, rust) == running_words(text, other)


def test_jieba_cache_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    python_segmenter()
    cache = tmp_path / "newsgrep"
    assert cache.stat().st_mode & 0o077 == 0
    assert [path.name for path in cache.iterdir()] == ["jieba-0.42.1.cache"]


@pytest.mark.parametrize(
    ("text", "open_before", "open_after", "trimmed"),
    [
        ("gpt模型x", False, True, "gpt模型"),
        ("gpt模型x", True, False, "模型x"),
        ("gpt", True, False, ""),
        ("a gpt b", True, True, " gpt "),
        ("联合", True, True, "联合"),
    ],
)
def test_trim_open_words(text: str, open_before: bool, open_after: bool, trimmed: str) -> None:
    assert trim_open_words(text, open_before=open_before, open_after=open_after) == trimmed
