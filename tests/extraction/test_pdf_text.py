"""Paragraphs of PDF pages, by the places of their lines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from newsgrep.extraction.records.pdf_text import Line, join_paragraphs

WIDTH = 240.0


def page(*lines: tuple[str, float, float], left: float = 50, top: float = 700) -> list[Line]:
    """Return lines of 12 points: their text, indent, and the step from the line before."""
    found = []
    for text, indent, step in lines:
        top -= step
        width = 12.0 if text[0] >= "\u2e80" else 6.0
        right = left + indent + width * len(text)
        found.append(Line(text, left + indent, right, top, 12))
    return found


FULL = "水" * 20
INDENTED = "雾" * 18


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(INDENTED, 24, 0), (FULL, 0, 16), ("终。", 0, 16), (INDENTED, 24, 16)], [0, 0, 0, 1]),
        ([(FULL, 0, 0), (FULL, 0, 16), (FULL, 0, 28), (FULL, 0, 16)], [0, 0, 1, 1]),
        ([(FULL, 0, 0), ("终。", 0, 16), (FULL, 0, 16), (FULL, 0, 16)], [0, 0, 1, 1]),
        ([(FULL, 0, 0), (FULL, 0, 16)], [0, 0]),
        ([("the ferry leaves at seven o'clock and it", 0, 0), ("returns", 0, 16)], [0, 0]),
    ],
)
def test_lines_are_joined_to_paragraphs(
    lines: Sequence[tuple[str, float, float]], expected: Sequence[int]
) -> None:
    texts = [text for text, _, _ in lines]
    between = " " if texts[0].isascii() else ""
    wanted = [
        between.join(text for text, number in zip(texts, expected, strict=True) if number == each)
        for each in dict.fromkeys(expected)
    ]
    assert join_paragraphs([page(*lines)]) == wanted


def test_larger_characters_are_a_paragraph() -> None:
    lines = page((FULL, 0, 0), (FULL, 0, 16))
    title = Line("渡口", 50, 90, 740, 20)
    assert join_paragraphs([[title, *lines]]) == ["渡口", FULL * 2]


def test_paragraph_goes_on_in_the_next_column_and_page() -> None:
    first = page((INDENTED, 24, 0), (FULL, 0, 16))
    second = page((FULL, 0, 0), ("终。", 0, 16), left=320)
    third = page((INDENTED, 24, 0), (FULL, 0, 16))
    fourth = page((FULL, 0, 0), ("终。", 0, 16))
    assert join_paragraphs([[*first, *second], third, fourth]) == [
        INDENTED + FULL * 2 + "终。",
        INDENTED + FULL * 2 + "终。",
    ]


def test_lines_without_places_are_one_paragraph() -> None:
    assert join_paragraphs([[Line("甲乙"), Line("丙丁。")], [Line("戊")]]) == ["甲乙丙丁。", "戊"]
    assert join_paragraphs([]) == []
