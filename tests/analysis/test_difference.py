"""The difference of two texts: complete, word by word, and bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis import difference
from newsgrep.analysis.difference import Kind, Piece, Pieces, compare_texts, count_characters

PARTS = st.sampled_from(
    (
        "渔业",
        "声明",
        "發佈",
        "今天",
        "的",
        "，",
        "。",
        "\n\n",
        "\n",
        " ",
        "abc",
        "12",
        "é",
        "\u0301",
        "渔",
    )
)
TEXTS = st.lists(PARTS, max_size=25).map("".join)


def marked(pieces: Pieces) -> str:
    """Return the pieces with ``-…-`` and ``+…+`` around what was removed and added."""
    marks = {Kind.EQUAL: "", Kind.REMOVED: "-", Kind.ADDED: "+"}
    return "".join(f"{marks[kind]}{text}{marks[kind]}" for kind, text in pieces)


def without(pieces: Pieces, kind: Kind) -> str:
    return "".join(piece.text for piece in pieces if piece.kind is not kind)


@settings(deadline=None)  # the first call loads a dictionary
@given(before=TEXTS, after=TEXTS)
def test_pieces_are_both_texts(before: str, after: str) -> None:
    pieces = compare_texts(before, after)
    assert without(pieces, Kind.ADDED) == before
    assert without(pieces, Kind.REMOVED) == after
    kinds = [kind for kind, _ in pieces]
    for first, second in pairwise(kinds):
        assert first is not second
        assert (first, second) != (Kind.ADDED, Kind.REMOVED)


@settings(deadline=None)
@given(text=TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert compare_texts(text, text) == ((Piece(Kind.EQUAL, text),) if text else ())


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("渔业声明发布", "渔业声明今天发布", "渔业声明+今天+发布"),
        ("渔民返回港口", "渔船返回港口", "-渔民-+渔船+返回港口"),
        ("共有1200吨", "共有1300吨", "共有-1200-+1300+吨"),
        ("port of call", "ports of call", "-port-+ports+ of call"),
        ("潮起。\n\n潮落。", "潮起。\n\n船到。\n\n潮落。", "潮起。\n\n+船到。\n\n+潮落。"),
        ("潮起。", "潮起。\n\n潮落。", "潮起。+\n\n潮落。+"),
    ],
    ids=[
        "word added",
        "word replaced",
        "number",
        "letters",
        "paragraph added",
        "paragraph at the end",
    ],
)
def test_differences_are_of_whole_words(before: str, after: str, difference: str) -> None:
    assert marked(compare_texts(before, after)) == difference


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("山区须防滑坡。", "山区须防滑坡。\n\n水位回落。", "山区须防滑坡。+\n\n水位回落。+"),
        ("潮起，船到。", "潮起。潮落。潮起，船到。", "+潮起。潮落。+潮起，船到。"),
        ("雨停。船到。", "雨停。风停。船到。", "雨停。+风停。+船到。"),
        ("雨停。风停。船到。", "雨停。船到。", "雨停。-风停。-船到。"),
    ],
    ids=["paragraph", "beginning", "sentence", "removed sentence"],
)
def test_changes_begin_at_a_line_or_sentence(before: str, after: str, difference: str) -> None:
    assert marked(compare_texts(before, after)) == difference


@given(
    before=st.lists(st.sampled_from("abc"), max_size=9),
    after=st.lists(st.sampled_from("abc"), max_size=9),
)
def test_equal_units_are_a_longest_common_subsequence(before: list[str], after: list[str]) -> None:
    steps = list(difference._steps(before, after))
    equal = [step for step in steps if step[0] is Kind.EQUAL]
    assert [before[at] for _, at, _ in equal] == [after[at] for _, _, at in equal]
    assert len(steps) == len(before) + len(after) - len(equal)
    longest = {(one, other): 0 for one in range(10) for other in range(10)}
    for one, unit in enumerate(before):
        for other, other_unit in enumerate(after):
            longest[one + 1, other + 1] = (
                longest[one, other] + 1
                if unit == other_unit
                else max(longest[one, other + 1], longest[one + 1, other])
            )
    assert len(equal) == longest[len(before), len(after)]


def test_changes_with_little_between_them_are_joined() -> None:
    pieces = compare_texts("港口管理部门的工作人员到场", "气象观测站的值班工程师到场")
    assert marked(pieces) == "-港口管理部门的工作人员-+气象观测站的值班工程师+到场"


def test_a_change_in_a_long_text_is_small() -> None:
    lines = [f"第{number}班船。" for number in range(30_000)]
    changed = [*lines[:15_000], "第零班船。", *lines[15_001:]]
    pieces = compare_texts("\n".join(lines), "\n".join(changed))
    assert count_characters(pieces) == (6, 2)


def test_paragraphs_too_long_to_compare_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "_MAX_COMPARISONS", 20)
    before, after = "开头。\n\n潮水涨了又落了下去。", "开头。\n\n江水又涨了也落了下来！"
    assert marked(compare_texts(before, after)) == (
        "开头。\n\n-潮水涨了又落了下去。-+江水又涨了也落了下来！+"
    )


def test_count_characters_without_white_space() -> None:
    assert count_characters(compare_texts("潮 起。", "潮 起。\n\n潮 落。")) == (0, 3)
