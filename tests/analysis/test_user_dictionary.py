"""A user's dictionary: its file, its stored form, and the terms that it adds."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.segment import (
    Segmenter,
    index_terms,
    likeliest_words,
    python_segmenter,
    query_terms,
    rust_segmenter,
    segmenter,
    term_counts,
)
from newsgrep.analysis.user_dictionary import (
    MAX_PACKED,
    UserDictionary,
    common_words,
    likelier_than_parts,
    read_user_dictionary,
)
from newsgrep.analysis.words import placed_words
from newsgrep.errors import InputError

_HAN = st.sampled_from("韩江龙王北京大学生联合声明中华人民共和国水着名")
_WORDS = st.dictionaries(st.text(_HAN, min_size=2, max_size=6), st.integers(1, 10_000), min_size=1)
_TEXTS = st.lists(st.one_of(st.text(_HAN, max_size=12), st.sampled_from("aZ9，。 \n")), max_size=6)
NAMES = UserDictionary.of({"韩江龙王": 1, "江龙": 7, "声明局": 3})


def write_dictionary(folder: Path, text: str) -> Path:
    path = folder / "names.txt"
    path.write_text(text, "utf-8")
    return path


def read(folder: Path, text: str) -> dict[str, int]:
    return dict(read_user_dictionary(write_dictionary(folder, text)).dictionary)


@settings(max_examples=20, deadline=None)
@given(_WORDS, _TEXTS)
def test_every_user_word_at_every_position_is_a_term(
    words: dict[str, int], parts: list[str]
) -> None:
    text = "".join(part + word for part, word in zip(parts, [*words] * len(parts), strict=False))
    terms = term_counts(text, segmenter(UserDictionary.of(words)))
    for word in words:
        places = sum(text.startswith(word, at) for at in range(len(text)))
        assert terms[word] == places
    for term, count in term_counts(text).items():
        assert terms[term] == count


@settings(max_examples=20, deadline=None)
@given(_WORDS, _TEXTS, st.data())
def test_user_words_of_query_are_terms_of_texts(
    words: dict[str, int], parts: list[str], data: st.DataObject
) -> None:
    dictionary = UserDictionary.of(words)
    text = "".join([*parts, *words])
    start = data.draw(st.integers(0, len(text)))
    part = text[start : start + data.draw(st.integers(0, 12))]
    if all(not character.isascii() for character in part):  # no word is cut in two
        assert set(query_terms(part, dictionary)) <= set(index_terms(text, segmenter(dictionary)))


@pytest.fixture(scope="module")
def both_segmenters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, Segmenter]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        dictionary = UserDictionary.of(dict(NAMES) | {"中国": 1, "北京大学": 10**9})
        return rust_segmenter(dictionary), python_segmenter(dictionary)


@settings(max_examples=100, deadline=None)
@given(st.text(_HAN, max_size=30))
def test_segmenters_agree_with_user_words(
    both_segmenters: tuple[Segmenter, Segmenter], text: str
) -> None:
    rust, python = both_segmenters
    assert sorted(index_terms(text, rust)) == sorted(index_terms(text, python))
    dictionary = UserDictionary.of(dict(NAMES) | {"中国": 1, "北京大学": 10**9})
    cut = tuple(dict.fromkeys(likeliest_words(text, dictionary)))
    assert cut == query_terms(text, by=rust) == query_terms(text, by=python)


def test_query_is_cut_with_user_words() -> None:
    assert query_terms("韩江龙王声明局") == ("韩江", "龙王", "声明", "局")
    assert query_terms("韩江龙王声明局", NAMES) == ("韩江龙王", "声明局")
    assert [word.text for word in placed_words("见韩江龙王", NAMES)] == ["见", "韩江龙王"]


def test_frequency_of_word_prefix_and_other() -> None:
    assert NAMES.frequency("韩江龙王") == 1
    assert NAMES.frequency("韩江") == 0
    assert NAMES.frequency("龙王") is None
    assert NAMES.frequency("龥") is None


def test_file_in_format_of_jieba(tmp_path: Path) -> None:
    text = "\ufeff云计算 5\n韩江龙王 3 nr\n\n创新办 i\n八一双鹿\r\n"
    assert read(tmp_path, text) == {"云计算": 5, "韩江龙王": 3, "创新办": 1, "八一双鹿": 1}


def test_words_are_folded_and_names_divided(tmp_path: Path) -> None:
    words = read(tmp_path, "聯合聲明\n唐納德·特朗普 9 nr")
    assert words == {"联合声明": 3, "唐纳德": 9, "特朗普": 9}


def test_unusable_lines_are_counted(tmp_path: Path) -> None:
    path = write_dictionary(tmp_path, "A股 3\n水\n韩江 龙王\n韩江龙王\n" + "水" * 33)
    found = read_user_dictionary(path)
    assert dict(found.dictionary) == {"韩江龙王": 1}
    assert (found.unused, found.example) == (4, "A股")


def test_word_without_frequency_is_likelier_than_parts() -> None:
    for word in ("韩江龙王", "中国人民北京", "联合声明局", "着名大学"):
        dictionary = UserDictionary.of({word: likelier_than_parts(word)})
        assert query_terms(word, dictionary) == (word,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("韩江龙王 0", "line 1: the frequency 0 is not a whole number from 1"),
        ("水水\n韩江龙王 -3 n", "line 2: the frequency -3"),
        ("韩江龙王 1.5", "frequency 1.5"),
        ("韩江龙王 " + "9" * 5000, "frequency 99999999999999999999 "),
        ("abc\n", "contains no usable word"),
        ("", "contains no usable word"),
    ],
)
def test_invalid_file_is_reported(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_user_dictionary(tmp_path)
    path = tmp_path / "names.txt"
    path.write_bytes("韩江\n龙王".encode("gb18030"))
    with pytest.raises(InputError, match=r"not in UTF-8 \(line 1\)"):
        read_user_dictionary(path)


@given(_WORDS)
@settings(max_examples=30, deadline=None)
def test_packed_dictionary_is_unchanged(words: dict[str, int]) -> None:
    dictionary = UserDictionary.of(words)
    assert UserDictionary.unpack(dictionary.pack()) == dictionary
    copy = pickle.loads(pickle.dumps(dictionary))  # noqa: S301  (our own)
    assert (copy, hash(copy), dict(copy)) == (dictionary, hash(dictionary), words)


def test_invalid_packed_dictionary_is_refused() -> None:
    packed = NAMES.pack()
    for wrong in (packed[:-5], packed[5:], "", "水", "x" * 50, UserDictionary("0\na 5").pack()):
        with pytest.raises(ValueError, match="dictionary is invalid"):
            UserDictionary.unpack(wrong)


def test_identity_depends_on_words_and_frequencies() -> None:
    others = [{"韩江": 1}, {"韩江": 2}, {"龙江": 1}, {"韩江": 1, "龙江": 1}]
    assert len({UserDictionary.of(each).identity for each in others}) == len(others)


def test_common_words_are_those_of_all() -> None:
    first = UserDictionary.of({"韩江": 4, "龙王": 5})
    assert common_words([first, None]) is None
    assert common_words([first, UserDictionary.of({"韩江": 9})]) == UserDictionary.of({"韩江": 4})
    assert common_words([first, UserDictionary.of({"江龙": 9})]) is None
    assert common_words([first, first]) is first


def test_dictionary_of_longest_words_is_refused(tmp_path: Path) -> None:
    import random

    chance = random.Random(3)
    lines = ("".join(chance.choices("韩江龙王北京大学联合", k=32)) for _ in range(80_000))
    path = write_dictionary(tmp_path, "\n".join(f"{line} 1" for line in lines))
    with pytest.raises(InputError, match="too large"):
        read_user_dictionary(path)
    assert MAX_PACKED < 2**20
