"""jieba's dictionary, read in place: equal words and segmentations as when it is loaded."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis import segment
from newsgrep.analysis.characters import han_run
from newsgrep.analysis.segment import (
    Dictionary,
    Segmenter,
    folded_words,
    installed_dictionary,
    likeliest_words,
    query_terms,
    rust_segmenter,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jieba

FILE = Path(jieba.__file__).with_name("dict.txt")
_HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FD5)


@pytest.fixture(scope="module")
def frequencies() -> dict[str, int]:
    rows = (line.split() for line in FILE.read_text("utf-8").splitlines())
    return {word: int(frequency) for word, frequency, _ in rows} | dict(folded_words())


@pytest.fixture(scope="module")
def in_place() -> Dictionary:
    found = installed_dictionary()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def rust() -> Segmenter:
    return rust_segmenter()


def test_dictionary_frequency_of_words_and_prefixes(
    in_place: Dictionary, frequencies: dict[str, int]
) -> None:
    words = {word: count for word, count in frequencies.items() if han_run().fullmatch(word)}
    beginnings = {word[:end] for word in words for end in range(1, len(word))}
    for word in words.keys() | beginnings:
        assert in_place.frequency(word) == words.get(word, 0)
    assert sum(frequencies.values()) == segment.TOTAL_FREQUENCY
    random.seed(5)
    for word in random.sample(sorted(words), 20_000):
        longer = word + chr(random.randrange(0x4E00, 0x9FD6))
        if longer not in words and longer not in beginnings:
            assert in_place.frequency(longer) is None


def test_dictionary_cut_agrees_with_segmenter(
    in_place: Dictionary, rust: Segmenter, frequencies: dict[str, int]
) -> None:
    chance = random.Random(11)
    words = [word for word in frequencies if han_run().fullmatch(word)]

    def piece() -> str:
        if chance.random() < 0.7:
            return chance.choice(words)
        return "".join(chr(chance.randrange(0x4E00, 0x9FD6)) for _ in range(chance.randint(1, 2)))

    for _ in range(30_000):
        run = "".join(piece() for _ in range(chance.randint(1, 8)))
        start = chance.randrange(len(run))
        run = run[start : start + chance.randint(1, 40)]
        assert in_place.cut(run) == list(rust.cut(run))


@settings(max_examples=500, deadline=None)
@given(st.text(st.one_of(_HAN, st.sampled_from("中国人民大学生的一是在不了有和干隆")), max_size=60))
def test_dictionary_cut_of_any_run_agrees_with_segmenter(rust: Segmenter, run: str) -> None:
    assert list(likeliest_words(run)) == list(rust.cut(run))


def test_likeliest_words_of_long_query(rust: Segmenter, frequencies: dict[str, int]) -> None:
    words = [word for word in frequencies if han_run().fullmatch(word)]
    book = "".join(random.Random(3).sample(words, 20_000))
    for length in (10_000, 30_000):
        assert list(likeliest_words(book[:length])) == list(rust.cut(book[:length]))


@pytest.fixture
def nothing_known() -> Iterator[None]:
    installed_dictionary.cache_clear()
    yield
    installed_dictionary.cache_clear()


@pytest.mark.usefixtures("nothing_known")
def test_unknown_dictionary_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def finds(_name: str) -> ModuleSpec | None:
        return spec

    monkeypatch.setattr(segment, "PathFinder", SimpleNamespace(find_spec=finds))
    monkeypatch.setattr(segment, "_OWN_FILE", "missing.txt")
    spec: ModuleSpec | None = None
    assert installed_dictionary() is None
    spec = ModuleSpec("jieba", None, origin=str(tmp_path / "__init__.py"))
    for content in (None, b"", FILE.read_bytes() + b" ", FILE.read_bytes().replace(b"5", b"6", 1)):
        if content is not None:
            (tmp_path / "dict.txt").write_bytes(content)
        installed_dictionary.cache_clear()
        assert installed_dictionary() is None
        assert query_terms("北京大学生干隆") == ("北京", "大学生", "干隆")


@pytest.mark.usefixtures("nothing_known")
def test_dictionary_of_newsgrep_needs_no_jieba(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.txt"
    own.write_bytes(FILE.read_bytes())
    monkeypatch.setattr(segment, "_OWN_FILE", own)
    monkeypatch.setattr(segment, "PathFinder", SimpleNamespace(find_spec=lambda _name: None))
    found = installed_dictionary()
    assert found is not None
    assert found.frequency("北京") == 34488
