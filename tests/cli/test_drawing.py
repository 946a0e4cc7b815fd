"""What rich draws for show, stats and timeline, beside what is printed without it."""

from __future__ import annotations

import re

import pytest

from newsgrep.cli.drawing import draw_lines
from newsgrep.models import Span
from newsgrep.terminal import StyledLine, StyledText, format_colored, highlight
from tests.support.cli import Cli

CODES = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\")
LINES = (
    StyledLine(highlight("联合声明 signed at dawn", [Span(0, 4)], "title", "https://a.example/1")),
    StyledLine([StyledText("[bold]不是标记[/bold] :smile:")]),
    StyledLine([StyledText("鸥湾渔场" * 30)], indent=3, label="12"),
    StyledLine([StyledText("both: ", "dim"), StyledText("two words " * 12)], indent=5),
    StyledLine(),
    StyledLine([StyledText("e\u0301 \u202e hidden")], indent=2),
)


def without_codes(rows: list[str]) -> list[str]:
    return [CODES.sub("", row).rstrip() for row in rows]


@pytest.mark.parametrize("width", [20, 37, 80, 200])
def test_draw_lines_breaks_rows_as_format_colored_does(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert without_codes(list(draw_lines(LINES, width))) == without_codes(
        list(format_colored(LINES, wrap=True))
    )


def test_draw_lines_has_styles_and_links() -> None:
    (row,) = draw_lines(LINES[:1], 80)
    assert "\x1b[1;31m联合声明\x1b[0m" in row
    assert row.count(";https://a.example/1\x1b\\") == 2


def test_stats_on_a_terminal_is_a_table(seeds: Cli) -> None:
    status, screen = seeds.on_terminal("stats", env={"TERM": "xterm-256color"})
    assert status == 0
    rows = without_codes(screen.replace("\r", "").split("\n"))
    assert ["articles", "16"] in [row.split() for row in rows]
    header = next(
        number for number, row in enumerate(rows) if row.split() == ["source", "articles"]
    )
    name, count, bar = rows[header + 2].split()
    assert (name, count, set(bar)) == ("(none)", "4", {"█"})


@pytest.mark.parametrize("command", ["stats", "sources", "count 的 --by source"])
def test_bars_stay_beside_their_labels(seeds: Cli, command: str) -> None:
    _, screen = seeds.on_terminal(*command.split(), columns=40)
    bars = [row for row in without_codes(screen.split("\n")) if "█" in row]
    assert len(bars) > 3
    assert all(row.strip("█▏▎▍▌▋▊▉… ") for row in bars), bars
    assert "…" not in "".join(row.split()[-1] for row in bars)


def test_stats_does_not_count_no_source(seeds: Cli) -> None:
    shown = next(line for line in seeds("stats").lines if line.startswith("sources"))
    assert int(shown.split()[1]) == len(seeds.json("stats")["sources"]) - 1


def test_list_leaves_sources_out_on_narrow_terminals(seeds: Cli) -> None:
    for width, shown in ((40, False), (80, True)):
        _, screen = seeds.on_terminal("list", "--no-pager", columns=width)
        assert ("澤島日報" in screen) == shown
        assert len(screen.strip().splitlines()) == 16


def test_stats_in_a_pipe_has_no_table(seeds: Cli) -> None:
    assert "─" not in seeds("stats").out


def test_stats_shows_the_articles_of_each_year(seeds: Cli) -> None:
    text = "2023 to 2026, most in 2024: 9"
    assert f"by year      {text}" in seeds("stats").lines
    _, screen = seeds.on_terminal("stats", env={"NO_COLOR": "1"})
    assert re.search(f"by year +▂█▄▁  {text}", screen)
