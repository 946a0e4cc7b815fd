"""``newsgrep index``: which files are read, listed and refused."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import IGNORES_MODES, Cli, CommandResult, write_article

OUTCOMES = ("added", "updated", "unchanged", "duplicate", "rejected", "failed")


def index(cli: Cli, *args: str, status: int = 0) -> dict[str, Any]:
    """Index, check that the summary adds up, and return its non-zero numbers."""
    result: dict[str, Any] = cli.json("index", *args, status=status)
    assert sum(result[outcome] for outcome in OUTCOMES) == result["seen"]
    for outcome in ("duplicate", "rejected", "failed"):
        assert len(result["files"][outcome]) == result[outcome]
        assert all(listed["path"] and listed["reason"] for listed in result["files"][outcome])
    return {name: result[name] for name in (*OUTCOMES, "removed") if result[name]}


def three(cli: Cli) -> Path:
    folder = cli.folder / "n"
    for name, title in (("a", "甲岛开渔"), ("b", "乙岛休渔"), ("c", "丙岛造船")):
        write_article(folder / f"{name}.md", title, f"{title}的消息。渡轮照常。")
    return folder


def all_titles(cli: Cli) -> set[str]:
    return set(cli.found("渡轮", "-n", "99"))


# The summary


def test_index_summary_counts_every_file_once(cli: Cli) -> None:
    folder = three(cli)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "picture.jpg").write_bytes(b"x")
    (folder / ".hidden.md").write_text("x")
    write_article(folder / "d.md", "丁岛停电", "停电一夜。", url="https://fog.example/d")
    write_article(folder / "e.md", "丁岛停电", "停电一夜。又一夜。", url="https://fog.example/d")
    ran = cli("index", "n")
    (line,) = ran.lines
    assert line.startswith("6 files seen: 4 added, 1 duplicate, 1 without article text; ")
    assert re.search(r"; 4 articles in index, \d+\.\d s$", line)
    assert re.search(r"^rejected: n/empty\.txt: \S", ran.err, re.MULTILINE)
    assert re.search(r"^duplicate: n/d\.md: .*e\.md", ran.err, re.MULTILINE)
    assert re.search(r"^skipped: n/picture\.jpg: .*\.jpg", ran.err, re.MULTILINE)
    assert "hidden" not in ran.err
    result = cli.json("index", "n", "--index", "other")
    assert result["version"] == 1
    assert (result["seen"], result["added"], result["duplicate"], result["rejected"]) == (
        6,
        4,
        1,
        1,
    )
    assert [Path(item["path"]).name for item in result["files"]["rejected"]] == ["empty.txt"]
    assert [Path(item["path"]).name for item in result["files"]["duplicate"]] == ["d.md"]
    assert [Path(item["path"]).name for item in result["skipped"]["format"]] == ["picture.jpg"]
    assert [Path(item["path"]).name for item in result["skipped"]["hidden"]] == [".hidden.md"]


def test_quiet_prints_nothing_but_unreadable_files(cli: Cli) -> None:
    folder = three(cli)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "picture.jpg").write_bytes(b"x")
    for _ in range(2):
        ran = cli("index", "-q", "n")
        assert (ran.out, ran.err) == ("", "")
    ran = cli("index", "--quiet", "n", "n/a\0b", status=2)
    assert ran.out == ""
    assert re.fullmatch(r"unreadable: \S+: cannot be read: .+\n", ran.err)


def test_unchanged_run_prints_only_its_summary(cli: Cli) -> None:
    folder = three(cli)
    (folder / ".DS_Store").write_bytes(b"x")
    cli("index", ".")
    ran = cli("index", ".")
    assert ran.err == ""
    assert ran.out.startswith("3 files seen: 3 unchanged; 3 articles in index, ")


def test_summary_is_the_last_line_on_a_terminal(cli: Cli) -> None:
    folder = three(cli)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "picture.jpg").write_bytes(b"x")
    _, screen = cli.on_terminal("index", "n", "--jobs", "1")
    assert "rejected: n/empty.txt" in screen
    assert screen.splitlines()[-1].startswith("4 files seen: 3 added, 1 without article text")


def test_index_shows_progress_on_a_terminal(cli: Cli, many_files: Path) -> None:
    folder = cli.folder / "many"
    folder.mkdir()
    for path in sorted(many_files.iterdir())[:300]:
        shutil.copy(path, folder)
    status, screen = cli.on_terminal("index", "many", "--jobs", "1")
    assert status == 0
    assert re.search(r"━.*\b\d+/300\b", screen)
    assert "300 files seen: 300 added" in screen


def test_index_continues_after_a_bad_file(cli: Cli) -> None:
    folder = three(cli)
    (folder / "aa.html").write_bytes(b"\xff\xfe\x00" + bytes(range(256)) * 20)
    (folder / "ab.md").write_bytes(b"---\n: : [\n---\n")
    (folder / "ac.html").write_bytes(b"<div>" * 50_000)
    (folder / "ad.txt").write_bytes(b"\0" * 1000)
    result = cli.json("index", "n", status=0)
    assert result["seen"] == 7
    assert all_titles(cli) >= {"甲岛开渔", "乙岛休渔", "丙岛造船"}


# Indexing again


def test_index_applies_new_changed_and_removed_files(cli: Cli) -> None:
    folder = three(cli)
    assert index(cli, "n") == {"added": 3}
    assert index(cli, "n") == {"unchanged": 3}
    assert cli.json("stats")["articles"] == cli.json("index", "n")["articles"] == 3
    write_article(folder / "d.md", "丁岛停电", "渡轮停航。")
    write_article(folder / "a.md", "甲岛开渔", "渡轮增开两班，海带上市。")
    (folder / "c.md").unlink()
    assert index(cli, "n") == {"added": 1, "updated": 1, "unchanged": 1, "removed": 1}
    assert all_titles(cli) == {"甲岛开渔", "乙岛休渔", "丁岛停电"}
    assert cli.found("海带") == ["甲岛开渔"]
    assert cli.found("甲岛", '"的消息"') == []
    assert cli.found("造船") == []


def test_index_skips_unchanged_files(cli: Cli) -> None:
    folder = three(cli)
    index(cli, "n")
    path = folder / "a.md"
    before = path.stat()
    text = path.read_text("utf-8").replace("渡轮照常", "渡轮停航")
    path.write_text(text, "utf-8")
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert index(cli, "n") == {"unchanged": 3}
    assert cli.found('"渡轮停航"') == []
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert index(cli, "n") == {"updated": 1, "unchanged": 2}
    assert cli.found('"渡轮停航"') == ["甲岛开渔"]


def test_index_remembers_rejected_files(cli: Cli) -> None:
    folder = three(cli)
    (folder / "d.txt").write_bytes(b"")
    assert index(cli, "n") == {"added": 3, "rejected": 1}
    assert index(cli, "n") == {"unchanged": 3, "rejected": 1}
    (folder / "d.txt").write_text("丁岛停电\n\n渡轮停航。\n", "utf-8")
    assert index(cli, "n") == {"added": 1, "unchanged": 3}
    (folder / "d.txt").write_bytes(b"")
    assert index(cli, "n") == {"unchanged": 3, "rejected": 1, "removed": 1}
    (folder / "d.txt").unlink()
    assert index(cli, "n") == {"unchanged": 3}
    assert cli.json("stats")["files"] == {"indexed": 3}


def test_index_no_prune_keeps_articles(cli: Cli) -> None:
    folder = three(cli)
    index(cli, "n")
    (folder / "c.md").unlink()
    assert index(cli, "n", "--no-prune") == {"unchanged": 2}
    assert "丙岛造船" in all_titles(cli)
    assert index(cli, "n") == {"unchanged": 2, "removed": 1}
    assert "丙岛造船" not in all_titles(cli)


def test_index_asks_for_prune_if_half_is_gone(cli: Cli) -> None:
    folder = three(cli)
    write_article(folder / "d.md", "丁岛停电", "渡轮停航。")
    index(cli, "n")
    titles = all_titles(cli)
    shutil.move(folder, cli.folder / "away")
    folder.mkdir()
    write_article(folder / "e.md", "戊岛新校", "渡轮接送学生。")
    ran = cli("index", "n", status=2)
    assert "4 of the 4 indexed files" in ran.err
    assert "--prune" in ran.err
    assert "--no-prune" in ran.err
    assert ran.stdout == b""
    assert all_titles(cli) == titles
    shutil.rmtree(folder)
    cli("index", "n", status=2)
    assert all_titles(cli) == titles
    (cli.folder / "away").rename(folder)
    for name in ("a", "b"):
        (folder / f"{name}.md").unlink()
    assert index(cli, "n") == {"unchanged": 2, "removed": 2}
    shutil.rmtree(folder)
    assert index(cli, "n", "--prune") == {"removed": 2}


def test_index_prunes_under_its_paths_only(cli: Cli) -> None:
    three(cli)
    for name in ("n2", "m"):
        write_article(cli.folder / name / "x.md", f"{name}岛来信", "渡轮带来邮件。")
    index(cli, "n", "n2", "m")
    shutil.rmtree(cli.folder / "n2")
    (cli.folder / "n" / "a.md").unlink()
    assert index(cli, "n") == {"unchanged": 2, "removed": 1}
    assert "n2岛来信" in all_titles(cli)
    assert index(cli, "n/b.md") == {"unchanged": 1}
    assert len(all_titles(cli)) == 4


def test_index_resolves_relative_paths(cli: Cli) -> None:
    three(cli)
    index(cli, "n")
    assert index(cli, "./n/../n") == {"unchanged": 3}
    ran = Cli(cli.folder / "n")("index", ".", "--index", "../index")
    assert ran.lines[0].startswith("3 files seen: 3 unchanged; ")


# Paths


def test_index_missing_path_changes_nothing(cli: Cli) -> None:
    folder = three(cli)
    index(cli, "n")
    write_article(folder / "d.md", "丁岛停电", "渡轮停航。")
    ran = cli("index", "n", "nowhere", status=2)
    assert "nowhere" in ran.err
    assert "丁岛停电" not in all_titles(cli)


def test_index_missing_path_creates_no_index(cli: Cli) -> None:
    cli("index", "nowhere", status=2)
    assert not cli.index.exists()
    assert "newsgrep index PATH" in cli("search", "渡轮", status=2).err


@pytest.mark.parametrize("end", [b"\n", b"\0"], ids=["newline", "NUL"])
def test_index_dash_reads_paths_from_stdin(cli: Cli, end: bytes) -> None:
    three(cli)
    odd = write_article(cli.folder / "n" / "有 空格\t的.md", "戊岛新校", "渡轮接送学生。")
    listed = end.join([b"n/a.md", os.fsencode(odd), b""])
    ran = cli("index", "-", stdin=listed)
    assert ran.lines[0].startswith("2 files seen: 2 added; ")
    assert all_titles(cli) == {"甲岛开渔", "戊岛新校"}
    ran = cli("index", "-", "n/b.md", stdin=b"n/c.md")
    assert ran.lines[0].startswith("2 files seen: 2 added; ")
    assert len(all_titles(cli)) == 4


def test_index_empty_path_list_is_an_error(cli: Cli) -> None:
    assert "empty" in cli("index", "-", status=2).err
    assert "PATH" in cli("index", status=2).err
    assert not cli.index.exists()


def test_index_path_list_removes_nothing_else(cli: Cli) -> None:
    three(cli)
    index(cli, "n")
    cli("index", "-", stdin=b"n/a.md\n")
    assert len(all_titles(cli)) == 3


def test_index_lists_special_files(cli: Cli) -> None:
    folder = three(cli)
    os.mkfifo(folder / "pipe.txt")
    (folder / "nothing.html").symlink_to("nowhere")
    (folder / "loop").symlink_to(".")
    (folder / "round.md").symlink_to("round.md")
    (folder / "folder.html").mkdir()
    (folder / "linked.md").symlink_to("a.md")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket may not be long
        try:
            listener.bind("socket.txt")
        finally:
            os.chdir(here)
    result = cli.json("index", "n")
    assert (result["seen"], result["added"]) == (3, 3)
    listed = {
        Path(item["path"]).name: kind for kind, items in result["skipped"].items() for item in items
    }
    assert listed == {
        "pipe.txt": "special",
        "socket.txt": "special",
        "nothing.html": "missing",
        "loop": "loop",
        "round.md": "loop",
    }
    ran = cli("index", "n")
    for name in listed:
        assert f"n/{name}: " in ran.err


@pytest.mark.skipif(IGNORES_MODES, reason="root reads every file")
def test_index_keeps_articles_of_unreadable_files(cli: Cli) -> None:
    folder = three(cli)
    index(cli, "n")
    path = folder / "a.md"
    path.chmod(0)
    os.utime(path)
    result = cli.json("index", "n", status=2)
    assert (result["failed"], result["unchanged"]) == (1, 2)
    assert "甲岛开渔" in all_titles(cli)
    path.chmod(0o600)
    assert index(cli, "n") == {"updated": 1, "unchanged": 2}


# Location of the index


def test_index_location_from_option_or_environment(cli: Cli) -> None:
    three(cli)
    cli("index", "n", env={"NEWSGREP_INDEX": "by env"})
    assert (cli.folder / "by env" / "newsgrep.json").is_file()
    cli("index", "n/a.md", "--index", "deep/by option", env={"NEWSGREP_INDEX": "by env"})
    assert not cli.index.exists()
    ran = cli("search", "渡轮", "--paths", env={"NEWSGREP_INDEX": "by env"})
    assert len(ran.lines) == 3
    assert cli.found("渡轮", "--index", "deep/by option") == ["甲岛开渔"]


def test_index_refuses_a_folder_with_other_files(cli: Cli) -> None:
    folder = three(cli)
    before = sorted(folder.iterdir())
    ran = cli("index", "n", "--index", "n", status=2)
    assert "other files" in ran.err
    assert sorted(folder.iterdir()) == before
    ran = cli("index", "n", "--index", "n/a.md", status=2)
    assert "is a file" in ran.err
    ran = cli("index", "n", "--index", "n/a.md/index", status=2)
    assert "--index" in ran.err or "name a folder" in ran.err
    assert sorted(folder.iterdir()) == before


def test_index_accepts_a_folder_with_gitignore(cli: Cli) -> None:
    three(cli)
    cli.index.mkdir()
    (cli.index / ".gitignore").write_text("*\n")
    assert index(cli, "n") == {"added": 3}
    assert (cli.index / ".gitignore").read_text() == "*\n"


# One article in two files


def duplicates(ran: CommandResult) -> dict[str, str]:
    result = json.loads(ran.stdout)
    return {Path(item["path"]).name: item["reason"] for item in result["files"]["duplicate"]}


def rivals(cli: Cli) -> Path:
    """Write one article in three files: fetched early, late, and at an unknown time."""
    folder = cli.folder / "n"
    url = "https://fog.example/ferry?utm_source=feed"
    for name, fetched, text in (
        ("1-early.md", 1715768431000, "渡轮早报。比晚到的那一份长得多，多一段海带。"),
        ("2-late.md", 1715854831000, "渡轮晚报。"),
        ("3-never.md", None, "渡轮无时。另一段也很长很长很长很长很长很长很长很长很长很长。"),
    ):
        text += "从鹭岛到望津市的渡轮下月起改在清晨六点和傍晚七点开船，船票照旧在码头的窗口买。"
        head = f"<!--{fetched}-->\n[渡轮改点]({url})\n------\n\n" if fetched else ""
        write_article(folder / name, "渡轮改点", f"{head}<p>{text}</p>", url=url)
    return folder


def test_index_prefers_the_later_fetched_duplicate(cli: Cli) -> None:
    folder = rivals(cli)
    reasons = duplicates(cli("index", "n", "--json"))
    assert set(reasons) == {"1-early.md", "3-never.md"}
    assert all("2-late.md, which was fetched later" in reason for reason in reasons.values())
    assert index(cli, "n") == {"unchanged": 1, "duplicate": 2}
    (folder / "2-late.md").unlink()
    again = cli("index", "n", "--json")
    assert "1-early.md, which was fetched later" in duplicates(again)["3-never.md"]
    assert json.loads(again.stdout)["removed"] == 0
    assert cli.found('"渡轮早报"') == ["渡轮改点"]
    assert cli.found('"渡轮晚报"') == []
    (folder / "1-early.md").unlink()
    assert index(cli, "n") == {"updated": 1}
    assert cli.found('"渡轮无时"') == ["渡轮改点"]


def test_index_duplicate_choice_ignores_order(cli: Cli) -> None:
    rivals(cli)
    names = ["n/1-early.md", "n/2-late.md", "n/3-never.md"]
    for number, order in enumerate(([2, 1, 0], [1, 2, 0])):
        place = ["--index", f"i{number}"]
        for at in order:
            cli("index", names[at], *place)
        assert cli.found('"渡轮晚报"', *place) == ["渡轮改点"]
        assert cli.json("stats", *place)["files"] == {"duplicate": 2, "indexed": 1}
        result = cli.json("index", "n", *place)
        assert {
            item["reason"].partition(", which ")[2] for item in result["files"]["duplicate"]
        } == {"was fetched later"}


# Many files


def test_index_duplicates_name_the_indexed_file(cli: Cli) -> None:
    for name, sentences in (("a.md", 2), ("b.md", 1), ("c.md", 3)):
        url = "https://wugang.example/1"
        write_article(cli.folder / "n" / name, "雾港灯塔", "守塔人下了岛。" * sentences, url=url)
    reasons = duplicates(cli("index", "n", "--json"))
    assert reasons.keys() == {"a.md", "b.md"}
    assert all("c.md, which is longer" in reason for reason in reasons.values())


def test_index_counts_seen_files_only(cli: Cli) -> None:
    url = "https://wugang.example/1"
    for name, sentences in (("one/a.md", 1), ("one/b.md", 2), ("two/c.md", 3)):
        write_article(cli.folder / name, "雾港灯塔", "守塔人下了岛。" * sentences, url=url)
    cli("index", "one")
    assert cli("index", "two").out.startswith("1 file seen: 1 updated; 1 article ")
    reasons = duplicates(cli("index", "one", "--json"))
    assert reasons.keys() == {"a.md", "b.md"}
    assert all("two/c.md, which is longer" in reason for reason in reasons.values())


def test_index_result_is_independent_of_jobs(cli: Cli) -> None:
    chance = random.Random(7)
    words = ["渡轮", "海带", "灯塔", "潮汐", "码头", "台风", "鹭岛", "雾港", "守塔人", "补给船"]
    texts: list[str] = []
    for number in range(150):
        text = "".join(f"{chance.choice(words)}{chance.choice('，。、；')}" for _ in range(60))
        texts.append(text if number < 145 else texts[number - 140] + text)
        url = f"https://fog.example/{number % 140}"
        title = f"第{number % 140 if number >= 145 else number}期"
        write_article(cli.folder / "n" / f"{number}.md", title, texts[number], url=url)
    (cli.folder / "n" / "77.txt").write_bytes(b"")
    summaries = []
    for jobs in ("1", "2"):
        result = cli.json("index", "n", "--jobs", jobs, "--index", f"i{jobs}")
        del result["seconds"]
        summaries.append(result)
    assert summaries[0] == summaries[1]
    assert (summaries[0]["duplicate"], summaries[0]["added"]) == (5, 145)
    for query in ["灯塔 OR 台风", '"守塔人" -海带', "第7期", "渡轮海带"]:
        answers = []
        for jobs in ("1", "2"):
            ran = cli("search", query, "-n", "200", "--json", "--index", f"i{jobs}", status=None)
            result = json.loads(ran.stdout)
            del result["took_ms"]
            answers.append(result)
        assert answers[0] == answers[1], query


# Moved files


def paths(cli: Cli) -> set[str]:
    """Return the paths of all articles, relative to the folder of ``cli``."""
    lines = cli("search", "*", "-n", "99", "--paths").lines
    return {str(Path(line).relative_to(cli.folder)) for line in lines}


def with_addresses(cli: Cli) -> Path:
    """Write two articles with an address of their own and one without into ``n``."""
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。", url="https://fog.example/a")
    write_article(
        cli.folder / "n" / "b" / "b.md", "乙岛休渔", "停航。", url="https://fog.example/b"
    )
    write_article(cli.folder / "n" / "c.md", "丙岛造船", "渡轮下水。")
    return cli.folder / "n"


@pytest.mark.parametrize("touched", [False, True], ids=["same times", "new times"])
def test_moved_folder_leaves_no_dead_paths(cli: Cli, touched: bool) -> None:
    folder = with_addresses(cli)
    cli("index", "n")
    folder.rename(cli.folder / "moved")
    if touched:
        for path in (cli.folder / "moved").rglob("*.md"):
            os.utime(path, (1e9, 1e9))
    ran = cli("index", "moved")
    assert "moved: n to moved: 3 files\n" in ran.err
    assert "duplicate" not in ran.err + ran.out
    assert "; 3 articles in index" in ran.out
    assert paths(cli) == {"moved/a.md", "moved/b/b.md", "moved/c.md"}
    assert index(cli, "moved") == {"unchanged": 3}
    assert "is intact: 3 articles" in cli("doctor").out


def test_copied_folder_is_not_moved(cli: Cli) -> None:
    folder = with_addresses(cli)
    cli("index", "n")
    shutil.copytree(folder, cli.folder / "copy")
    assert cli.json("index", "copy")["moved"] == {}
    assert cli.json("stats")["files"]["duplicate"] == 2


def test_moved_files_are_no_mass_deletion(cli: Cli) -> None:
    folder = with_addresses(cli)
    cli("index", "n")
    (folder / "sub").mkdir()
    for name in ("a.md", "c.md"):
        (folder / name).rename(folder / "sub" / name)
    ran = cli("index", "n")
    assert "moved: n to n/sub: 2 files\n" in ran.err
    assert paths(cli) == {"n/sub/a.md", "n/b/b.md", "n/sub/c.md"}


def test_other_content_under_the_same_name_is_not_moved(cli: Cli) -> None:
    folder = with_addresses(cli)
    cli("index", "n")
    (folder / "c.md").unlink()
    write_article(cli.folder / "m" / "c.md", "丙岛造船", "渡轮沉没。")
    assert (cli.folder / "m" / "c.md").stat().st_size > 0
    assert cli.json("index", "m")["moved"] == {}
    assert len(paths(cli)) == 4


def test_no_prune_keeps_the_records_of_moved_files(cli: Cli) -> None:
    folder = with_addresses(cli)
    cli("index", "n")
    folder.rename(cli.folder / "moved")
    assert cli.json("index", "moved", "--no-prune")["moved"] == {}
    assert "n/c.md" in paths(cli)


def test_moved_file_of_many_records_keeps_one_article_each(cli: Cli) -> None:
    record = '{{"title": "第{0}班渡轮", "url": "https://fog.example/{0}", "body": "{1}"}}\n'
    text = "".join(record.format(number, "渡轮照常靠岸。" * 9) for number in range(5))
    (cli.folder / "d").mkdir()
    (cli.folder / "d" / "dump.jsonl").write_text(text, "utf-8")
    cli("index", "d")
    (cli.folder / "d").rename(cli.folder / "e")
    ran = cli("index", "e")
    assert "moved: d to e: 1 file\n" in ran.err
    assert "; 5 articles in index" in ran.out
    assert all(path.startswith("e/dump.jsonl") for path in paths(cli))
    assert "is intact: 5 articles" in cli("doctor").out


def test_index_of_a_second_folder_keeps_the_first(cli: Cli) -> None:
    for name in ("a", "b"):
        write_article(cli.folder / name / "1.md", f"第{name}号灯塔", f"雾散了，{name}。")
    cli("index", "a")
    assert cli("index", "b").out.startswith("1 file seen: 1 added; 2 articles in index")
    assert cli("index", "a").out.startswith("1 file seen: 1 unchanged; 2 articles in index")
