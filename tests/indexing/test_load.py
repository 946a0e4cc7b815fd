"""Sixteen readers and a writer for an hour in the long form: one commit, flat memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.factories import FOLDER_ENGINES
from tests.support.load import STATUS, Load, run_load
from tests.support.stress import Tally, trial_count

pytestmark = [pytest.mark.slow, pytest.mark.torture]

UNNAMED = {"newsgrep.data.json", "verified.json", "writer.lock"}
"""Files of data that no commit names: the copy of the manifest, a record, and the lock."""

GROWTH = trial_count(48, 16) * 1024
"""KiB that a process may grow between the second third of a run and the last."""


@pytest.mark.skipif(not STATUS.exists(), reason="memory is measured in /proc")
@pytest.mark.parametrize("engine", FOLDER_ENGINES)
def test_load_of_readers_and_writer(engine: str, tmp_path: Path, tally: Tally) -> None:
    load = Load(engine, trial_count(6, 3600), trial_count(3, 16), trial_count(300, 30_000))
    writer, readers = run_load(tmp_path, load)
    everyone = [writer, *readers]
    tally["readers"] = len(readers)
    tally["commits"] = writer.done
    tally["answers from one commit"] = sum(each.done for each in readers)
    tally["commits in the folder at most"] = writer.commits
    tally["MiB that a process grew at most"] = max(each.grown() for each in everyone) // 1024
    tally["open files of a reader at most"] = max(max(each.descriptors) for each in readers)
    assert writer.done > 1
    assert min(each.done for each in readers) > 2
    assert writer.commits <= 2
    assert set(writer.excess) <= UNNAMED
    for each in everyone:
        assert each.grown() < GROWTH
        assert each.left_open == 0
