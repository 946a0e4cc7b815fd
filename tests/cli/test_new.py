"""``newsgrep new``: each new article is printed once, and never lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from newsgrep.errors import InputError
from newsgrep.indexing.user_state import article_key, read_seen, write_seen
from tests.support.cli import Cli, clean_environment, write_article
from tests.support.schemas import validator
from tests.support.simulated_archive import SimulatedArchive, random_article

VALID = validator("new")
QUERIES = {"联合": "联合声明 OR 灯塔", "无渡轮": "-渡轮", "日报": "source:日报 台风"}


def write(
    cli: Cli, name: str, text: str = "大雾。", url: str = "", date: str = "2024-05-17"
) -> None:
    write_article(cli.folder / "n" / f"{name}.md", f"第{name}号", text, url=url, date=date)


def new(cli: Cli, *args: str | Path, status: int | None = None) -> dict[str, list[str]]:
    """Return the titles that are printed as new, by saved query."""
    ran = cli("new", *args, status=status)
    result: dict[str, list[str]] = {}
    for line in ran.lines:
        hit = json.loads(line)
        VALID.validate(hit)
        result.setdefault(hit["saved"], []).append(hit["title"])
        assert hit["rank"] == len(result[hit["saved"]])
    if status is None:
        assert ran.status == (0 if result else 1), ran
    return result


@pytest.fixture
def fog(cli: Cli) -> Cli:
    """Run newsgrep with a saved query 雾 and one article that matches it, marked as seen."""
    write(cli, "1")
    cli("index", "n")
    cli("saved", "add", "雾", "大雾")
    assert new(cli) == {}
    return cli


def test_new_first_run_marks_existing_articles(cli: Cli) -> None:
    write(cli, "1")
    cli("index", "n")
    cli("saved", "add", "雾", "大雾")
    assert new(cli, "--peek") == {}
    assert new(cli, "--all", "--peek") == {"雾": ["第1号"]}
    ran = cli("new", status=1)
    assert ran.stdout == b""
    assert ran.err == "雾: existing articles are marked as seen; later runs show new ones.\n"
    assert new(cli) == new(cli, "--all") == {}
    cli("saved", "add", "全", "大雾")
    assert new(cli, "--all") == {"全": ["第1号"]}
    assert new(cli, "--all") == {}


def test_new_json_is_one_object_for_all_queries(fog: Cli) -> None:
    fog("saved", "add", "晴", "晴")
    write(fog, "2", date="2024-05-18")
    fog("index", "n")
    assert fog.json("new", "雾", "--peek")["queries"][0]["total"] == 1
    ran = fog("new", "--json")
    found = json.loads(ran.stdout)
    validator("new-json").validate(found)
    totals = [(each["saved"], each["first_run"], each["total"]) for each in found["queries"]]
    assert totals == [("晴", True, 0), ("雾", False, 1)]
    assert found["queries"][1]["articles"][0]["title"] == "第2号"
    assert fog.json("new", status=1)["queries"] == [
        {"saved": name, "first_run": False, "total": 0, "articles": []} for name in ("晴", "雾")
    ]


def test_new_json_remembers_only_what_was_printed(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    assert fog.bash("newsgrep new --json > /dev/full").status == 2
    assert fog.json("new")["queries"][0]["total"] == 1


def test_new_shows_articles_once_newest_first(fog: Cli) -> None:
    write(fog, "2", date="2024-05-18")
    write(fog, "3", date="2019")
    write(fog, "4", "晴。")
    fog("index", "n")
    wanted = {"雾": ["第2号", "第3号"]}
    assert new(fog, "--peek") == new(fog, "--peek") == wanted
    assert new(fog) == wanted
    assert new(fog) == {}
    fog("index", "n")
    assert new(fog) == {}


def test_new_ignores_changed_and_moved_articles(fog: Cli) -> None:
    write(fog, "2", "晴。")
    write(fog, "3", url="https://fog.example/3")
    fog("index", "n")
    assert new(fog) == {"雾": ["第3号"]}
    write(fog, "1", "大雾，大雾。")
    write(fog, "2", "大雾。")  # matches only now, but was there
    (fog.folder / "n" / "3.md").rename(fog.folder / "n" / "moved.md")
    fog("index", "n")
    assert new(fog) == {}
    text = (fog.folder / "n" / "1.md").read_text("utf-8")
    (fog.folder / "n" / "1.md").unlink()
    fog("index", "n")
    assert new(fog) == {}
    (fog.folder / "n" / "1.md").write_text(text, "utf-8")
    fog("index", "n")
    assert new(fog) == {}
    fog("doctor", "--rollback", "--yes")
    fog("index", "n")
    fog("reindex")
    assert new(fog) == {}


def test_new_equals_brute_force_over_a_history(cli: Cli) -> None:
    chance = random.Random(20)
    shelf = SimulatedArchive(cli.folder / "n")
    for number in range(12):
        shelf.write(f"{number}.md", random_article(chance, number))
    cli("index", "n")
    for name, query in QUERIES.items():
        cli("saved", "add", name, query)
    new(cli)
    seen = {name: set(_ids(cli, "-没有这样的词")) for name in QUERIES}
    for step in range(1, 9):
        shelf.change_randomly(chance, 4, step)
        cli("index", "n", "--prune", status=None)
        names = chance.sample(sorted(QUERIES), chance.randint(1, 3))
        result: dict[str, list[str]] = {}
        for line in cli("new", *names, status=None).lines:
            hit = json.loads(line)
            result.setdefault(hit["saved"], []).append(hit["id"])
        present = set(_ids(cli, "-没有这样的词"))
        for name in names:
            matching = _ids(cli, QUERIES[name])
            assert result.get(name, []) == [each for each in matching if each not in seen[name]]
            seen[name] = seen[name] | present


def _ids(cli: Cli, query: str) -> list[str]:
    ran = cli("search", query, "--json", "-n", "999", "--sort", "-date", status=None)
    return [hit["id"] for hit in json.loads(ran.stdout)["hits"]]


def test_new_state_is_per_query_and_folder(fog: Cli) -> None:
    fog("saved", "add", "号", "第 号")
    new(fog)
    mine = fog.folder / "mine"
    new(fog, "--state", mine)
    write(fog, "2")
    fog("index", "n")
    assert new(fog, "雾") == {"雾": ["第2号"]}
    assert new(fog) == {"号": ["第2号"]}
    assert new(fog, "--state", mine) == {"号": ["第2号"], "雾": ["第2号"]}
    assert new(fog, "--state", mine) == {}


def test_new_with_a_replaced_query(fog: Cli) -> None:
    write(fog, "2", "晴。")
    fog("index", "n")
    assert new(fog) == {}
    fog("saved", "add", "雾", "晴", "--replace")
    assert new(fog) == {}
    write(fog, "3", "晴。")
    fog("index", "n")
    assert new(fog) == {"雾": ["第3号"]}


def test_new_repeats_unread_output(fog: Cli) -> None:
    for number in range(2, 400):
        write(fog, f"{number}", "大雾。" * 40)
    fog("index", "n")
    fog.bash("newsgrep new | head -n 1")
    ran = fog.bash("newsgrep new > /dev/full")
    assert ran.status == 2
    assert "No space left" in ran.err
    assert len(new(fog)["雾"]) == 398


def test_new_repeats_after_a_crash(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    script = (
        "import os, sys; import newsgrep.cli.saved as new; from newsgrep.cli.main import main\n"
        "new.write_seen = lambda *_: os._exit(9); sys.argv = ['newsgrep', 'new']; main()"
    )
    died = subprocess.run(
        [sys.executable, "-c", script],
        cwd=fog.folder,
        env=clean_environment(fog.folder),
        capture_output=True,
        check=False,
    )
    assert died.returncode == 9
    assert json.loads(died.stdout)["title"] == "第2号"
    assert new(fog) == {"雾": ["第2号"]}
    assert new(fog) == {}


def test_new_runs_at_once_share_articles(fog: Cli) -> None:
    for number in range(2, 60):
        write(fog, f"{number}")
    fog("index", "n")
    processes = [fog.start("new", "--wait", "60") for _ in range(4)]
    result = [process.communicate()[0].splitlines() for process in processes]
    assert sorted(map(len, result)) == [0, 0, 0, 58]
    assert sorted(process.returncode for process in processes) == [0, 1, 1, 1]


def test_new_is_locked_while_another_prints(fog: Cli) -> None:
    for number in range(2, 1500):
        write(fog, f"{number}", "大雾。" * 40)
    fog("index", "n")
    first = fog.start("new")  # its pipe is full long before the end
    assert first.stdout is not None
    assert os.read(first.stdout.fileno(), 1) == b"{"
    ran = fog("new", status=75)
    assert "another process" in ran.err
    rest = first.communicate()[0]
    assert rest.count(b"\n") == 1498
    assert new(fog) == {}


def test_new_errors_do_not_block_other_queries(fog: Cli) -> None:
    assert "newsgrep saved list" in fog("new", "nobody", status=2).err
    fog("saved", "add", "a", "大雾")
    new(fog)
    write(fog, "2", date="2024-05-18")
    fog("index", "n")
    path = fog.folder / "index.saved" / "newsgrep.seen" / "a.seen"
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    ran = fog("new", status=2)
    assert "a: " in ran.err
    assert "delete it" in ran.err
    assert [json.loads(line)["saved"] for line in ran.lines] == ["雾"]
    path.unlink()
    assert new(fog, "--all") == {"a": ["第2号", "第1号"]}
    (fog.folder / "file").write_bytes(b"")
    assert "--state" in fog("new", "--state", "file", status=2).err
    fog("saved", "remove", "a")
    fog("saved", "remove", "雾")
    assert "newsgrep saved add" in fog("new", status=2).err


def test_new_prints_text_on_a_terminal(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    status, screen = fog.on_terminal("new", "--peek", "--color", "never")
    assert status == 0
    assert screen.startswith("雾: 1 new\n\n1  第2号\n")
    _, screen = fog.on_terminal("new", "--jsonl")
    assert json.loads(screen)["title"] == "第2号"
    assert fog.on_terminal("new") == (1, "")


def test_new_state_is_private(fog: Cli) -> None:
    ran = fog.bash(
        "umask 0; newsgrep saved add b 渡轮; newsgrep new b; ls -l index.saved/newsgrep.seen"
    )
    assert ran.status == 0
    for path in (
        fog.folder / "index.saved" / "newsgrep.saved.json",
        fog.folder / "index.saved" / "newsgrep.seen" / "b.seen",
    ):
        assert not path.stat().st_mode & 0o022


def test_read_seen_detects_any_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.seen"
    assert read_seen(path) is None
    articles = frozenset(article_key(f"a{n}") for n in range(50))
    write_seen(path, 7 << 32, articles)
    assert read_seen(path) == (7 << 32, articles)
    whole = path.read_bytes()
    chance = random.Random(1)
    broken = [b"", whole[:-1], whole + b"x", whole[8:]]
    for _ in range(300):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        broken.append(bytes(data))
    for each in broken:
        path.write_bytes(each)
        with pytest.raises(InputError, match="damaged"):
            read_seen(path)


# --exec


def test_new_exec_passes_new_articles_to_the_command(fog: Cli) -> None:
    write(fog, "2", "大雾，$(touch broken) `touch broken` '; touch broken")
    fog("index", "n")
    command = 'cat > got; echo "$NEWSGREP_SAVED $NEWSGREP_COUNT"'
    ran = fog.process("new", "--exec", command)
    assert (ran.status, ran.out) == (0, "雾 1\n"), ran
    hit = json.loads((fog.folder / "got").read_text("utf-8"))
    VALID.validate(hit)
    assert hit["title"] == "第2号"
    assert not (fog.folder / "broken").exists()
    assert fog.process("new", "--exec", "touch broken").status == 1
    assert not (fog.folder / "broken").exists(), "the command ran without a new article"


def test_new_exec_failure_leaves_articles_unseen(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    ran = fog.process("new", "--exec", "cat > /dev/null; exit 3")
    assert ran.status == 2
    assert "雾: The command of --exec failed with status 3." in ran.err
    assert new(fog) == {"雾": ["第2号"]}


def test_new_exec_command_need_not_read(fog: Cli) -> None:
    for number in range(2, 60):  # more than a pipe contains
        write(fog, str(number), f"大雾{number}。" * 2_000)
    fog("index", "n")
    assert fog.process("new", "--exec", "exec 0<&-; true").status == 0
    assert new(fog) == {}


def test_new_exec_with_peek_marks_nothing(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    assert fog.process("new", "--peek", "--exec", "cat").lines == fog("new", "--peek").lines
    assert new(fog) == {"雾": ["第2号"]}


@pytest.mark.parametrize("arguments", [("--exec", " "), ("--exec", "cat", "--jsonl")])
def test_new_exec_refuses(fog: Cli, arguments: tuple[str, ...]) -> None:
    assert fog("new", *arguments, status=2).err.startswith("newsgrep: --exec ")


# An Atom feed

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def entries(path: Path) -> list[tuple[str, list[str]]]:
    """Return title and categories of each entry."""
    feed = ElementTree.fromstring(path.read_bytes())  # noqa: S314  (our own)
    assert feed.findtext("a:updated", namespaces=ATOM)
    return [
        (
            entry.findtext("a:title", "", ATOM),
            [str(each.get("term")) for each in entry.findall("a:category", ATOM)],
        )
        for entry in feed.findall("a:entry", ATOM)
    ]


def test_atom_feed_grows_with_each_run(fog: Cli) -> None:
    feed = fog.folder / "news.atom"
    assert fog("new", "--atom", feed, status=1).out == ""
    assert entries(feed) == []
    fog("saved", "add", "号", "大雾 OR 渡轮")
    fog("new", "号", status=1)
    write(fog, "2", url="https://fog.example/2")
    write(fog, "3", date="2024-05-18", text="大雾，渡轮 < 停航 & 改期。")
    fog("index", "n")
    assert fog("new", "--atom", feed).out == ""
    assert entries(feed) == [("第3号", ["号", "雾"]), ("第2号", ["号", "雾"])]
    assert 'href="https://fog.example/2"' in feed.read_text("utf-8")
    before = feed.read_bytes()
    fog("new", "--atom", feed, status=1)
    assert feed.read_bytes() == before
    write(fog, "4", text="渡轮下水。")
    fog("index", "n")
    fog("new", "--atom", feed)
    assert entries(feed)[0] == ("第4号", ["号"])
    assert len(entries(feed)) == 3


def test_atom_feed_is_read_as_articles(fog: Cli) -> None:
    write(fog, "2", url="https://fog.example/2", text="大雾。" * 40)
    fog("index", "n")
    feed = fog.folder / "news.atom"
    fog("new", "--atom", feed)
    (article,) = (json.loads(line) for line in fog("extract", feed, "--jsonl").lines)
    assert (article["title"], article["url"]) == ("第2号", "https://fog.example/2")


def test_atom_never_replaces_another_file(fog: Cli) -> None:
    write(fog, "2")
    fog("index", "n")
    other = fog.folder / "other.xml"
    for content in ("<rss/>", "notes", "<feed xmlns='http://www.w3.org/2005/Atom'/>"):
        other.write_text(content, "utf-8")
        assert "is not a feed that newsgrep wrote" in fog("new", "--atom", other, status=2).err
        assert other.read_text("utf-8") == content
    assert "Cannot write" in fog("new", "--atom", fog.folder / "no" / "x.atom", status=2).err
    assert new(fog) == {"雾": ["第2号"]}


@pytest.mark.parametrize("other", [("--jsonl",), ("--exec", "true")])
def test_atom_excludes_other_outputs(fog: Cli, other: tuple[str, ...]) -> None:
    message = fog("new", "--atom", "x", *other, status=2).err
    assert f"--atom and {other[0]} exclude each other" in message
