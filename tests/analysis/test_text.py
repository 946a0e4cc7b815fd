"""Folding, segmenting and literals: what the exactness of everything else rests on."""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections import Counter
from pathlib import Path

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis import segment
from newsgrep.analysis.characters import (
    CharKind,
    han_run,
    kind_of,
    other_solo_character,
    runs,
    solo_character,
    strip_invisible,
    word_run,
)
from newsgrep.analysis.fold import TABLES_EDITION, fold
from newsgrep.analysis.segment import (
    Segmenter,
    folded_words,
    index_terms,
    inner_terms,
    python_segmenter,
    query_terms,
    rust_segmenter,
    term_counts,
)
from newsgrep.query.match import contains_literal, find_literal

_CHARACTERS = st.one_of(st.characters(codec="utf-8"), st.sampled_from("乾坤著着聯ＡaéßİǅＺ９　"))


@settings(max_examples=500)
@given(st.text(_CHARACTERS))
def test_folding_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(_CHARACTERS, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_folds_as_it_does_in_the_whole(text: str, start: int, end: int) -> None:
    assert fold(text)[start:end] == fold(text[start:end])


def test_folding_twice_changes_nothing() -> None:
    every = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)
    assert fold(fold(every)) == fold(every)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("聯合聲明", "联合声明"),
        ("ＧＰＴ－４ｏ　ABC", "gpt-4o abc"),
        ("裏裡里", "里里里"),
        ("隨著、看着", "随着、看着"),
        ("乾淨 乾坤", "干净 干坤"),
        ("瞭解 了解", "了解 了解"),
        ("想像 想象", "想像 想象"),
        ("ΟΔΟΣ ß", "οδοσ ß"),
    ],
)
def test_spellings_that_fold_together(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_the_table_of_simplified_characters_is_what_opencc_gives() -> None:
    converters = [opencc.OpenCC(name) for name in ("t2s", "hk2s")]
    pairs = []
    for character in map(chr, (*range(0x2E80, 0xD800), *range(0xE000, 0x32000))):
        converted = (converter.convert(character) for converter in converters)
        for simplified in converted:
            if len(simplified) == 1 and simplified != character:
                pairs.append(character + simplified)
                break
    table = Path("newsgrep/analysis/simplified.txt").read_text("utf-8").splitlines()
    assert "".join(line for line in table if not line.startswith("#")) == "".join(pairs)


def test_indexes_know_the_tables_by_what_they_do() -> None:
    every_64th = "".join(map(chr, range(0x4E00, 0x9FA6, 64)))
    assert hashlib.sha256(fold(every_64th).encode()).hexdigest()[:12] == TABLES_EDITION


def test_one_character_is_of_the_kind_that_the_patterns_say() -> None:
    for character in map(chr, range(0x110000)):
        kind = kind_of(character)
        assert (kind is CharKind.HAN) == bool(han_run().match(character))
        assert (kind is CharKind.SOLO) == bool(other_solo_character().match(character))
        assert (kind is CharKind.WORD) == bool(word_run().match(character))
        assert (kind in {CharKind.HAN, CharKind.SOLO}) == bool(solo_character().match(character))


@given(st.text(st.sampled_from("联合aZ9々𠀀 ，-é")))
def test_runs_are_those_of_the_patterns(text: str) -> None:
    assert "".join(text[start:end] for _, start, end in runs(text)) == text
    for kind, pattern in ((CharKind.HAN, han_run()), (CharKind.WORD, word_run())):
        found = [(start, end) for each, start, end in runs(text) if each is kind]
        assert found == [match.span() for match in pattern.finditer(text)]


@pytest.mark.parametrize("script", ["s2t", "s2tw", "s2hk"])
def test_nearly_all_dictionary_words_fold_alike_in_both_scripts(
    script: str, dictionary: dict[str, int]
) -> None:
    convert = opencc.OpenCC(script).convert
    apart = [word for word in dictionary if fold(convert(word)) != fold(word)]
    # 想象/想像 and a few more are two everyday words each: see fold.py.
    assert len(apart) <= 120
    assert sum(dictionary[word] for word in apart) / sum(dictionary.values()) < 0.001


def test_tidying_takes_out_what_no_reader_sees() -> None:
    assert strip_invisible("联\u200b合\u202e声\ufeff明\x00\x1b[31m\udc80\u00ad") == "联合声明[31m"
    assert strip_invisible("e\u0301") == "é"
    assert strip_invisible("tab\tand\nline") == "tab\tand\nline"


@given(st.text(st.sampled_from("ae中。\u0301\u0316\u0327ệ\u3099か"), max_size=200))
def test_tidying_twice_changes_nothing_and_gives_the_normal_form(text: str) -> None:
    tidied = strip_invisible(text)
    assert strip_invisible(tidied) == tidied
    if len(text) <= 30:
        assert tidied == unicodedata.normalize("NFC", text)


def test_marks_without_end_are_cut() -> None:
    marks = "\u0301\u0316" * 500_000  # to order so many would take hours
    assert 1 < len(strip_invisible("a" + marks)) <= 31


def test_the_list_of_folded_words_is_what_the_dictionary_gives(dictionary: dict[str, int]) -> None:
    expected: dict[str, int] = {}
    for word, frequency in dictionary.items():
        folded = fold(word)
        known = dictionary.get(folded, 0)
        if folded != word and frequency > known and len(word) > 1 and han_run().fullmatch(folded):
            expected[folded] = max(expected.get(folded, 0), frequency)
    assert dict(folded_words()) == expected


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, Segmenter]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return rust_segmenter(), python_segmenter()


