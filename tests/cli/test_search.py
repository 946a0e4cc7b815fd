"""``newsgrep search``: queries, options, text output and messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from newsgrep.search import search
from newsgrep.terminal import write
from tests.support.cli import TIDE_COUNT, Cli, write_article

ESCAPE = "\x1b"
BRIDGE = "大桥通车日，两岸市长念了同一份联合声明"


def numbers(titles: list[str]) -> set[int]:
    return {int(re.sub(r"\D", "", title)) for title in titles}


def tide_numbers(tides: Cli, *args: str) -> set[int]:
    return numbers(tides.found("-n", "99", *args))


# Text output


def test_search_text_lines_of_a_hit(
    cli: Cli,
) -> None:
    write_article(
        cli.folder / "news" / "fog.md",
        "雾港灯塔重新点亮",
        "雾港灯塔星期五重新点亮。守塔人说，灯油够用三年。",
        date="2024-05-17T09:30:00+08:00",
        more=["author: 麦听潮"],
    )
    cli("index", "news")
    ran = cli("search", "灯油")
    first, about, snippet, path, empty, last = ran.lines
    assert first == "1  雾港灯塔重新点亮"
    assert about == "   雾港日报 · 2024-05-17 09:30 +08:00 · 麦听潮"
    assert "灯油够用三年" in snippet
    assert re.fullmatch(r"   [a-z2-7]{6}  news/fog.md", path)
    assert empty == ""
    assert re.fullmatch(r"1 article in \d+ ms", last)
    assert ran.stderr == b""


def test_search_shows_a_day_without_time(tides: Cli) -> None:
    assert "雾港日报 · 2023-01-15\n" in tides("search", '"第0号"').out


def test_color_always_adds_colours_and_links(seeds: Cli) -> None:
    assert ESCAPE not in seeds("search", "联合声明").out
    colored = seeds("search", "联合声明", "--color", "always").out
    assert f"{ESCAPE}[1;31m联合声明{ESCAPE}[0m" in colored
    assert re.search(r"\x1b\]8;[^;]*;https://www\.qundao\.example/a/[^\x1b]*\x1b\\", colored)


def test_title_link_is_ascii(cli: Cli) -> None:
    url = "https://fog.example/新闻/渡轮 a.html"
    write_article(cli.folder / "a.md", "渡轮停航", "大雾。", url=f'"{url}"')
    cli("index", "a.md")
    out = cli("search", "渡轮", "--color", "always").out
    (address,) = set(re.findall(r"\x1b\]8;[^;]*;([^\x1b]+)\x1b\\", out))
    assert address.startswith("https://fog.example/")
    assert all("!" <= character <= "~" for character in address)


def test_color_always_overrides_no_color(seeds: Cli) -> None:
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        colored = seeds("search", "联合声明", "--color", "always", env=env).out
        assert f"{ESCAPE}[1;31m联合声明{ESCAPE}[0m" in colored


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["--color", "never"], {"FORCE_COLOR": "1"}),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
        ([], {"CLICOLOR": "0"}),
    ],
    ids=["never", "NO_COLOR", "dumb", "CLICOLOR"],
)
def test_terminal_without_colours(seeds: Cli, args: list[str], env: dict[str, str]) -> None:
    status, screen = seeds.on_terminal("search", "联合声明", *args, env=env)
    assert status == 0
    assert BRIDGE in screen
    assert ESCAPE not in screen


def test_colour_is_forced_into_a_pipe(seeds: Cli) -> None:
    for env in ({"FORCE_COLOR": "1"}, {"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}):
        assert ESCAPE in seeds("search", "联合声明", env=env).out
    for env in ({"FORCE_COLOR": "0"}, {"CLICOLOR_FORCE": "0"}, {"FORCE_COLOR": ""}):
        assert ESCAPE not in seeds("search", "联合声明", env=env).out


@pytest.mark.parametrize(
    "arguments",
    [["潮汐"], ["潮汐", "--sort", "-date"], ["潮汐 台风", "--offset", "3"]],
    ids=" ".join,
)
def test_streamed_formats_contain_the_hits_of_json(tides: Cli, arguments: list[str]) -> None:
    whole = tides.json("search", *arguments, "-n", "20")["hits"]
    streamed = tides("search", *arguments, "-n", "20", "--jsonl").lines
    assert [json.loads(line) for line in streamed] == [{"version": 1, **hit} for hit in whole]
    paths = tides("search", *arguments, "-n", "20", "--paths").lines
    assert paths == [hit["path"] for hit in whole]


def test_paths_are_printed_without_snippets(tides: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a snippet was computed")

    monkeypatch.setattr("newsgrep.search.search.make_snippets", fail)
    assert len(tides("search", "潮汐", "-n", "30", "--paths").lines) == TIDE_COUNT


def test_jsonl_prints_hits_while_articles_are_read(
    tides: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    make = search.make_hits

    def record_make(*arguments: Any, **named: Any) -> Any:
        events.append("read")
        return make(*arguments, **named)

    def record_write(lines: Iterable[str]) -> None:
        for line in lines:
            events.append("line")
            write(line)

    monkeypatch.setattr(search, "_BATCH_SIZE", 10)
    monkeypatch.setattr(search, "make_hits", record_make)
    monkeypatch.setattr("newsgrep.cli.output.write_streaming", record_write)
    tides("search", "潮汐", "-n", "30", "--jsonl")
    assert events == ["read", *["line"] * 10] * 3


def test_output_longer_than_the_screen_is_paged(seeds: Cli) -> None:
    env = {"PAGER": "sed s/^/@/"}
    status, screen = seeds.on_terminal("search", "*", "-n", "16", env=env)
    assert status == 0
    lines = _without_codes(screen)
    assert {line[:1] for line in lines} == {"@"}
    assert any(line.startswith("@16 articles") for line in lines)
    for arguments in (("search", "*", "-n", "2"), ("search", "*", "-n", "16", "--no-pager")):
        assert "@" not in seeds.on_terminal(*arguments, env=env)[1]
    config = {**env, "NO_COLOR": "1"}
    assert "\n@2" in seeds.on_terminal("kwic", "的", env=config)[1]


def test_terminal_output_fits_its_width(seeds: Cli) -> None:
    for columns in (40, 80):
        status, screen = seeds.on_terminal("search", "联合声明", columns=columns)
        assert status == 0
        assert f"{ESCAPE}[1;31m联合声明{ESCAPE}[0m" in screen
        assert max(map(_cells, _without_codes(screen))) <= columns


def _without_codes(screen: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", screen).splitlines()


def _cells(line: str) -> int:
    return sum(2 if character >= "\u2e80" else 1 for character in line)


def test_long_title_wraps_behind_its_number(seeds: Cli) -> None:
    _, screen = seeds.on_terminal("search", "联合声明", "-n", "1", columns=40)
    first, second, *_ = _without_codes(screen)
    assert re.match(r"1  \S", first)
    assert re.match(r"   \S", second)


def test_terminal_lines_have_no_trailing_spaces(seeds: Cli) -> None:
    _, screen = seeds.on_terminal("search", "联合声明")
    lines = _without_codes(screen)
    assert [line for line in lines if line != line.rstrip()] == []


# Exit status, and searches without hits


def test_search_exit_status(seeds: Cli) -> None:
    assert seeds("search", "联合声明", status=0).stdout
    assert seeds("search", "海豚音乐厅", status=1).stderr
    assert seeds("search", '"联合声明', status=2).stderr


@pytest.mark.parametrize("form", [[], ["--jsonl"], ["--paths"]])
def test_search_without_hits_prints_no_output(seeds: Cli, form: list[str]) -> None:
    ran = seeds("search", "海豚音乐厅", *form, status=1)
    assert ran.stdout == b""
    assert ran.err.startswith("No article matches (海豚 AND 音乐厅)\n")


def test_search_without_hits_counts_each_word(tides: Cli) -> None:
    ran = tides("search", "潮汐", "灯塔", "孔雀石", status=1)
    assert "  30 articles with 潮汐\n" in ran.err
    assert "  15 articles with 灯塔\n" in ran.err
    assert "  no article with 孔雀石\n" in ran.err
    assert "  30 articles with one of the words: add --any\n" in ran.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--source", "Nobody"], '  30 articles if source:"nobody" is left out\n'),
        (["--since", "2030"], "  30 articles if date:2030-01-01.. is left out\n"),
        (["--until", "1999-12"], "  30 articles if date:..1999-12-31 is left out\n"),
        (["-测站"], "  30 articles if NOT 测站 is left out\n"),
    ],
    ids=["source", "since", "until", "excluded word"],
)
def test_search_without_hits_names_the_filter(tides: Cli, args: list[str], message: str) -> None:
    assert message in tides("search", "潮汐", *args, status=1).err


def test_search_in_an_empty_index(cli: Cli) -> None:
    (cli.folder / "empty").mkdir()
    cli("index", "empty", status=1)
    ran = cli("search", "联合声明", status=1)
    assert "empty" in ran.err
    assert "newsgrep index PATH" in ran.err
    assert cli.json("search", "联合声明", status=1)["diagnosis"]["articles"] == 0


def test_search_without_hits_reports_newer_files(cli: Cli) -> None:
    write_article(cli.folder / "news" / "a.md", "雾港今晨大雾", "渡轮停航。")
    cli("index", "news")
    assert "run newsgrep index again" not in cli("search", "海豚", status=1).err
    write_article(cli.folder / "news" / "b.md", "雾港来了海豚", "海豚游进内港。")
    assert "run newsgrep index again" in cli("search", "海豚", status=1).err
    cli("index", "news")
    assert cli.found("海豚") == ["雾港来了海豚"]


# Queries


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('"', "Unclosed quote"),
        ("“联合声明", "Unclosed quote"),
        (" ", "empty"),
        ("(联合声明", "Unclosed bracket"),
        ("联合声明)", "Unmatched"),
        ("联合声明 OR", "both sides"),
        ('""', "Empty quotes"),
        ("source:", "needs a value"),
        ("date:2024-13", "months go from 1 to 12"),
        ("date:gestern", "YYYY-MM-DD"),
    ],
)
def test_query_error_shows_the_position(seeds: Cli, query: str, message: str) -> None:
    ran = seeds("search", query, status=2)
    first, *rest = ran.err.splitlines()
    assert first.startswith("newsgrep: ")
    assert message in first
    assert rest[-1].strip() == "^"
    assert ran.stdout == b""


@pytest.mark.parametrize("query", ["[{", "🐟", "… ++ *", "\\'\t水\n"])
def test_search_accepts_any_character(seeds: Cli, query: str) -> None:
    assert seeds("search", query, status=None).status in {0, 1}


def test_search_finds_emoji(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "鱼市开张", "摊主在招牌上画了一条🐟，没有写字。")
    cli("index", "a.md")
    assert cli.found("🐟") == ["鱼市开张"]
    assert cli.found("🦀") == []


def test_search_finds_a_single_character(tides: Cli) -> None:
    assert tide_numbers(tides, "灯") == set(range(0, TIDE_COUNT, 2))
    assert tide_numbers(tides, "台") == set(range(0, TIDE_COUNT, 3))


@pytest.mark.parametrize("character", ["水", "口"])
def test_search_accepts_10_000_characters(seeds: Cli, character: str) -> None:
    assert seeds("search", f'"{character * 9998}"', status=1).err.count("\n") < 40
    seeds("search", character * 10_000, status=None)
    assert seeds("search", " ".join(f"{character}{n}" for n in range(1700)), status=1).err


@pytest.mark.parametrize(
    "query",
    [
        "“联合声明”",
        "＂聯合声明＂",
        "「联合声明」",
        "『聯合聲明』",
        '"聯合聲明"',
        "聯合聲明",
    ],
)
def test_search_accepts_every_quotation_mark(seeds: Cli, query: str) -> None:
    found = seeds.found(query)
    assert len(found) == 8
    assert BRIDGE in found


def test_search_folds_width_and_case(seeds: Cli) -> None:
    assert seeds.found("ｇｐｔ") == seeds.found("GPT") == seeds.found("gpt") != []
    assert len(seeds.found('"gpt"')) == 1


def test_search_joins_arguments(tides: Cli) -> None:
    assert tides.found("潮汐", "灯塔") == tides.found("潮汐 灯塔")


def test_search_ranks_adjacent_words_first(cli: Cli) -> None:
    filler = "渡轮照常往返，码头没有排队。"
    write_article(cli.folder / "n" / "apart.md", "甲", f"鹭岛{filler}{filler}海带丰收。海带鹭岛。")
    write_article(cli.folder / "n" / "close.md", "乙", f"{filler}{filler}鹭岛海带丰收。{filler}")
    write_article(cli.folder / "n" / "half.md", "丙", f"鹭岛{filler}鹭岛{filler}鹭岛。")
    cli("index", "n")
    assert cli.found("鹭岛海带") == ["乙", "甲"]


# Filters


def test_excluded_han_words_need_no_double_dash(tides: Cli) -> None:
    even, threes = set(range(0, TIDE_COUNT, 2)), set(range(0, TIDE_COUNT, 3))
    assert tide_numbers(tides, "灯塔", "-台风") == even - threes
    assert tide_numbers(tides, "-台风", "灯塔") == even - threes
    assert tide_numbers(tides, "灯塔", '-"台风过后"') == even - threes
    assert tide_numbers(tides, "潮汐", "-(灯塔 OR 台风)") == set(range(TIDE_COUNT)) - even - threes
    assert tide_numbers(tides, "-台风") == set(range(TIDE_COUNT)) - threes
    assert tide_numbers(tides, "--", "灯塔", "-台风") == even - threes
    assert tide_numbers(tides, "灯塔", "－台风") == even - threes


def test_excluded_latin_words_need_a_double_dash(seeds: Cli) -> None:
    assert len(seeds.found("joint")) == 1
    assert seeds.found("--", "joint", "-gpt") == []


def test_search_any_and_or(tides: Cli) -> None:
    either = set(range(0, TIDE_COUNT, 2)) | set(range(0, TIDE_COUNT, 3))
    assert tide_numbers(tides, "灯塔", "台风", "--any") == either
    assert tide_numbers(tides, "灯塔 OR 台风") == either
    assert tide_numbers(tides, "灯塔", "OR", "台风") == either
    assert tide_numbers(tides, "潮汐 (灯塔 OR 台风)") == either
    assert tide_numbers(tides, "灯塔", "台风") == set(range(0, TIDE_COUNT, 6))


@pytest.mark.parametrize(
    ("names", "thirds"),
    [
        (["霧港日報"], [0]),
        (["鷺島電臺"], [1]),
        (["HARBOUR POST"], [2]),
        (["雾港", "ｐｏｓｔ"], [0, 2]),
        (["没有这家"], []),
    ],
)
def test_source_option_folds_and_repeats(tides: Cli, names: list[str], thirds: list[int]) -> None:
    options = [part for name in names for part in ("--source", name)]
    wanted = {n for n in range(TIDE_COUNT) if n % 3 in thirds}
    assert tide_numbers(tides, "潮汐", *options) == wanted


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        (["--since", "2024"], 12, 29),
        (["--since", "2024-03-16"], 15, 29),
        (["--until", "2023"], 0, 11),
        (["--until", "2023-02-14"], 0, 0),
        (["--until", "2023-02-15"], 0, 1),
        (["--since", "2023-06", "--until", "2024-02"], 5, 13),
        (["--since", "2023-12-15", "--until", "2023-12-15"], 11, 11),
    ],
)
def test_since_and_until_are_inclusive(
    tides: Cli, options: list[str], first: int, last: int
) -> None:
    assert tide_numbers(tides, "潮汐", *options) == set(range(first, last + 1))


@pytest.mark.parametrize(
    ("option", "wrong", "cure", "at"),
    [
        ("--since", "2024-13", "months go from 1 to 12", 5),
        ("--since", "17.5.2024", "YYYY-MM-DD", 0),
        ("--until", "2024-02-30", "its last is 2024-02-29", 8),
        ("--until", "2024-", "YYYY-MM-DD", 4),
        ("--until", "2024..", "until: needs an end", 4),
    ],
)
def test_invalid_date_shows_the_position(
    tides: Cli, option: str, wrong: str, cure: str, at: int
) -> None:
    ran = tides("search", "潮汐", option, wrong, status=2)
    result, shown, caret = ran.err.splitlines()
    assert cure in result
    assert shown == f"  {wrong}"
    assert caret == f"  {' ' * at}^"
    assert ran.stdout == b""


def test_since_after_until_is_an_error(tides: Cli) -> None:
    ran = tides("search", "潮汐", "--since", "2024", "--until", "2023", status=2)
    assert "swap the two dates" in ran.err


# Order and pages


def test_sort_by_date_both_ways(tides: Cli) -> None:
    oldest = [f"第{n}号公报" for n in range(TIDE_COUNT)]
    assert tides.found("潮汐", "--sort", "date", "-n", "99") == oldest
    assert tides.found("潮汐", "--sort", "-date", "-n", "99") == oldest[::-1]


def test_sort_by_date_mixes_precisions(seeds: Cli) -> None:
    hits = seeds.json("search", "联合声明", "--sort", "date", "-n", "99")["hits"]
    days = [hit["published"][:10] for hit in hits]
    assert days == sorted(days)
    assert all(date.fromisoformat(day).year >= 2023 for day in days)


@pytest.mark.parametrize("args", [["潮汐公报 号"], ["潮汐", "--sort", "-date"]])
def test_offset_pages_neither_repeat_nor_skip(tides: Cli, args: list[str]) -> None:
    whole = tides.found(*args, "-n", "99")
    pages = [
        title
        for offset in range(0, TIDE_COUNT, 11)
        for title in tides.found(*args, "-n", "11", "--offset", str(offset))
    ]
    assert len(set(whole)) == TIDE_COUNT
    assert pages == whole


def test_summary_line_shows_the_page(tides: Cli) -> None:
    ran = tides("search", "潮汐", "-n", "5", "--offset", "20")
    assert re.fullmatch(r"21–25 of 30 articles in \d+ ms", ran.lines[-1])
    assert ran.lines[0].startswith("21  ")
    hits = tides.json("search", "潮汐", "-n", "5", "--offset", "20")["hits"]
    assert [hit["rank"] for hit in hits] == [21, 22, 23, 24, 25]


def test_limit_defaults_to_ten(tides: Cli) -> None:
    assert len(tides.found("潮汐")) == 10
    ran = tides("search", "潮汐", "-n", "0")
    assert re.fullmatch(r"30 articles in \d+ ms\n", ran.out)
    result = tides.json("search", "潮汐", "-n", "0")
    assert (result["total"], result["hits"]) == (30, [])
    tides("search", "海豚音乐厅", "-n", "0", status=1)
    tides("search", "潮汐", "-n", "-1", status=2)


def test_offset_beyond_the_end_is_reported(tides: Cli) -> None:
    ran = tides("search", "潮汐", "--offset", "30", status=None)
    assert "offset" in ran.out + ran.err


def test_search_ranks_title_and_lead_first(cli: Cli) -> None:
    filler = "\n\n".join(f"码头第{n}天照常装卸，风浪不大。" for n in range(60))
    write_article(cli.folder / "n" / "1.md", "港务简报", f"{filler}\n\n海带价格没有变化。")
    write_article(cli.folder / "n" / "2.md", "海带价格创新高", filler)
    write_article(cli.folder / "n" / "3.md", "渔业周报", f"海带价格持平。\n\n{filler}")
    cli("index", "n")
    assert cli.found("海带价格") == ["海带价格创新高", "渔业周报", "港务简报"]


def test_title_match_shows_the_lead(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "海带涨价", "鹭岛市场星期五挤满了人。\n\n第二段。")
    cli("index", "a.md")
    assert "鹭岛市场星期五挤满了人。" in cli("search", "海带").out


def test_snippets_keep_the_original_script(seeds: Cli) -> None:
    out = seeds("search", "联合声明", "电车四号线").out
    assert "沿線五個街坊會同日發表聯合聲明" in out
    assert "联合声明" not in out


def test_search_without_query_is_an_error(seeds: Cli) -> None:
    ran = seeds("search", status=2)
    assert "QUERY" in ran.err
    assert "newsgrep search --help" in ran.err


def test_options_before_and_after_the_query(tides: Cli) -> None:
    before = tides.found("--source", "雾港", "潮汐")
    assert before == tides.found("潮汐", "--source", "雾港") != []


# What a page says on a terminal


def test_page_on_a_terminal_says_how_to_go_on(tides: Cli) -> None:
    _, screen = tides.on_terminal(
        "search", "潮汐", "-n", "5", "--offset", "20", "--no-pager", columns=200
    )
    assert re.search(
        r"21–25 of 30 articles in .* · next: --offset 25 · read: newsgrep show 21", screen
    )
    _, screen = tides.on_terminal(
        "search", "潮汐", "-n", "5", "--offset", "25", "--no-pager", columns=200
    )
    assert re.search(r"26–30 of 30 articles in .* · read: newsgrep show 26\b", screen)
    assert "next:" not in screen
    assert "next:" not in tides("search", "潮汐", "-n", "5").out


def test_page_after_a_token_does_not_name_an_offset(tides: Cli) -> None:
    token = tides.json("search", "潮汐", "-n", "5", "--sort", "date")["next"]
    command = ("search", "潮汐", "-n", "5", "--sort", "date", "--after", token, "--no-pager")
    _, screen = tides.on_terminal(*command, columns=200)
    assert re.search(r"6–10 of 30 articles in .* · read: newsgrep show 6\b", screen)


def test_page_names_an_index_that_was_given(tides: Cli) -> None:
    named = tides.folder / "x y"
    named.symlink_to(tides.index)
    _, screen = tides.on_terminal("search", "潮汐", "--index", "x y", "--no-pager", columns=200)
    assert "read: newsgrep show 1 --index 'x y'" in screen
    named.unlink()


@pytest.mark.parametrize("collapse", [(), ("--collapse",)])
def test_missing_file_is_marked_on_a_terminal(cli: Cli, collapse: tuple[str, ...]) -> None:
    for name in ("kept", "gone"):
        write_article(cli.folder / "news" / f"{name}.md", f"雾港 {name}", f"灯塔重新点亮 {name}。")
    cli("index", "news")
    _, before = cli.on_terminal("search", "雾港", *collapse, "--no-pager")
    assert "file not found" not in before
    (cli.folder / "news" / "gone.md").unlink()
    _, screen = cli.on_terminal("search", "雾港", *collapse, "--no-pager")
    marked = [line for line in screen.splitlines() if "file not found" in line]
    assert len(marked) == 1
    assert "gone.md" in marked[0]
    assert "file not found" not in cli("search", "雾港", *collapse).out


def test_record_of_a_present_file_is_not_marked(cli: Cli) -> None:
    record = {"title": "雾港灯塔", "body": "灯塔重新点亮，守塔人说灯油够用三年。"}
    (cli.folder / "news.jsonl").write_text(f"{json.dumps(record)}\n", "utf-8")
    cli("index", "news.jsonl")
    assert "file not found" not in cli.on_terminal("search", "雾港", "--no-pager")[1]
    (cli.folder / "news.jsonl").unlink()
    assert "file not found" in cli.on_terminal("search", "雾港", "--no-pager")[1]
