"""Display width, wrapping, bars: what newsgrep.terminal measures and draws in terminal cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.terminal import (
    StyledLine,
    StyledText,
    bar,
    column_chart,
    cumulative_widths,
    display_width,
    fit_path,
    fitting_prefix,
    fitting_suffix,
    format_duration,
    pad,
    shorten_path,
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


WRAPPED = st.text(st.sampled_from("中国联合声明，。“”「」（）ab cd  e1-é…·　 ,.)("), max_size=80)
MARKED = st.lists(
    st.sampled_from(("中", "国联", "合声，", "明。", "“岛", "（港", "湾）")), max_size=30
)
"""Words with a mark before or after them."""


def rows_of(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap_rows(text, width)]


@settings(max_examples=500, deadline=None)
@given(WRAPPED, st.integers(10, 40))
def test_wrapped_rows_are_the_text_and_fit(text: str, width: int) -> None:
    rows = rows_of(text, width)
    assert "".join(rows) == text
    assert all(display_width(row.rstrip()) <= width for row in rows)


@given(MARKED.map("".join), st.integers(10, 40))
def test_no_row_begins_with_a_closing_mark(text: str, width: int) -> None:
    rows = rows_of(text, width)
    assert [row for row in rows if row[:1] in {"，", "。", "）"}] == []
    assert [row for row in rows if row[-1:] in {"“", "（"}] == []


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("联合声明今天发表，各方表示欢迎。", 16, ["联合声明今天发", "表，各方表示欢", "迎。"]),
        ("他说：“渡轮停航”，随后离开", 10, ["他说：“渡", "轮停航”，", "随后离开"]),
        ("见《雾港日报》（第三版）", 14, ["见《雾港日报》", "（第三版）"]),
        ("Tyee 要求 Vaughan 解释的监控", 16, ["Tyee 要求 ", "Vaughan 解释的监", "控"]),
        ("don’t stop the ferry", 10, ["don’t stop ", "the ferry"]),
        ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
        ("。" * 12, 10, ["。" * 5, "。" * 5, "。" * 2]),
        ("　　渡轮停航，大雾", 12, ["　　渡轮停", "航，大雾"]),
    ],
)
def test_wrap_rows_follows_kinsoku(text: str, width: int, rows: list[str]) -> None:
    assert rows_of(text, width) == rows


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


@given(st.text(st.sampled_from("中国联合声明/ab.-"), max_size=60), st.integers(1, 60))
def test_shortened_paths_fit_and_keep_their_end(path: str, width: int) -> None:
    short = shorten_path(path, width)
    assert display_width(short) <= width
    if display_width(path) <= width:
        assert short == path
    elif width >= 10:
        start, _, end = short.partition("…")
        name = path.rstrip("/").rpartition("/")[2] + "/" * len(path)
        assert path.startswith(start) or name.startswith(start)
        assert end
        assert path.endswith(end)


def test_path_of_a_hit_is_shortened_to_one_row() -> None:
    path = f"/archive/{'2024/' * 20}渡轮停航.md"
    line = StyledLine([StyledText("voxg36  "), StyledText(path), StyledText("  gone")], 3, path=1)
    fitted = fit_path(line, 60)
    text = "".join(piece.text for piece in fitted.pieces)
    assert display_width(text) <= 57
    assert text.startswith("voxg36  /archive/2024/")
    assert text.endswith("/…/渡轮停航.md  gone")
    assert fit_path(line, 200) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (412.6, "6 min 53 s"), (3725, "1 h 02 min")],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
