"""A missing, damaged or foreign index is an error with a next step, never a wrong answer."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, CommandResult, write_article
from tests.support.manifests import change_manifest, read_manifest

COMMANDS = (
    # Between them these read every file of an index.
    (
        "search",
        "--json",
        "-n",
        "99",
        "(声明 OR caption:渔民 OR 水) -灯塔 since:2023 source:example",
    ),
    ("stats", "--json"),
)
VOLATILE = {"took_ms", "bytes", "index"}


def answer(cli: Cli, args: tuple[str, ...], place: Path) -> tuple[CommandResult, dict[str, Any]]:
    """Return a command's result, and its JSON without what varies from run to run."""
    ran = cli.run(*args, "--index", place)
    value = json.loads(ran.stdout or b"{}")
    return ran, {name: part for name, part in value.items() if name not in VOLATILE}


def delete(path: Path) -> None:
    path.unlink()


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def wrong_answers(seeds: Cli, folder: Path, harm: Callable[[Path], None]) -> list[str]:
    """Damage each file of the index in turn; return results neither right nor a clear error."""
    expected = [answer(seeds, args, seeds.index)[1] for args in COMMANDS]
    assert all(expected)
    names = sorted(
        str(path.relative_to(seeds.index)) for path in seeds.index.rglob("*") if path.is_file()
    )
    assert len(names) > 10

    def harmed(name: str) -> list[str]:
        place = folder / name.replace("/", "-")
        shutil.copytree(seeds.index, place)
        harm(place / name)
        for args, right in zip(COMMANDS, expected, strict=True):
            ran, value = answer(seeds, args, place)
            if ran.status == 2 and not ran.stdout and is_clear(ran.err):
                return []
            if value != right or ran.stderr:
                return [f"{name}: {args[0]}: {ran.status} {ran.err}"]
        return []

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(harmed, names) for problem in problems]


def is_clear(message: str) -> bool:
    return (
        message.startswith("newsgrep: ")
        and message.count("\n") == 1
        and ("index again" in message or "newsgrep index PATH" in message)
    )


@pytest.mark.slow
@pytest.mark.parametrize("harm", [delete, halve, empty])
def test_damaged_file_never_changes_an_answer(
    seeds: Cli, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    assert wrong_answers(seeds, tmp_path, harm) == []


def test_show_and_index_refuse_a_damaged_index(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "渡轮停航", "大雾。")
    cli("index", "n")
    table = next(cli.index.glob("*/commit-?.json"))
    kept = table.read_bytes()
    for harmed in (b"", kept[: len(kept) // 2], b"x" * len(kept)):
        table.write_bytes(harmed)
        for args in (["show", "n/a.md"], ["stats"], ["index", "n"], ["search", "渡轮"]):
            ran = cli(*args, status=2)
            assert is_clear(ran.err), ran.err
            assert ran.stdout == b""
        assert table.read_bytes() == harmed
    table.write_bytes(kept)
    assert cli.found("渡轮") == ["渡轮停航"]


@pytest.mark.parametrize("args", [["search", "渡轮", "--json"], ["show", "x"], ["stats"]])
def test_missing_index_names_the_next_step(cli: Cli, args: list[str]) -> None:
    ran = cli(*args, status=2)
    assert f"No index in {cli.index}, nor in a folder above" in ran.err
    assert "newsgrep index PATH" in ran.err
    assert ran.stdout == b""
    assert list(cli.folder.iterdir()) == []


def test_invalid_manifest_is_an_error(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "渡轮停航", "大雾。")
    cli("index", "a.md")
    wrong = b'{"engine": 5, "format": 1, "analyser": {}, "made_by": "x"}'
    for manifest in (b"", b"{", b"null", b"\xff\xfe", b"{}", wrong):
        (cli.index / "newsgrep.json").write_bytes(manifest)
        for args in (["search", "渡轮"], ["index", "a.md"]):
            ran = cli(*args, status=2)
            assert is_clear(ran.err), ran.err


def test_incompatible_index_is_refused(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "渡轮停航", "大雾。")
    cli("index", "a.md")
    changes: list[dict[str, Any]] = [
        {"format": 99},
        {"analyser": {"fold": 0}},
        {"analyser": {}},
        {"engine": "lucene", "data": "lucene"},
    ]
    commands = [["index", "a.md"], ["search", "渡轮"], ["stats"], ["show", "a.md"]]
    usual = dict(vars(read_manifest(cli.index)))
    for number, change in enumerate(changes):
        change_manifest(cli.index, **(usual | change))
        for args in commands if number == 0 else commands[:2]:
            ran = cli(*args, status=2)
            assert "was created by" in ran.err
            assert ran.err.count("\n") == 1
            assert ran.stdout == b""


def test_manifest_without_a_fingerprint_is_damage(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "渡轮停航", "大雾。")
    cli("index", "a.md")
    change_manifest(cli.index, analyser=None)
    assert "is damaged" in cli("search", "渡轮", status=2).err


def test_index_recreates_a_deleted_index(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "渡轮停航", "大雾。")
    cli("index", "a.md")
    shutil.rmtree(cli.index)
    assert cli("index", "a.md").out.startswith("1 file seen: 1 added")
    assert cli.found("渡轮") == ["渡轮停航"]