_HAN = st.sampled_from("北京大学生联合声明中华人民共和国的了是水着名干隆研究命起源南市长江桥𠀀〇々")


@settings(max_examples=300, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("aZ9，。 \n")), max_size=40))
def test_both_segmenters_give_the_same_terms(both: tuple[Segmenter, Segmenter], text: str) -> None:
    rust, python = both
    assert sorted(index_terms(text, rust)) == sorted(index_terms(text, python))
    assert query_terms(text, rust) == query_terms(text, python)


def test_both_segmenters_agree_on_every_dictionary_word(
    both: tuple[Segmenter, Segmenter], dictionary: dict[str, int]
) -> None:
    rust, python = both
    words = sorted(fold(word) for word in dictionary)
    for start in range(0, len(words), 1000):
        text = "，".join(words[start : start + 1000])
        assert sorted(index_terms(text, rust)) == sorted(index_terms(text, python))


def test_terms_counted_in_parts_are_those_of_the_whole(
    dictionary: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [fold(word) for word in dictionary if len(word) > 1]
    assert max(map(len, words)) <= segment._MAX_WORD_LENGTH
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


@settings(max_examples=500, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("gpt4-，。")), max_size=40), st.data())
def test_a_text_has_all_terms_of_every_string_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : start + data.draw(st.integers(0, 12))]
    if contains_literal(text, part):
        assert set(query_terms(part)) <= set(index_terms(text))


@settings(max_examples=500, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("gpt4-，。")), max_size=40))
def test_a_text_has_all_words_inside_of_it_and_no_more(text: str) -> None:
    words = {term for term in index_terms(text) if len(term) > 1 and han_run().fullmatch(term)}
    assert set(inner_terms(text)) == words - set(query_terms(text))


def test_words_of_a_query_are_cut_at_their_likeliest_places() -> None:
    assert query_terms("北京大学生gpt-4o，2024年") == ("北京", "大学生", "gpt", "4o", "2024", "年")
    assert query_terms("着名 干隆") == ("着名", "干隆")


def test_jieba_keeps_its_cache_where_only_its_user_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    python_segmenter()
    cache = tmp_path / "newsgrep"
    assert cache.stat().st_mode & 0o077 == 0
    assert [path.name for path in cache.iterdir()] == ["jieba-0.42.1.cache"]


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
def test_where_a_literal_stands(text: str, literal: str, spans: list[tuple[int, int]]) -> None:
    assert list(find_literal(text, literal)) == spans
