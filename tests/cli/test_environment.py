"""Commands answer alike in every locale, time zone, mode of Python, home folder and umask."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.cli import REPOSITORY, Cli, assert_no_crash, write_article

TITLE = "渡轮停航"
FOLDER = "空 格😀/é 新闻"

pytestmark = pytest.mark.slow

ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "locale C without UTF-8 mode": {
        "LANG": None,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "unknown locale, zone and home": {
        "LC_ALL": "xx_XX.UTF-8",
        "TZ": "Moon/Base",
        "HOME": "/dev/null/none",
        "XDG_CONFIG_HOME": "",
        "XDG_STATE_HOME": "",
    },
    "optimised, UTC+14, other hash seed": {
        "PYTHONOPTIMIZE": "2",
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "4294967295",
    },
    "development mode, almost empty": {
        "PYTHONDEVMODE": "1",
        "PYTHONWARNDEFAULTENCODING": "1",
        "LANG": None,
        "HOME": None,
        "TERM": None,
        "XDG_CONFIG_HOME": None,
    },
}


def write_archive(folder: Path) -> None:
    write_article(folder / FOLDER / "a.md", TITLE, "雾港大雾，渡轮停航三小时。", date="2024-02-29")
    write_article(folder / FOLDER / "é.md", "海带丰收", "鹭岛海带丰收，渡轮加开。")
    shutil.copy(next((REPOSITORY / "seeds").glob("*.md")), folder / FOLDER)


def answers(cli: Cli, env: Mapping[str, str | None]) -> list[object]:
    """Index the archive and return what four commands print, without times."""
    shutil.rmtree(cli.index, ignore_errors=True)
    found: list[object] = []
    for command in (
        ("index", "--jobs", "1", FOLDER),
        ("index", "--jobs", "1", FOLDER),  # again: paths are those that were stored
        ("search", "渡轮 OR 联合声明", "--json"),
        ("show", TITLE),
    ):
        ran = cli.process(*command, env=env)
        assert_no_crash(ran.stderr)
        assert ran.status == 0, (command, ran)
        if command[0] == "search":
            answer = json.loads(ran.stdout)
            answer.pop("took_ms")
            found.append(answer)
        else:
            found.append(ran.out.rpartition(",")[0] if command[0] == "index" else ran.out)
    return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep in one folder for all tests: ids depend on paths."""
    cli = Cli(tmp_path_factory.mktemp("archive"))
    write_archive(cli.folder)
    return cli


@pytest.fixture(scope="module")
def expected(archive: Cli) -> list[object]:
    found = answers(archive, {})
    assert "3 added" in str(found[0])
    assert "3 unchanged" in str(found[1])
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_answers_are_alike_in_environment(archive: Cli, name: str, expected: list[object]) -> None:
    assert answers(archive, ENVIRONMENTS[name]) == expected


@pytest.mark.skipif(os.name != "posix", reason="no file modes")
def test_index_is_usable_with_any_umask(archive: Cli, expected: list[object]) -> None:
    before = os.umask(0o777)
    try:
        assert answers(archive, {}) == expected
    finally:
        os.umask(before)
    files = [path for path in archive.index.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.stat().st_mode & 0o077]
