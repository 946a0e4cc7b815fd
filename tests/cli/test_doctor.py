"""``newsgrep doctor`` checks an index, and rolls back the last commit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from newsgrep.engines.registry import folder_engines
from newsgrep.indexing import index_at
from tests.support.cli import NEWSGREP, TIMEOUT, Cli, clean_environment, write_article


@pytest.fixture
def archive(cli: Cli) -> Cli:
    """Return an index of two commits: the first adds one article, the second another."""
    write_article(cli.folder / "n" / "a.md", "雾港灯塔熄灯", "守塔人下了岛。")
    cli("index", "n")
    write_article(cli.folder / "n" / "b.md", "雾港灯塔复明", "守塔人回来了。")
    cli("index", "n")
    return cli


def files_of(cli: Cli) -> list[Path]:
    return sorted(path for path in (cli.index / "whoosh").iterdir() if path.stat().st_size)


def test_doctor_reports_an_intact_index(archive: Cli) -> None:
    assert "is intact: 2 articles" in archive("doctor").out
    result = archive.json("doctor", "--deep")
    assert result["sound"]
    assert (result["articles"], result["problems"], result["deleted"]) == (2, [], [])


def test_doctor_finds_every_changed_file(archive: Cli) -> None:
    needed = files_of(archive)
    found = set()
    for path in needed:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        ran = archive.run("doctor", "--json")
        if ran.status:
            assert ran.status == 2
            found.add(path.name)
        path.write_bytes(content)
    segments = {path.name.split(".")[0] for path in needed if path.suffix == ".col"}
    assert len(segments) == 2  # that of the previous commit as well
    assert found == {path.name for path in needed}
    assert "is intact" in archive("doctor").out


def test_doctor_rollback_drops_a_damaged_commit(archive: Cli) -> None:
    (contents,) = (archive.index / "whoosh").glob("commit-?.json")
    contents.write_bytes(contents.read_bytes()[:50])
    ran = archive.run("search", "雾港")
    assert ran.status == 2
    result = archive("doctor", "--rollback", "--yes").out
    done = r"Rolled back to commit 1 of [-\d]{10} [:\d]{8} UTC; commit 2 is dropped\n"
    assert re.match(done, result)
    assert "is intact: 1 article;" in result
    assert archive.found("雾港") == ["雾港灯塔熄灯"]
    again = archive("doctor", "--rollback", "--yes").out
    assert again.startswith("Already rolled back to commit 1 of ")
    rolled_back = archive.json("doctor", "--rollback", "--yes")["rolled_back"]
    assert (rolled_back["number"], rolled_back["dropped"]) == (1, 2)
    assert rolled_back["is_repeated"]
    assert archive.found("雾港") == ["雾港灯塔熄灯"]
    assert archive("index", "n").out.startswith("2 files seen: 1 added, 1 unchanged")
    assert len(archive.found("雾港")) == 2


def test_lost_commit_file_is_damage_until_rollback(archive: Cli) -> None:
    (contents,) = (archive.index / "whoosh").glob("commit-?.json")
    contents.unlink()
    ran = archive.run("search", "雾港")
    assert (ran.status, ran.stdout) == (2, b"")
    archive("doctor", "--rollback", "--yes")
    assert archive.found("雾港") == ["雾港灯塔熄灯"]


def test_doctor_tidy_deletes_leftovers(archive: Cli) -> None:
    left = archive.index / "whoosh" / "NEWSGREP_0123456789abcdef.pst"
    left.write_bytes(b"left")
    assert "is intact" in archive("doctor").out
    assert json.loads(archive("doctor", "--tidy", "--json").stdout)["deleted"] == [left.name]
    assert not left.exists()
    left.write_bytes(b"left")
    archive("index", "n")
    assert not left.exists()
    assert len(archive.found("雾港")) == 2


def test_index_keeps_files_of_two_commits_only(archive: Cli) -> None:
    for number in range(12):
        write_article(archive.folder / "n" / f"{number}.md", f"第{number}号灯塔", "雾散了。")
        archive("index", "n")
    names = {path.name for path in (archive.index / "whoosh").iterdir()}
    assert len([name for name in names if name.startswith("commit-")]) == 3
    assert len([name for name in names if name.endswith(".previous.json")]) == 1
    assert len({name.split(".")[0] for name in names if name.endswith(".col")}) <= 2
    assert archive.json("doctor", "--tidy")["deleted"] == []
    assert {path.name for path in (archive.index / "whoosh").iterdir()} == names


def test_doctor_shows_elapsed_time_on_a_terminal_only(seeds: Cli) -> None:
    status, screen = seeds.on_terminal("doctor")
    assert status == 0
    assert "checking" in screen
    assert seeds("doctor").err == ""


@pytest.mark.parametrize(("answer", "left"), [("n", 2), ("y", 1)])
def test_rollback_on_a_terminal_asks(archive: Cli, answer: str, left: int) -> None:
    pytest.importorskip("termios", reason="needs a POSIX terminal")
    from tests.support.pseudo_terminal import Terminal

    command = [NEWSGREP, "doctor", "--rollback"]
    env = clean_environment(archive.folder)
    with Terminal(command, archive.folder, env, columns=200, timeout=TIMEOUT) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type(f"{answer}\n")
        assert terminal.wait() == (0 if answer == "y" else 1)
        question = (
            r"Drop commit 2 of [-\d]{10} [:\d]{8} UTC with 2 articles and go back to commit 1 of "
            r"[-\d]{10} [:\d]{8} UTC with 1 article, losing 1 article\?"
        )
        assert re.search(question, terminal.screen)
        assert ("Nothing was changed." in terminal.screen) == (answer == "n")
    assert len(archive.found("雾港")) == left


def test_rollback_with_yes_asks_nothing(archive: Cli) -> None:
    status, screen = archive.on_terminal("doctor", "--rollback", "--yes")
    assert status == 0
    assert "Rolled back to commit 1" in screen
    assert "[y/N]" not in screen


def test_rollback_without_a_terminal_needs_yes(archive: Cli) -> None:
    for form in ((), ("--json",)):
        ran = archive("doctor", "--rollback", *form, status=2)
        assert ran.out == ""
        assert "losing 1 article? Nothing was changed. Add --yes." in ran.err
    assert len(archive.found("雾港")) == 2


@pytest.mark.parametrize("engine", folder_engines())
def test_rollback_preview_counts_lost_and_restored(cli: Cli, engine: str) -> None:
    news = cli.folder / "news"
    for name in ("a", "b", "c"):
        write_article(news / f"{name}.md", f"雾港 {name}", f"灯塔重新点亮 {name}。")
    cli("index", "news", "--engine", engine)
    (news / "a.md").unlink()
    write_article(news / "d.md", "雾港 d", "渡轮停航。")
    write_article(news / "e.md", "雾港 e", "渡轮下水。")
    cli("index", "news", "--prune")
    before = {path.name for path in cli.index.iterdir()}
    question = index_at(cli.index).describe_rollback()
    assert " with 4 articles and go back to commit 1 of " in question
    assert question.endswith(" with 3 articles, losing 2 articles and restoring 1?")
    assert {path.name for path in cli.index.iterdir()} == before
    assert len(cli.found("雾港")) == 4


def test_rollback_preview_describes_a_damaged_commit(archive: Cli) -> None:
    (contents,) = (archive.index / "whoosh").glob("commit-?.json")
    contents.write_bytes(contents.read_bytes()[:50])
    question = index_at(archive.index).describe_rollback()
    assert question.startswith(
        "Drop the last commit, which is damaged, and go back to commit 1 of "
    )
    assert question.endswith(" with 1 article?")
    archive("doctor", "--rollback", "--yes")
    assert index_at(archive.index).describe_rollback() == ""
