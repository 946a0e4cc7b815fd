"""Kinds of characters and invisible ones."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from newsgrep.analysis.characters import (
    CharKind,
    han_run,
    kind_of,
    runs,
    solo_character,
    strip_invisible,
    word_run,
)

_CHARACTERS = st.one_of(st.characters(codec="utf-8"), st.sampled_from("乾坤著着聯ＡaéßİǅＺ９　"))


def test_kind_of_agrees_with_patterns() -> None:
    for character in map(chr, range(0x110000)):
        kind = kind_of(character)
        assert (kind is CharKind.HAN) == bool(han_run().match(character))
        assert (kind is CharKind.WORD) == bool(word_run().match(character))
        assert (kind in {CharKind.HAN, CharKind.SOLO}) == bool(solo_character().match(character))


@given(st.text(st.sampled_from("联合aZ9々𠀀 ，-é")))
def test_runs_agree_with_patterns(text: str) -> None:
    assert "".join(text[start:end] for _, start, end in runs(text)) == text
    for kind, pattern in ((CharKind.HAN, han_run()), (CharKind.WORD, word_run())):
        found = [(start, end) for each, start, end in runs(text) if each is kind]
        assert found == [match.span() for match in pattern.finditer(text)]


def test_strip_invisible() -> None:
    assert strip_invisible("联\u200b合\u202e声\ufeff明\x00\x1b[31m\udc80\u00ad") == "联合声明[31m"
    assert strip_invisible("e\u0301") == "é"
    assert strip_invisible("tab\tand\nline") == "tab\tand\nline"


@given(st.text(st.sampled_from("ae中。\u0301\u0316\u0327ệ\u3099か"), max_size=200))
def test_strip_invisible_is_idempotent_and_nfc(text: str) -> None:
    tidied = strip_invisible(text)
    assert strip_invisible(tidied) == tidied
    if len(text) <= 30:
        assert tidied == unicodedata.normalize("NFC", text)


def test_strip_invisible_limits_combining_marks() -> None:
    marks = "\u0301\u0316" * 500_000  # to order so many would take hours
    assert 1 < len(strip_invisible("a" + marks)) <= 31
