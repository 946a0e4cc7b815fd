"""Commands that read take no lock, create no file, and need no permission to write."""

from __future__ import annotations

import errno
import shutil
import time

import pytest

from tests.support.disk_faults import CHANGES, Action, FaultPlan, read_calls
from tests.support.fault_scenarios import Workshop
from tests.support.session import masked

_CLOCK_TICK = 0.05

READING = (
    ("search", "声明"),
    ("search", "--json", '"渡轮"'),
    ("timeline", "声明"),
    ("kwic", "声明"),
    ("keywords", "声明"),
    ("stats", "--json"),
    ("doctor", "--deep"),
)


@pytest.mark.parametrize("command", READING, ids=" ".join)
@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_reading_changes_no_file_of_the_index(
    workshop: Workshop, command: tuple[str, ...], error: int
) -> None:
    index = workshop.indexes["new"]
    assert index is not None
    workshop.log.unlink(missing_ok=True)
    folder = workshop.trial
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copytree(index, folder / "index", symlinks=True)
    time.sleep(_CLOCK_TICK)  # what was written just now may not be recorded as verified
    expected = workshop.server.run(*command, cwd=folder)
    refused = FaultPlan(1, Action.FAIL_FROM, CHANGES, error)
    ended = workshop.server.run(*command, cwd=folder, plan=refused, log=workshop.log)
    assert masked(ended.out, "index") == masked(expected.out, "index")
    assert ended.status == expected.status
    assert ended.err == expected.err
    assert ended.status in {0, 1}
    # What a writer has verified, readers need not note again.
    assert read_calls(workshop.log) == []
