"""Text from articles and file names is hostile: it is printed without effect on the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from newsgrep.indexing.folder import FolderIndex
from newsgrep.models import Article
from tests.support.cli import Cli
from tests.support.factories import make_article, upsert

MARKUP = "[bold red]雾港[/bold red] [link=https://evil.example]x[/link]"
HOSTILE = (
    "\x1b[5;7m闪烁\x1b[0m",
    "\x9b5;7m八位",
    "\x1b]0;夺取标题\x07",
    "\x1b]8;;https://evil.example/\x1b\\点我\x1b]8;;\x1b\\",
    "\u202e反转\u202c\u2066隔离\u2069\u200f",
    "响铃\x07退格\x08\x08回车\r删除\x7f",
    "行\x85分\u2028段\u2029",
    MARKUP,
)


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep with articles of all formats that contain control characters and markup."""
    cli = Cli(tmp_path_factory.mktemp("trap"))
    folder = cli.folder / "n"
    folder.mkdir()
    filler = "渡轮照常往返，码头没有排队。" * 20
    for number, text in enumerate(HOSTILE):
        head = f"陷阱{number} {text} 尾\n\n2024年5月17日\n\n"
        plain = f"{head}陷阱正文{number}：{text}。海带三筐。{filler}\n"
        (folder / f"plain{number}.txt").write_text(plain, "utf-8", newline="")
        link = f"<!--1715768431000-->\n[陷阱{number} {text}](https://a.example/{number})\n"
        page = f"{link}------\n\n<p>陷阱网页{number}：{text}。海带三筐。{filler}</p>\n"
        (folder / f"link{number}.txt").write_text(page, "utf-8", newline="")
    yaml = r"""---
title: "陷阱前言 \e[5;7m \e]0;夺取\a \N{RIGHT} [bold red]x[/]"
source: "\e[5;7m雾港\x9b日报[red]\u202e"
author: "\e]8;;https://evil.example/\a麦\u202e听潮"
from: "https://a.example/\e[5;7m\u202e"
date: 2024-05-17
tags: ["\e[5;7m海带"]
---

陷阱正文：海带三筐。
""".replace(r"\N{RIGHT}", r"\u202e")
    (folder / "yaml.md").write_text(yaml, "utf-8")
    (folder / "\x1b[5;7m红\u202e\n[bold]名.txt").write_text("陷阱文件名\n\n海带三筐。\n", "utf-8")
    (folder / "\x1b[5;7m空.txt").write_bytes(b"")
    (folder / "\x1b[5;7m图.jpg").write_bytes(b"x")
    cli("index", "n")
    return cli


