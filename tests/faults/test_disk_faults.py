"""The injector sees, records and changes all calls, and the replay of its record is exact."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disk_faults import (
    OPENS,
    SPACE,
    Action,
    DiskCall,
    FaultPlan,
    Kind,
    fault_environment,
    library,
    read_calls,
)
from tests.support.fault_scenarios import SCENARIO_NAMES, Workshop, contents_below, scenario_named
from tests.support.power_loss import Disk

WRITER = """
import os
os.mkdir("d")
with open("d/a", "wb", buffering=0) as stream:
    stream.write(b"one")
    os.fsync(stream.fileno())
    stream.write(b"two")
    stream.truncate(5)
os.link("d/a", "d/hard")
os.symlink("b", "d/soft")
os.rename("d/a", "d/b")
folder = os.open("d", os.O_RDONLY)
os.fsync(folder)
os.unlink("d/hard")
with open("d/soft", "rb") as stream: pass
"""

KINDS = [
    Kind.MKDIR,
    Kind.OPEN,
    Kind.WRITE,
    Kind.SYNC,
    Kind.WRITE,
    Kind.TRUNCATE,
    Kind.LINK,
    Kind.SYMLINK,
    Kind.RENAME,
    Kind.SYNC,
    Kind.UNLINK,
]


class Writer:
    """A small program that changes a folder, and the record of its calls."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "folder"
        self.folder.mkdir()
        self.log = home / "log"

    def run(self, plan: FaultPlan, program: str = WRITER) -> subprocess.CompletedProcess[str]:
        env = os.environ | fault_environment(library(), self.folder, self.log, plan)
        # With -P, Python 3.14 does not list the folder in search of modules.
        command = [sys.executable, "-P", "-c", program]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )

    def calls(self) -> list[DiskCall]:
        return read_calls(self.log)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def test_every_call_is_recorded_in_order(writer: Writer) -> None:
    assert writer.run(FaultPlan()).returncode == 0
    calls = writer.calls()
    assert [call.kind for call in calls] == KINDS
    assert [call.data for call in calls if call.kind is Kind.WRITE] == [b"one", b"two"]
    assert [call.offset for call in calls if call.kind is Kind.WRITE] == [0, 3]
    assert (calls[8].path, calls[8].other) == tuple(str(writer.folder / "d" / x) for x in "ab")


@pytest.mark.parametrize("at", range(1, len(KINDS) + 1))
def test_process_is_killed_before_the_call(writer: Writer, at: int) -> None:
    assert writer.run(FaultPlan(at)).returncode == -9
    assert len(writer.calls()) == at - 1


def test_chosen_call_fails_with_the_error(writer: Writer) -> None:
    ended = writer.run(FaultPlan(2, Action.FAIL, frozenset({Kind.SYNC}), errno.EIO))
    assert "Input/output error" in ended.stderr
    assert writer.calls()[-1] == DiskCall(
        Kind.SYNC,
        True,
        -errno.EIO,
        (writer.folder / "d").stat().st_ino,
        0,
        str(writer.folder / "d"),
        "",
        b"",
    )


def test_reading_calls_fail_where_they_are_counted(writer: Writer) -> None:
    ended = writer.run(FaultPlan(2, Action.FAIL, OPENS, errno.EMFILE))
    assert "Too many open files: 'd'" in ended.stderr


def test_reads_fail_where_they_are_counted(writer: Writer) -> None:
    (writer.folder / "a").write_text("x")
    plan = FaultPlan(1, Action.FAIL, frozenset({Kind.READ}), errno.EIO)
    assert "Input/output error" in writer.run(plan, "open('a').read()").stderr


def test_short_write_writes_half(writer: Writer) -> None:
    writer.run(FaultPlan(1, Action.SHORT, frozenset({Kind.WRITE})))
    assert (writer.folder / "d/b").read_bytes() == b"ontwo"


def test_full_disk_takes_half_and_then_nothing(writer: Writer) -> None:
    ended = writer.run(FaultPlan(4, Action.FULL, SPACE, errno.ENOSPC))
    assert "No space left on device" in ended.stderr
    assert (writer.folder / "d/a").read_bytes() == b"onetw"


def test_calls_elsewhere_are_not_counted(writer: Writer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    ended = writer.run(FaultPlan(1), f"open({str(other)!r}, 'w').write('x'); print(1)")
    assert (ended.returncode, ended.stdout) == (0, "1\n")
    assert other.read_text() == "x"


def test_started_programs_run_without_faults(writer: Writer) -> None:
    program = "import subprocess; subprocess.run(['sh', '-c', 'echo x > made'], check=True)"
    assert writer.run(FaultPlan(1), program).returncode == 0
    assert (writer.folder / "made").read_text() == "x\n"


def replayed(writer: Writer, target: Path, calls: list[DiskCall]) -> Disk:
    """Return the disk of the writer's empty folder after ``calls``."""
    target.mkdir()
    disk = Disk(target, {"": 0})
    disk.folder = writer.folder
    disk.replay(calls)
    return disk


def test_synced_data_and_names_survive(writer: Writer, tmp_path: Path) -> None:
    writer.run(FaultPlan())
    calls = writer.calls()
    kept: dict[str, set[object]] = {}
    for number in range(200):
        disk = replayed(writer, tmp_path / f"empty{number}", calls)
        target = tmp_path / str(number)
        disk.write_any_order(target, random.Random(number))
        for name, content in contents_below(target).items():
            kept.setdefault(name, set()).add(content)
        # The folder "d" was never synced in its parent, and its file once, after three bytes.
        assert ("d/b" in contents_below(target)) == (target / "d").exists()
        assert "d/a" not in contents_below(target)
    assert {bytes(each[:3]) for each in kept["d/b"]} == {b"one"}  # type: ignore[index]
    assert kept["d/b"] >= {b"one", b"onetw"}
    assert {"d", "d/soft", "d/hard"} <= kept.keys()


@pytest.mark.torture
@pytest.mark.parametrize("name", SCENARIO_NAMES[::4])
def test_replayed_calls_give_the_same_folder(workshop: Workshop, tmp_path: Path, name: str) -> None:
    scenario = scenario_named(workshop.engine, name)
    expected = workshop.expected(scenario)
    workshop.reset(scenario)
    disk = Disk(workshop.trial, expected.inodes)
    disk.replay(expected.calls)
    disk.write_all(tmp_path / "replayed")
    assert contents_below(tmp_path / "replayed") == expected.contents
    assert {call.kind for call in expected.calls} >= {Kind.READ, Kind.WRITE, Kind.SYNC}
