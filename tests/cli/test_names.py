"""The ways in which commands accept an article: number, id, path, address and title."""

from __future__ import annotations

import json
import os
import stat

import pytest

from tests.support.cli import Cli, write_article


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    """Return an index of three articles, two of which have almost the same title."""
    folder = cli.folder / "a"
    write_article(folder / "1.md", "码头恢复装卸", "潮汐表照常张贴。", url="https://fog.example/1")
    write_article(folder / "2.md", "码头恢复夜班", "潮汐表换了地方。", url="https://fog.example/2")
    write_article(folder / "3.md", "灯塔换灯", "潮汐之外，灯塔换了灯。", date="2024-05-18")
    cli("index", "a")
    return cli


def shown_title(cli: Cli, *names: str) -> str:
    return str(cli.json("show", *names)["title"])


def test_show_accepts_numbers_of_last_search(harbour: Cli) -> None:
    found = harbour.found("潮汐", "--sort", "date")
    harbour("search", "潮汐", "--sort", "date")
    assert [shown_title(harbour, str(n)) for n in (1, 2, 3)] == found
    harbour("search", "灯塔")
    assert shown_title(harbour, "1") == "灯塔换灯"
    assert "The last search has no hit 2" in harbour("show", "2", status=1).err


def test_numbers_are_those_on_the_screen(harbour: Cli) -> None:
    harbour("search", "潮汐", "--sort", "date", "-n", "1", "--offset", "1")
    title = harbour.found("潮汐", "--sort", "date")[1]
    assert shown_title(harbour, "2") == title
    assert "The last search has no hit 1" in harbour("show", "1", status=1).err


def test_output_for_programs_keeps_numbers(harbour: Cli) -> None:
    harbour("search", "灯塔")
    harbour("search", "码头", "--json")
    harbour("search", "码头", "--paths")
    harbour("search", "没有这个词", status=1)
    assert shown_title(harbour, "1") == "灯塔换灯"


@pytest.mark.skipif(os.name != "posix", reason="the pipe is one of bash")
@pytest.mark.parametrize("command", ["search", "list"])
def test_reader_of_the_first_lines_may_use_numbers(tides: Cli, command: str) -> None:
    ran = tides.bash(f"newsgrep {command} 灯塔 --sort date | head -n 1; newsgrep show 2 --json")
    first, _, shown = ran.out.partition("\n")
    assert "第0号公报" in first
    assert json.loads(shown)["title"] == "第2号公报"


def test_numbers_belong_to_one_index(harbour: Cli) -> None:
    write_article(harbour.folder / "b" / "1.md", "另一个索引", "潮汐。")
    harbour("index", "b", "--index", "other")
    harbour("search", "潮汐")
    assert "no hit 1" in harbour("show", "1", "--index", "other", status=1).err


def test_number_of_a_deleted_article_is_an_error(harbour: Cli) -> None:
    harbour("search", "灯塔")
    (harbour.folder / "a" / "3.md").unlink()
    harbour("index", "a")
    ran = harbour("show", "1", status=1)
    assert "Hit 1 of the last search, “灯塔换灯”, is not in the index any more" in ran.err


def test_last_search_is_private_and_may_be_damaged(harbour: Cli) -> None:
    harbour("search", "灯塔")
    file = harbour.folder / "state" / "newsgrep" / "last-search.json"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for data in (b"", b"{", b'{"version": 1}', b"\xff", b"[" * 100_000):
        file.write_bytes(data)
        harbour("show", "1", status=1)
    harbour("search", "灯塔")
    assert shown_title(harbour, "1") == "灯塔换灯"


def test_search_works_where_no_state_can_be_written(harbour: Cli) -> None:
    (harbour.folder / "state").write_text("a file")
    assert harbour("search", "灯塔").err == ""


