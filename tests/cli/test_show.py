"""``newsgrep show``, ``newsgrep stats``, help and completion."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from newsgrep import __version__
from newsgrep.analysis.characters import fold
from newsgrep.cli.main import COMMANDS
from tests.support.cli import REPOSITORY, Cli, write_article

ESCAPE = "\x1b"
GOLD: list[dict[str, Any]] = json.loads(
    (REPOSITORY / "tests" / "fixtures" / "seeds_gold.json").read_text("utf-8")
)["articles"]
KEPT = [article for article in GOLD if article.get("wins") is not False]


# show


def test_show_finds_by_id_and_path(seeds: Cli) -> None:
    hit = seeds.json("search", '"大桥通车日"')["hits"][0]
    result = seeds.json("show", hit["id"])
    assert result["title"] == hit["title"]
    assert result == seeds.json("show", hit["path"])
    relative = f"seeds/{hit['path'].rpartition('/')[2]}"
    assert result == seeds.json("show", relative) == seeds.json("show", f"./seeds/../{relative}")
    assert result["version"] == 1
    assert result["captions"]
    assert {
        name: result[name] for name in ("url", "source", "published", "tags", "provenance")
    } == {name: hit[name] for name in ("url", "source", "published", "tags", "provenance")}


def test_show_prints_the_whole_article(seeds: Cli) -> None:
    result = seeds.json("show", "seeds/tram-line-4.html")
    ran = seeds("show", "seeds/tram-line-4.html")
    assert ran.lines[0] == result["title"]
    assert "2024-09-09 17:42 +08:00" in ran.lines[1]
    assert result["url"] in ran.out
    assert "seeds/tram-line-4.html" in ran.out
    assert result["body"] in ran.out
    assert all(caption in ran.out for caption in result["captions"])
    assert ESCAPE not in ran.out


def test_show_match_highlights(seeds: Cli) -> None:
    ran = seeds("show", "seeds/tram-line-4.html", "--match", "联合声明", "--color", "always")
    body = seeds.json("show", "seeds/tram-line-4.html")["body"]
    marked = re.findall(r"\x1b\[1;31m([^\x1b]*)\x1b\[0m", ran.out)
    assert {fold(text) for text in marked} == {"联合声明"}
    assert len(marked) == 1 + body.count("聯合聲明")
    plain = seeds("show", "seeds/tram-line-4.html", "--match", "联合声明")
    assert ESCAPE not in plain.out
    assert "Unclosed quote" in seeds("show", "x", "--match", '"联合', status=2).err


def test_show_by_number_highlights_the_last_search(seeds: Cli) -> None:
    seeds("search", "联合声明")
    ran = seeds("show", "1", "--color", "always")
    assert "\x1b[1;31m联合声明\x1b[0m" in ran.out
    assert "\x1b[1;31m" not in seeds("show", "seeds/tram-line-4.html", "--color", "always").out
    ran = seeds("show", "1-2", "--match", "湿地", "--color", "always")
    assert "\x1b[1;31m湿地\x1b[0m" in ran.out
    assert "\x1b[1;31m联合声明" not in ran.out
    seeds("search", "--literal", '"', status=None)
    seeds("search", "-E", '联合"?声明')  # a pattern that is not a query
    assert "\x1b[1;31m" not in seeds("show", "1", "--color", "always").out


def test_show_match_spans_paragraphs(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "海带", "海带一筐。\n\n没有。\n\n两筐海带，三筐海带。")
    cli("index", "a.md")
    ran = cli("show", "a.md", "--match", "海带", "--color", "always")
    assert len(re.findall(r"\x1b\[1;31m海带\x1b\[0m", ran.out)) == 4


@pytest.mark.parametrize("name", ["nothere12345", "seeds/nothere.txt", "", "海带"])
def test_show_unknown_article_names_the_next_step(seeds: Cli, name: str) -> None:
    ran = seeds("show", name, status=1)
    assert ran.stdout == b""
    assert "newsgrep search --json" in ran.err


def test_show_duplicate_path_shows_the_article(seeds: Cli) -> None:
    kept = seeds.json("show", "seeds/2024-07-09-澜江洪峰夜过汀海.md")
    assert seeds.json("show", "seeds/010_e85f2c61b90d7743.txt") == kept


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_show_uses_a_pager_on_a_terminal(seeds: Cli, env: dict[str, str]) -> None:
    name = "seeds/tram-line-4.html"
    status, screen = seeds.on_terminal("show", name, env={"PAGER": "sed s/^/@/", **env})
    assert status == 0
    plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", screen)
    assert plain.startswith("@電車四號線復駛")
    assert "Piece" not in plain
    assert (ESCAPE in screen) == (not env)
    status, screen = seeds.on_terminal("show", name, "--no-pager", env={"PAGER": "false", **env})
    assert status == 0
    assert "電車四號線復駛" in screen
    assert (ESCAPE in screen) == (not env)


def test_show_sets_less_for_colours(seeds: Cli) -> None:
    pager = "sh -c 'echo less [$LESS]; cat'"
    _, screen = seeds.on_terminal("show", "seeds/tram-line-4.html", env={"PAGER": pager})
    assert re.search(r"less \[.*R.*\]", screen)
    env = {"PAGER": pager, "LESS": "-FX", "NO_COLOR": "1"}
    _, screen = seeds.on_terminal("show", "seeds/tram-line-4.html", env=env)
    assert "less [-FX]" in screen


# stats


def test_stats_numbers_add_up(seeds: Cli) -> None:
    result = seeds.json("stats")
    assert result["version"] == 1
    assert result["articles"] == len(KEPT)
    assert result["files"] == {"duplicate": len(GOLD) - len(KEPT), "indexed": len(KEPT)}
    assert sum(result["sources"].values()) == len(KEPT)
    assert sum(result["months"].values()) + result["undated"] == len(KEPT)
    assert result["bytes"] == sum(
        path.stat().st_size for path in seeds.index.rglob("*") if path.is_file()
    )
    assert result["engine"] == "whoosh"
    assert result["made_by"] == __version__
    assert result["fingerprint"]


def test_stats_counts_sources_and_months(seeds: Cli) -> None:
    result = seeds.json("stats")
    assert result["months"] == dict(
        sorted(Counter(article["published"][:7] for article in KEPT).items())
    )
    assert (result["oldest"], result["newest"]) == ("2023-03-05", "2026-02-23")
    assert result["sources"]["The Egret Courier"] == 1


def test_stats_text_equals_json(seeds: Cli, tides: Cli) -> None:
    out = seeds("stats").out
    assert re.search(r"^articles +16$", out, re.MULTILINE)
    assert re.search(r"^files +1 duplicate, 16 indexed$", out, re.MULTILINE)
    assert re.search(r"^published +2023-03-05 to 2026-02-23$", out, re.MULTILINE)
    out = tides("stats").out
    assert re.search(r"^by year +2023 to 2025, most in 202\d: 1\d$", out, re.MULTILINE)
    assert re.search(r"^sources +3$", out, re.MULTILINE)
    assert re.search(r"^ +10  雾港日报$", out, re.MULTILINE)
    assert re.search(r"^engine +whoosh, created by newsgrep ", out, re.MULTILINE)
    assert re.search(r"^fingerprint  ", out, re.MULTILINE)


# Help, version, completion


@pytest.mark.parametrize(
    "command", ["index", "search", "show", "similar", "keywords", "compare", "stats"]
)
def test_help_has_examples_and_describes_options(cli: Cli, command: str) -> None:
    ran = cli(command, "--help")
    assert ran.out.startswith(f"Usage: newsgrep {command}")
    examples = re.findall(rf"^ +(?:.*\| )?newsgrep {command}\b.*$", ran.out, re.MULTILINE)
    assert len(examples) >= 2
    options = "".join(
        re.findall(r"^(?:[A-Z][a-z ]+|Options):\n((?:  .*\n)+)", ran.out, re.MULTILINE)
    )
    assert re.findall(r"^  -\S.*?(?: {2,}\S|$)", options, re.MULTILINE)
    for entry in re.split(r"\n(?=  -)", options.strip("\n")):
        assert re.search(r"\S {2,}\S|\n {4,}\S", entry), f"says nothing: {entry}"
    assert max(map(len, ran.lines)) <= 100


def test_main_help_lists_commands(cli: Cli) -> None:
    ran = cli("--help")
    assert ran.out == cli("-h").out
    assert "newsgrep index seeds/" in ran.out
    assert "newsgrep search 联合声明" in ran.out
    for command in ("index", "search", "show", "similar", "keywords", "compare", "stats"):
        assert re.search(rf"^  {command}  +[A-Z].*\.$", ran.out, re.MULTILINE)
    assert "Exit status" in ran.out
    assert "Usage:" in cli(status=None).out + cli(status=None).err


def test_unknown_command_or_option_is_an_error(cli: Cli) -> None:
    assert "Did you mean: newsgrep search?" in cli("serch", status=2).err
    assert "Did you mean --color?" in cli("search", "--colour", "x", status=2).err


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"newsgrep, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_for_each_shell(cli: Cli, shell: str) -> None:
    ran = cli(env={"_NEWSGREP_COMPLETE": f"{shell}_source"})
    assert "_NEWSGREP_COMPLETE" in ran.out
    assert ran.stderr == b""


def test_completion_of_commands_and_options(cli: Cli) -> None:
    def completed(words: str, at: int) -> list[str]:
        env = {
            "_NEWSGREP_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(at),
        }
        return [line.partition(",")[2] for line in cli(env=env).lines]

    assert completed("newsgrep s", 1) == [name for name in COMMANDS if name.startswith("s")]
    assert completed("newsgrep search --so", 2) == ["--source", "--sort"]
    assert completed("newsgrep search --sort ", 3) == ["relevance", "date", "-date"]
