"""Every engine prints the same for the same commands, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cli import REPOSITORY, Cli
from tests.support.cluster.fixtures import IndexNames
from tests.support.factories import ENGINES
from tests.support.gold_corpus import write_archive
from tests.support.session import commands, differences, masked

SESSION = commands(Path(__file__).with_name("session.txt").read_text("utf-8"))
GUIDE = REPOSITORY / "docs" / "SCALE.md"
FENCE = re.compile(r"```session\n(.*?)```", re.DOTALL)
OTHERS = [name for name in ENGINES if name not in {"memory", "whoosh"}]


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep where the gold archive is indexed; not to be changed."""
    cli = Cli(tmp_path_factory.mktemp("gold"))
    write_archive(cli.folder / "articles")
    cli("index", "articles")
    return cli


def copied(cli: Cli, engine: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Copy the index to an engine, and return the location of the copy."""
    if engine != "opensearch":
        cli("copy", "--to", folder / engine, "--engine", engine)
        return str(folder / engine)
    names: IndexNames = request.getfixturevalue("opensearch")
    address = f"{names.new()}?replicas=0"
    cli("copy", "--to", address)
    return address


@pytest.mark.parametrize("engine", OTHERS)
def test_session_on_gold_archive(
    gold: Cli, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    indexes = [str(gold.index), copied(gold, engine, tmp_path, request)]
    assert differences(gold, indexes, SESSION) == []


@pytest.mark.parametrize("engine", OTHERS)
def test_session_of_the_guide(
    seeds: Cli, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (session,) = FENCE.findall(GUIDE.read_text("utf-8"))
    lines = commands(session)
    assert len(lines) > 10
    indexes = [str(seeds.index), copied(seeds, engine, tmp_path, request)]
    assert differences(seeds, indexes, lines) == []


def test_session_uses_every_reading_command() -> None:
    words = [line.partition("newsgrep ")[2].split()[0] for line in SESSION]
    assert set(words) == {
        "search", "show", "similar", "timeline", "kwic", "compare", "keywords", "stats", "batch",
    }  # fmt: skip


def test_one_article_less_differs(gold: Cli, tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    (path, _), *_ = write_archive(cli.folder / "articles")
    path.unlink()
    cli("index", "articles")
    found = differences(gold, [gold.index, cli.index], ["newsgrep stats --json"])
    assert len(found) == 1
    assert '-  "articles": ' in found[0]


def test_failing_command_is_a_difference(gold: Cli) -> None:
    (found,) = differences(gold, [gold.index, gold.index], ["newsgrep search --sort up 年"])
    assert "--sort" in found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('"took_ms": 3.7,', '"took_ms": 12,', True),
        ('"next":"1cxC"}', '"next":"1c5w"}', True),
        ("1–2 of 8 articles in 6 ms", "1–2 of 8 articles in 1,006 ms", True),
        ("1–2 of 8 articles in 6 ms\x1b[0m", "1–2 of 8 articles in 7 ms\x1b[0m", True),
        ("No index in /an/index. Create", "No index in INDEX. Create", True),
        ('"fingerprint": {"fold": 1}', '"fingerprint": {"fold": 1, "impacts": 1}', True),
        ('"next": "1cxC"', '"next": null', False),
        ('"total": 8', '"total": 9', False),
        ("1–2 of 8 articles in 6 ms", "1–2 of 9 articles in 6 ms", False),
        ("it took place in 6 ms, then", "it took place in 7 ms, then", False),
        (r'"text": "\"took_ms\": 3"', r'"text": "\"took_ms\": 4"', False),
        ("a\n", "a\n\n", False),
    ],
)
def test_masked(one: str, other: str, same: bool) -> None:
    assert (masked(one, "/an/index") == masked(other, "/an/index")) is same
