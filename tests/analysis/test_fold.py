"""Folding: the law on which exactness rests, and its tables."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import TABLES_EDITION, fold

_CHARACTERS = st.one_of(
    st.characters(codec="utf-8"), st.sampled_from("乾坤著着聯ＡaéßİǅＺ９　⻓⻢⼈｡｢､･‧・○₂﹐")
)


@settings(max_examples=500)
@given(st.text(_CHARACTERS))
def test_fold_keeps_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(_CHARACTERS, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_fold_of_part_is_part_of_fold(text: str, start: int, end: int) -> None:
    assert fold(text)[start:end] == fold(text[start:end])


def test_fold_is_idempotent() -> None:
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
        ("｢先到先挑｣､每户｡", "「先到先挑」、每户。"),
        ("⻓江⻛浪与⺠⽣，⻢船⻋站", "长江风浪与民生,马船车站"),
        ("乔･拜登 喬‧拜登 乔・拜登 乔•拜登", "乔·拜登 乔·拜登 乔·拜登 乔·拜登"),
        ("他說──不行―不行", "他说——不行—不行"),
        ("don’t F‑16 CO₂ 10²", "don't f-16 co2 102"),
        ("二○二四年", "二〇二四年"),
        ("﹁甲﹂﹐乙﹔", "「甲」,乙;"),
        ("\uf900\U0002f800", "岂丽"),
        ("𝗕𝗼𝗹𝗱", "bold"),
    ],
)
def test_fold_unifies_spellings(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_fold_unifies_radicals() -> None:
    named = [chr(code) for code in range(0x2E80, 0x2FD6) if unicodedata.name(chr(code), "")]
    # U+2E80 and U+2EB5 have no everyday form.
    assert [each for each in named if fold(each) == each] == ["\u2e80", "\u2eb5"]
    assert all("\u3400" <= fold(each) <= "\u9fff" for each in set(named) - {"\u2e80", "\u2eb5"})


def test_fold_keeps_quotation_marks() -> None:
    assert fold("“甲”「乙」『丙』") == "“甲”「乙」『丙』"


def test_simplified_table_is_opencc() -> None:
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


def test_tables_edition_is_checksum() -> None:
    every_64th = "".join(map(chr, range(0x4E00, 0x9FA6, 64)))
    assert hashlib.sha256(fold(every_64th).encode()).hexdigest()[:12] == TABLES_EDITION


@pytest.mark.parametrize("script", ["s2t", "s2tw", "s2hk"])
def test_fold_unifies_scripts_of_dictionary(script: str, dictionary: dict[str, int]) -> None:
    convert = opencc.OpenCC(script).convert
    apart = [word for word in dictionary if fold(convert(word)) != fold(word)]
    # 想象/想像 and a few more are two everyday words each: see fold.py.
    assert len(apart) <= 120
    assert sum(dictionary[word] for word in apart) / sum(dictionary.values()) < 0.001
