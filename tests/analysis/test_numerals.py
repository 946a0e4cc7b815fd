"""Numbers in Arabic and Chinese numerals."""

from __future__ import annotations

import pytest

from newsgrep.analysis.characters import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("１１３", 113),
        ("〇", 0),
        ("两", 2),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("三十一", 31),
        ("廿", 20),
        ("廿一", 21),
        ("卅", 30),
        ("百", 100),
        ("一百零一", 101),
        ("三百六十五", 365),
        ("一〇三", 103),
        ("二○二四", 2024),
        ("二零二四", 2024),
    ],
)
def test_parse_number(text: str, number: int) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "a", "几", "二a"])
def test_parse_number_rejects_other_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the message is for programmers)
        parse_number(text)
