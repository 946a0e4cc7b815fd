"""What is measured and drawn in a terminal's cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsgrep.output.cells import beginning, cell, cells, ending, padded, shortened
from newsgrep.output.chart import bar, columns

TEXTS = st.text(st.sampled_from("雾港ab ，·é́ｶ？…"), max_size=30)
ROOMS = st.integers(0, 40)
EIGHTHS_ACROSS = " ▏▎▍▌▋▊▉█"
EIGHTHS_UP = " ▁▂▃▄▅▆▇█"


@given(TEXTS, ROOMS)
def test_a_beginning_is_the_longest_that_fits(text: str, room: int) -> None:
    fitting = [text[:end] for end in range(len(text) + 1) if cells(text[:end]) <= room]
    assert beginning(text, room) == fitting[-1]


@given(TEXTS, ROOMS)
def test_an_end_is_the_longest_that_fits_and_begins_with_no_loose_mark(
    text: str, room: int
) -> None:
    ends = [text[start:] for start in range(len(text) + 1)]
    fitting = [
        end for end in ends if cells(end) <= room and (end == text or not end or cell(end[0]))
    ]
    assert ending(text, room) == fitting[0]


@given(TEXTS, st.integers(1, 40))
def test_what_is_shortened_and_padded_fills_its_column(text: str, room: int) -> None:
    short = shortened(text, room)
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))
    for right in (False, True):
        assert cells(padded(short, room, right=right)) == room
    assert padded(short, room).startswith(short)
    assert padded(short, room, right=True).endswith(short)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 30))
def test_bars_and_columns_are_right_to_half_an_eighth_and_show_whatever_is_there(
    values: list[int], size: int
) -> None:
    most = max(*values, 1)
    rows = columns(values, most, size, blocks=True)
    plain = columns(values, most, size, blocks=False)
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
