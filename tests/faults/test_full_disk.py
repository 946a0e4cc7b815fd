"""On a full disk a command fails with one sentence, and on a read-only one reading works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fault_scenarios import Workshop
from tests.support.session import masked
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture

COMMANDS = (
    ("index", "{archive}", "--jobs", "1", "--index", "index"),
    ("reindex", "--jobs", "1", "--index", "index"),
    ("copy", "--jobs", "1", "--index", "index", "--to", "target"),
)

READING = (
    ("search", "声明"),
    ("search", "--json", '"渡轮"'),
    ("show", "{path}"),
    ("timeline", "声明"),
    ("kwic", "声明"),
    ("keywords", "声明"),
    ("stats", "--json"),
    ("doctor",),
    ("doctor", "--deep"),
)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small")) as made:
        yield made


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_full_disk_is_one_sentence_and_old_index(
    workshop: Workshop, disk: SmallDisk, command: tuple[str, ...], tally: Tally
) -> None:
    old = workshop.indexes["old"]
    assert old is not None
    arguments = [each.format(archive=workshop.folder / "n") for each in command]
    size = sum(-(-path.stat().st_size // 4096) for path in old.rglob("*") if path.is_file())
    wrong, full = [], 0
    more = trial_count(4, 40)
    for extra in range(more):
        disk.make(size + 1 + extra * size // more)
        disk.copy(old, "index")
        before = disk.state("index")
        ended = disk.run(*arguments)
        tally["trials"] += 1
        if ended.status == 0:
            continue
        full += 1
        found = disk.state("index")
        is_clear = (
            ended.status == 2
            and ended.err.count("\n") == 1
            and "No space left on device" in ended.err
            and "damaged" not in ended.err
        )
        if not is_clear or found != before:
            wrong.append(f"{extra}: {ended} {found}")
        disk.resize(size * 20)
        ended = disk.run(*arguments)
        if ended.status != 0:
            wrong.append(f"with space, {extra}: {ended}")
        tally["failures"] = len(wrong)
    assert wrong == []
    assert full > more // 4
    tally["full"] = full


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_works_on_a_read_only_disk(
    workshop: Workshop, disk: SmallDisk, command: tuple[str, ...], tally: Tally
) -> None:
    new = workshop.indexes["new"]
    assert new is not None
    path = next(iter(sorted(map(str, (workshop.folder / "n").rglob("*.md")))))
    arguments = [each.format(path=path) for each in command]
    disk.make(1000)
    disk.copy(new, "index")
    expected = disk.run(*arguments)
    disk.make(1000)
    disk.copy(new, "index")
    disk.make_read_only()
    ended = disk.run(*arguments)
    assert ended.status == expected.status in {0, 1}, ended
    assert masked(ended.out, "index") == masked(expected.out, "index")
    assert ended.err == expected.err
    tally["commands"] += 1
