"""Readers during writes: each result is from one commit, and no reader waits."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.cli import REPOSITORY, TIMEOUT, Cli, clean_environment
from tests.support.rewriting_archive import (
    article_count,
    generations_in,
    read_generation,
    write_generation,
)
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.slow


def start_reader(cli: Cli, stop: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.rewriting_archive", cli.index, stop],
        cwd=REPOSITORY,
        env=clean_environment(cli.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def generation_of_search(cli: Cli) -> int:
    """Search in a process, and return the one generation of its result."""
    result = cli.json("search", "-n", "100", "公报 灯塔")
    (generation,) = set().union(*(generations_in(hit["title"]) for hit in result["hits"]))
    assert result["total"] == len(result["hits"]) == article_count(generation)
    return generation


@pytest.mark.torture
def test_each_answer_is_from_one_commit(cli: Cli, tally: Tally) -> None:
    stop, files = cli.folder / "stop", cli.folder / "n"
    write_generation(files, 1)
    update_index(FolderIndex(cli.index), [str(files)])
    readers = [start_reader(cli, stop) for _ in range(trial_count(2, 4))]
    generation = 1
    try:
        until = None  # counted from when all readers have started
        while until is None or time.monotonic() < until:
            if until is None and len(list(cli.folder.glob("reader-*"))) == len(readers):
                until = time.monotonic() + trial_count(5, 150)
            generation += 1
            write_generation(files, generation)
            update_index(FolderIndex(cli.index), [str(files)], UpdateOptions(prune=True))
            assert all(reader.poll() is None for reader in readers)
    finally:
        stop.touch()
        ended = [(reader.communicate(timeout=TIMEOUT), reader.returncode) for reader in readers]
    assert [(err.decode(), status) for (_, err), status in ended] == [("", 0)] * len(readers)
    assert read_generation(cli.index) == generation
    tally["commits"] = generation
    tally["readers"] = len(readers)
    for (out, _), _ in ended:
        result = json.loads(out)
        assert result["generations"] > 1
        tally["openings by readers"] += result["openings"]
        tally["generations that a reader saw"] += result["generations"]


@pytest.mark.torture
def test_search_during_update_is_from_before_or_after(cli: Cli, tally: Tally) -> None:
    write_generation(cli.folder / "n", 1)
    cli("index", "n")
    for generation in range(2, 2 + trial_count(3, 60)):
        write_generation(cli.folder / "n", generation)
        process = cli.start("index", "n", "--prune", env={"PYTHONWARNINGS": None})
        try:
            while process.poll() is None:
                found = generation_of_search(cli)
                assert found in (generation - 1, generation)
                tally["searches during a run"] += 1
            assert process.wait() == 0, process.communicate()
        finally:
            process.kill()
            process.communicate()
        assert generation_of_search(cli) == generation
        tally["runs"] += 1


@pytest.mark.torture
def test_readers_never_wait_for_writer(cli: Cli, tally: Tally) -> None:
    chance = random.Random(20261120)
    write_generation(cli.folder / "n", 1)
    cli("index", "n")
    started = time.monotonic()
    write_generation(cli.folder / "n", 2)
    cli("index", "n", "--prune")
    usual = time.monotonic() - started
    for generation in range(3, 3 + trial_count(4, 100)):
        write_generation(cli.folder / "n", generation)
        process = cli.start("index", "n", "--prune", env={"PYTHONWARNINGS": None})
        try:
            time.sleep(chance.uniform(0, usual))
            process.send_signal(signal.SIGSTOP)  # unless it has ended
            # It stops when it returns from the system, which may take as long as a sync.
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            # A reader that waited for it would never end.
            found = generation_of_search(cli)
            assert found in (generation - 1, generation)
            assert read_generation(cli.index) == found
            tally["writers stopped" if process.poll() is None else "writers that ended before"] += 1
            tally["answered from before the commit"] += found < generation
            process.send_signal(signal.SIGCONT)
            assert process.wait(TIMEOUT) == 0, process.communicate()
        finally:
            process.kill()
            process.communicate()
        assert generation_of_search(cli) == generation