def test_hit_has_a_short_id_that_show_accepts(harbour: Cli) -> None:
    ran = harbour("search", "灯塔")
    short = ran.lines[-3].split()[0]
    assert len(short) == 6
    assert shown_title(harbour, short) == shown_title(harbour, short.upper()) == "灯塔换灯"
    assert shown_title(harbour, short[:4]) == "灯塔换灯"
    harbour("show", short[:3], status=1)


def test_ambiguous_start_of_an_id_lists_articles(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write_article(cli.folder / "1.md", "甲", "潮汐。", url="https://fog.example/1")
    write_article(cli.folder / "2.md", "乙", "潮汐。海。", url="https://fog.example/2")
    ids = iter(("aaaabbbbcccc", "aaaaddddeeee"))
    monkeypatch.setattr("newsgrep.extraction.pipeline.article_id", lambda *_: next(ids))
    cli("index", "1.md", "2.md")
    ran = cli("show", "aaaa", status=1)
    assert "Several articles begin with aaaa. Write more of the id: " in ran.err
    assert "aaaabbbbcccc 甲" in ran.err
    assert "aaaaddddeeee 乙" in ran.err
    assert shown_title(cli, "aaaab") == "甲"


def test_show_accepts_addresses(harbour: Cli) -> None:
    for address in ("https://fog.example/2", "http://www.fog.example/2/?utm_source=rss"):
        assert shown_title(harbour, address) == "码头恢复夜班"
    assert "No article" in harbour("show", "https://fog.example/3", status=1).err


def test_show_accepts_whole_and_partial_titles(harbour: Cli) -> None:
    assert shown_title(harbour, "灯塔換燈") == "灯塔换灯"
    assert shown_title(harbour, "恢复夜班") == "码头恢复夜班"
    ran = harbour("show", "码头恢复", status=1)
    assert "Several articles have this in their title. Name the id of one: " in ran.err


def test_show_prints_several_and_names_missing_ones(harbour: Cli) -> None:
    harbour("search", "潮汐", "--sort", "date")
    whole = [harbour("show", str(n)).out for n in (1, 2, 3)]
    ran = harbour("show", "1-2", "灯塔换灯", "nothere", status=1)
    assert all(each in ran.out for each in whole)
    assert "nothere" in ran.err
    assert len(harbour.json("show", "1-3")["articles"]) == 3
    assert len(harbour("show", "1", "1", "2", "--jsonl").lines) == 2


def test_show_reads_names_from_standard_input(harbour: Cli) -> None:
    found = harbour("search", "码头", "--jsonl")
    titles = [json.loads(line)["title"] for line in found.lines]
    ran = harbour("show", "-", "--jsonl", stdin=found.stdout)
    assert [json.loads(line)["title"] for line in ran.lines] == titles
    paths = harbour("search", "码头", "--paths").stdout
    assert harbour("show", "-", "--jsonl", stdin=paths).stdout == ran.stdout
    assert "Write one per line" in harbour("show", "-", stdin=b"\n", status=2).err
    assert "not a JSON object with an id" in harbour("show", "-", stdin=b"{1", status=2).err


def test_similar_accepts_numbers(harbour: Cli) -> None:
    harbour("search", "灯塔")
    assert harbour.json("similar", "1")["to"]["title"] == "灯塔换灯"


def test_a_folder_in_a_path_makes_it_no_number(harbour: Cli) -> None:
    (harbour.folder / "1").write_text(
        "标题：七号文件\n\n潮汐表照常张贴。灯塔守望者记下了水位。", "utf-8"
    )
    harbour("index", "a", "1")
    harbour("search", "灯塔换灯")
    assert shown_title(harbour, "1") == "灯塔换灯"
    assert harbour("show", "./1", status=None).out != harbour("show", "1").out


def test_number_without_a_hit_is_not_a_title(cli: Cli) -> None:
    write_article(cli.folder / "a" / "1.md", "第99号灯塔", "雾散了。")
    cli("index", "a")
    cli("search", "灯塔")
    assert "The last search has no hit 99." in cli("show", "99", status=1).err
    assert "雾散了" in cli("show", "第99号").out