NAMES = (
    "行\n二.md",
    "\x1b[5;7m红\x1b[0m.md",
    "反\u202edm.转",
    "零\u200b宽\ufeff.md",
    "\x9b5m.md",
    "引'号\\\t.md",
    "标\U000e0041签\xad.md",
)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep with files whose names contain line breaks and invisible characters."""
    cli = Cli(tmp_path_factory.mktemp("names"))
    (cli.folder / "n").mkdir()
    for name in NAMES:
        link = f"{name}.link.md"
        (cli.folder / "n" / f"{name}.md").write_text(f"海带\n\n海带三筐。{name}\n", "utf-8")
        (cli.folder / "n" / link).symlink_to("/dev/null")
        (cli.folder / "n" / f"{name}.jpg").write_bytes(b"x")
        (cli.folder / "n" / f"{name}.txt").write_bytes(b"")
    cli("index", "n")
    return cli


def controls(text: str) -> set[str]:
    return {
        character
        for character in text
        if unicodedata.category(character) in {"Cc", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in BIDI_CONTROLS
    } - {"\n"}


def invisible(text: str) -> set[str]:
    return {each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp"}}


BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# What newsgrep itself sends to a terminal: a few fixed styles, and links to the web.
OWN_CODES = re.compile(
    r"\x1b\[(?:0|1|2|1;31|36)m|\x1b\]8;(?:id=\d+;https?://[^\x00- \x7f-\x9f]+|;)\x1b\\"
)


def test_search_pipes_no_control_characters(trap: Cli) -> None:
    ran = trap("search", "海带", "-n", "99", "--color", "never")
    assert ran.out.count("陷阱") > len(HOSTILE)
    assert controls(ran.out) == set()
    assert ran.lines[-1].startswith(f"{2 * len(HOSTILE) + 2} articles")


def test_search_colors_contain_own_codes_only(trap: Cli) -> None:
    out = trap("search", "海带", "-n", "99", "--color", "always").out
    assert len(OWN_CODES.findall(out)) > len(HOSTILE)
    assert controls(OWN_CODES.sub("", out)) == set()
    assert "\x1b]8;;https://evil.example" not in out


def test_search_prints_markup_literally(trap: Cli) -> None:
    for color in ("never", "always"):
        out = trap("search", "陷阱7", "-n", "99", "--color", color).out
        shown = OWN_CODES.sub("", out).replace("\n", "")
        assert "[bold red]" in shown
        assert "[/bold red]" in shown
        assert "[link=https://evil.example]x[/link]" in re.sub(r" {2,}", "", shown)


def test_show_stats_and_errors_are_sanitized(trap: Cli) -> None:
    for path in sorted((trap.folder / "n").glob("[ly]*[0137l].*")):
        ran = trap("show", path, "--color", "always", "--match", "海带")
        assert "海带" in ran.out
        assert controls(OWN_CODES.sub("", ran.out)) == set(), path.name
    assert controls(trap("stats").out) == set()
    ran = trap("search", "海豚\x1b[5;7m\u202e", "--source", "\x1b[5;7m", status=1)
    assert controls(ran.err) == set()
    assert controls(trap("show", "\x1b[5;7m\u202e无此文", status=1).err) == set()
    assert controls(trap("search", '"\x1b[5;7m\u202e', status=2).err) == set()
    assert controls(trap("search", "海带", "--since", "\x1b[5;7m", status=2).err) == set()
    assert controls(trap("search", "海带", "--index", "\x1b[5;7m", status=2).err) == set()


def test_extract_sanitizes_claims_and_blocks(trap: Cli) -> None:
    files = [str(path) for path in sorted((trap.folder / "n").iterdir()) if path.suffix != ".jpg"]
    for color in ("never", "always"):
        ran = trap("extract", *files, "--explain", "--color", color, status=None)
        assert ran.out.count("陷阱") > len(HOSTILE)
        assert controls(OWN_CODES.sub("", ran.out + ran.err)) == set()


def test_index_sanitizes_file_names(trap: Cli, tmp_path: Path) -> None:
    ran = trap("index", "n", "--index", str(tmp_path / "again"))
    assert "空.txt" in ran.err
    assert "图.jpg" in ran.err
    assert controls(ran.out + ran.err) == set()
    assert controls(trap("index", "\x1b[5;7m无", status=2).err) == set()


def test_paths_are_one_visible_line_each(names: Cli) -> None:
    raw = names("search", "海带", "--paths", "-0", "-n", "99").out.split("\0")[:-1]
    assert {Path(path).name for path in raw} == {f"{name}.md" for name in NAMES}
    out = names("search", "海带", "--paths", "-n", "99").out
    assert out.count("\n") == len(NAMES)
    assert invisible(out) == {"\n"}
    script = "newsgrep search 海带 --paths -n 99 | while read -r path; do eval cat $path; done"
    assert names.bash(script).out.count("海带三筐") == len(NAMES)


@pytest.mark.parametrize(
    "command",
    ["search 海带", "search 海带 --csv", "kwic 海带 --csv", "similar {}", "show {}", "extract {}"],
)
def test_commands_print_names_visibly(names: Cli, command: str) -> None:
    args = command.format("n/" + NAMES[0] + ".md").split(" ")
    ran = names(*args)
    assert invisible(ran.out + ran.err) <= {"\n"}


def test_messages_print_names_on_their_line(names: Cli, tmp_path: Path) -> None:
    for name in NAMES:
        for args in (
            ("index", f"n/{name}"),
            ("show", f"n/{name}"),
            ("similar", f"n/{name}"),
            ("extract", f"n/{name}"),
            ("extract", f"n/{name}.txt"),
            ("batch", f"n/{name}"),
            ("search", "海带", "--index", f"n/{name}"),
            ("timeline", "海带", "--svg", f"n/{name}/x"),
            ("search", f"--{name}"),
            ("saved", "show", name),
        ):
            ran = names(*args, status=None)
            assert ran.status in {1, 2}
            assert invisible(ran.out + ran.err) <= {"\n"}, args
            assert not any(line.startswith("二") for line in ran.err.splitlines())
    again = names("index", "n", "--index", tmp_path / "again")
    assert invisible(again.out + again.err) <= {"\n"}
    assert not any(line.startswith("二") for line in again.err.splitlines())


def test_json_escapes_control_characters(trap: Cli) -> None:
    for form in ("--json", "--jsonl"):
        assert controls(trap("search", "海带", "-n", "99", form).out) == set()


# An index that somebody else made: its texts were not cleaned when they were indexed


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep with an index whose articles have hostile characters in every field."""
    cli = Cli(tmp_path_factory.mktemp("foreign"))
    (cli.folder / "n").mkdir()
    (cli.folder / "n" / "a.md").write_text("海带\n\n海带三筐。\n", "utf-8")
    cli("index", "n")
    with FolderIndex(cli.index).open() as engine:
        engine.write(upsert(article) for article in hostile_articles())
    cli("saved", "add", "kelp", "海带")
    return cli


def hostile_articles() -> Iterator[Article]:
    for number, text in enumerate((*HOSTILE, "行\n二\t三")):
        for part in "ab":
            yield make_article(
                f"trap{number}{part}",
                f"海带{text}{number}",
                f"{text}海带{text}三筐。\n\n{text}",
                source=f"{text}报",
                date="2024-05-17",
                authors=[f"{text}记者"],
                tags=[f"{text}标签"],
                captions=[f"{text}海带图"],
                url=f"https://a.example/{text}",
                left_out=[(f"海带{text}", f"规则{text}")],
                path=f"/n/{text}.md",
            )


@pytest.mark.parametrize("color", ["--color=never", "--color=always"])
@pytest.mark.parametrize(
    "command",
    [
        "search 海带 -n 99",
        "search 海带 -n 99 --collapse",
        "search 海带 -n 99 --explain --facets source,month,day,author,tag",
        "search everything:海带 -n 99",
        "show trap0a --all --match 海带",
        "show trap6a --all",
        "kwic everything:海带",
        "timeline 海带 --per source --top 99",
        "keywords 海带",
        "keywords trap2a",
        "similar trap0a",
        "compare 海带 --sources 闪烁,八位",
        "stats",
        "new --all --peek",
    ],
)
def test_foreign_index_prints_no_control_characters(foreign: Cli, command: str, color: str) -> None:
    colored = [] if command == "stats" else [color]
    ran = foreign(*command.split(" "), *colored, status=None)
    assert ran.status in {0, 1}
    assert controls(OWN_CODES.sub("", ran.out + ran.err)) == set()


def test_foreign_index_charts_are_valid_xml(foreign: Cli) -> None:
    out = foreign("timeline", "海带", "--per", "source", "--top", "99", "--svg", "-").out
    assert etree.fromstring(out.encode()).tag.endswith("svg")
    assert controls(out) == set()
