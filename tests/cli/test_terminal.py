"""Display width, wrapping, bars: what newsgrep.terminal measures and draws in terminal cells."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from newsgrep.terminal import (
    bar,
    column_chart,
    cumulative_widths,
    display_width,
    fitting_prefix,
    fitting_suffix,
    pad,
    truncate,
    wrap_rows,
)

TEXTS = st.text(st.sampled_from("雾港ab ，·é́ｶ？…"), max_size=30)
WIDTHS = st.integers(0, 40)
EIGHTHS_ACROSS = " ▏▎▍▌▋▊▉█"
EIGHTHS_UP = " ▁▂▃▄▅▆▇█"


@given(TEXTS, WIDTHS)
def test_fitting_prefix_is_the_longest(text: str, width: int) -> None:
    fitting = [text[:end] for end in range(len(text) + 1) if display_width(text[:end]) <= width]
    assert fitting_prefix(text, width) == fitting[-1]


@given(TEXTS, WIDTHS)
def test_fitting_suffix_is_the_longest_without_loose_mark(text: str, width: int) -> None:
    ends = [text[start:] for start in range(len(text) + 1)]
    fitting = [
        end
        for end in ends
        if display_width(end) <= width and (end == text or not end or display_width(end[0]))
    ]
    assert fitting_suffix(text, width) == fitting[0]


@given(TEXTS, st.integers(1, 40))
def test_truncate_and_pad_fill_a_column(text: str, width: int) -> None:
    short = truncate(text, width)
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))
    for right in (False, True):
        assert display_width(pad(short, width, right=right)) == width
    assert pad(short, width).startswith(short)
    assert pad(short, width, right=True).endswith(short)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 30))
def test_bar_and_column_chart_are_exact_to_an_eighth(values: list[int], size: int) -> None:
    most = max(*values, 1)
    rows = column_chart(values, most, size, blocks=True)
    plain = column_chart(values, most, size, blocks=False)
    assert {len(row) for row in (*rows, *plain)} == {len(values)}
    for at, value in enumerate(values):
        exact = value * size / most
        across = sum(EIGHTHS_ACROSS.index(part) for part in bar(value, most, size, blocks=True))
        up = sum(EIGHTHS_UP.index(row[at]) for row in rows)
        assert across == up
        assert abs(across - exact * 8) <= 0.5 or (value and across == 1)
        signs = len(bar(value, most, size, blocks=False))
        assert signs == sum(row[at] == "#" for row in plain)
        assert abs(signs - exact) <= 0.5 or (value and signs == 1)
        assert (across > 0) == (signs > 0) == (value > 0)


@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from("中国联合声明，。“”ab cd  e1-é…·　 "), max_size=80), st.integers(10, 40)
)
def test_wrapped_equals_rich(text: str, width: int) -> None:
    rows = Text(text).wrap(Console(file=StringIO()), width, overflow="fold")
    expected = [row.plain.rstrip() for row in rows]
    assert [text[start:end].rstrip() for start, end in wrap_rows(text, width)] == expected


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("", [0]),
        ("a联b", [0, 1, 3, 4]),
        ("e\u0301a", [0, 1, 1, 2]),  # a combining mark takes no cell
        ("ｶ\u200dＡ", [0, 1, 1, 3]),
    ],
)
def test_display_width_of_every_prefix(text: str, widths: list[int]) -> None:
    assert cumulative_widths(text) == widths
    assert [display_width(text[:end]) for end in range(len(text) + 1)] == widths
    assert sum(map(display_width, text)) == widths[-1]
