"""``newsgrep reindex`` and ``newsgrep doctor --fix`` rebuild an index from its contents."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.commits import CommitFolder
from newsgrep.engines.whoosh.storage import ENGINE, OWN_FILE
from tests.support.cli import Cli, write_article
from tests.support.manifests import change_manifest


def files(cli: Cli) -> list[str]:
    return sorted(path.name for path in cli.index.iterdir())


def answers_and_stats(cli: Cli) -> list[Any]:
    """Return the answers of an index without sizes and times."""
    answers = [
        cli.json("search", query, "-n", "99")
        for query in ("潮汐", '"水位。"', "灯塔 -台风 source:鹭岛 since:2023-06")
    ]
    stats = cli.json("stats")
    for answer in (*answers, stats):
        for name in ("took_ms", "bytes", "made_by"):
            answer.pop(name, None)
    return [*answers, stats]


@pytest.fixture
def archive(tides: Cli, tmp_path: Path) -> Cli:
    """Return an index of the tides archive with a duplicate, whose files are gone."""
    cli = Cli(tmp_path)
    shutil.copytree(tides.folder / "tides", tmp_path / "tides")
    cli("index", "tides")
    for name in ("x", "y"):
        write_article(
            tmp_path / "tides" / f"{name}.md", "潮汐表更正", "更正。", url="https://a.example/1"
        )
    (tmp_path / "tides" / "07.md").unlink()
    cli("index", "tides")
    shutil.move(tmp_path / "tides", tmp_path / "gone")
    return cli


def damage(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[at] ^= 1
    else:  # the postings of few articles are all beside their terms
        content.append(1)
    path.write_bytes(content)


def the(cli: Cli, ending: str) -> Path:
    """Return the file of the last commit with this ending."""
    commits = CommitFolder(cli.index / "whoosh", ENGINE, OWN_FILE)
    (name,) = [name for name in commits.last().files if name.endswith(ending)]
    return commits.folder / name


def test_reindex_needs_no_files(archive: Cli) -> None:
    before = answers_and_stats(archive)
    change_manifest(archive.index, analyser={"fold": 0})
    assert "newsgrep reindex" in archive("search", "潮汐", status=2).err
    assert "Rebuilt index: 30 articles" in archive("reindex", "--jobs", "2").out
    assert answers_and_stats(archive) == before
    assert "checked files, articles and terms" in archive("doctor", "--deep").out
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh-2"]
    archive("reindex")
    assert answers_and_stats(archive) == before
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh-3"]


def test_reindex_keeps_file_records(archive: Cli) -> None:
    archive("reindex")
    shutil.move(archive.folder / "gone", archive.folder / "tides")
    assert archive("index", "tides").out.startswith("31 files seen: 30 unchanged, 1 duplicate")


def test_unknown_index_format_is_left_alone(archive: Cli) -> None:
    change_manifest(archive.index, format=2)
    for args in (["reindex"], ["doctor", "--fix"], ["search", "潮汐"], ["index", "gone"]):
        ran = archive(*args, status=2)
        assert "index again" in ran.err
        assert ran.err.count("\n") == 1
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending", [".trm", ".pst", ".sums", ".timestamp.col", ".source.col", ".body_length.col"]
)
@pytest.mark.parametrize("lost", [True, False])
def test_doctor_fix_restores_all_but_stored_articles(archive: Cli, ending: str, lost: bool) -> None:
    before = answers_and_stats(archive)
    if lost:
        the(archive, ending).unlink()
    else:
        damage(the(archive, ending))
    assert "--fix" in archive("doctor", status=2).out
    fixed = archive.json("doctor", "--fix")
    assert (fixed["sound"], fixed["fixed"], fixed["lost"]) == (True, True, [])
    assert (fixed["articles"], len(fixed["problems"])) == (30, 1)
    assert answers_and_stats(archive) == before
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh-2"]


@pytest.mark.parametrize(
    "endings",
    [[".folded.col"], [".file_record.col"], [".sums"], [".sums", ".id.col"]],
    ids=" ".join,
)
def test_doctor_fix_ignores_appended_bytes(archive: Cli, endings: list[str]) -> None:
    before = answers_and_stats(archive)
    for ending in endings:
        with the(archive, ending).open("ab") as stream:
            stream.write(bytes(range(256)) * 20)
    assert "--fix" in archive("doctor", status=2).out
    fixed = archive.json("doctor", "--fix")
    assert (fixed["sound"], fixed["fixed"], fixed["lost"]) == (True, True, [])
    assert answers_and_stats(archive) == before


def test_doctor_fix_names_lost_articles(archive: Cli) -> None:
    before = answers_and_stats(archive)
    damage(the(archive, ".folded.col"), 20)
    assert "--fix" in archive("reindex", status=2).err
    fixed = archive("doctor", "--fix", status=2).out
    (lost,) = [line for line in fixed.splitlines() if line.startswith("lost: ")]
    assert "is intact: 29 articles" in fixed
    shutil.move(archive.folder / "gone", archive.folder / "tides")
    again = archive("index", "tides").out
    assert again.startswith("31 files seen: 1 added, 29 unchanged")
    assert Path(lost.split()[-1]).exists()
    assert answers_and_stats(archive) == before
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh-2"]
    assert archive("doctor", "--fix").out.startswith("index is intact: 30 articles")


@pytest.mark.parametrize("fault", ["damaged", "lost"])
def test_doctor_fix_reads_the_copy_of_a_commit_file(archive: Cli, fault: str) -> None:
    before = answers_and_stats(archive)
    (commit,) = (archive.index / "whoosh").glob("commit-?.json")
    damage(commit) if fault == "damaged" else commit.unlink()
    fixed = archive.json("doctor", "--fix")
    assert (fixed["sound"], fixed["articles"], fixed["lost"]) == (True, 30, [])
    assert answers_and_stats(archive) == before


def test_doctor_fix_without_commit_file_loses_one_commit(archive: Cli) -> None:
    for path in (archive.index / "whoosh").glob("commit-?.*json"):
        if ".previous" not in path.name:
            path.unlink()
    archive("reindex", status=2)
    fixed = archive("doctor", "--fix", status=2).out  # what the lost commit contained is unknown
    assert "lost: " in fixed
    assert "is intact: 30 articles" in fixed
    assert len(archive.found("更正", "-n", "99")) == 0
    shutil.move(archive.folder / "gone", archive.folder / "tides")
    assert "2 removed" not in archive("index", "tides").out
    assert archive.found("更正") == ["潮汐表更正"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"])
def test_doctor_fix_restores_the_manifest(archive: Cli, content: bytes | None) -> None:
    before = answers_and_stats(archive)
    manifest = archive.index / "newsgrep.json"
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    for args in (["search", "潮汐"], ["index", "gone"], ["stats"], ["doctor"], ["reindex"]):
        ran = archive(*args, status=2)
        assert "doctor --fix" in ran.err + ran.out, args
    archive("doctor", "--fix")
    assert answers_and_stats(archive) == before


def test_doctor_fix_deletes_nothing_if_it_fails(archive: Cli) -> None:
    for path in (archive.index / "whoosh").glob("commit-*"):
        path.write_bytes(b"")
    (archive.index / "newsgrep.json").unlink()
    before = files(archive)
    ran = archive("doctor", "--fix", status=2)
    assert "index again" in ran.err + ran.out
    assert files(archive) == before


def test_doctor_fix_leaves_an_intact_index(archive: Cli) -> None:
    assert "Rebuilt" not in archive("doctor", "--fix").out
    assert files(archive) == ["newsgrep.json", "newsgrep.lock", "whoosh"]
