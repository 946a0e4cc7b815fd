"""The script of docs/SCALE.md: articles of many files, extracted by workers of which one dies."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.cli import REPOSITORY, TIMEOUT, Cli, clean_environment

pytest.importorskip("distributed", reason="needs Dask, which the script runs on")

pytestmark = pytest.mark.slow

SCRIPT = REPOSITORY / "docs" / "scale_dask.py"
FILES, RECORDS = 12, 25
WAIT_FOR_WORKERS = """
import sys
from dask.distributed import Client
with Client(sys.argv[1]) as client:
    client.wait_for_workers(2)
"""


def write_dumps(folder: Path) -> list[str]:
    """Write dumps with records of different articles; the last one has an error, too."""
    folder.mkdir()
    names = []
    for number in range(FILES):
        records = [
            {
                "url": f"https://wugang.example/{number}/{each}.html",
                "title": f"第{number}号公告之{each}",
                "text": f"雾港灯塔第{number}组第{each}天的大雾记录，渡轮停航。",
            }
            for each in range(RECORDS)
        ]
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        if number == FILES - 1:
            lines.insert(3, "{broken")
        path = folder / f"{number}.jsonl.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        names.append(str(path))
    return names


@contextmanager
def dask(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a scheduler or a worker in a process group of its own."""
    with (folder / "dask.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
            cwd=folder,
            env=clean_environment(folder, {"PYTHONWARNINGS": None}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(TIMEOUT)


def wait_for(path: Path) -> None:
    until = time.monotonic() + TIMEOUT
    while not path.exists():
        assert time.monotonic() < until, f"no {path}"
        time.sleep(0.05)


def test_dask_script_indexes_all_although_a_worker_dies(cli: Cli) -> None:
    files = write_dumps(cli.folder / "dumps")
    output = cli.folder / "out"
    output.mkdir()
    scheduler = cli.folder / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    worker = (
        "dask_worker",
        "--scheduler-file",
        str(scheduler),
        *local,
        "--nthreads",
        "1",
        "--no-nanny",
    )
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(dask(*arguments, folder=cli.folder))

        start("dask_scheduler", "--port", "0", "--scheduler-file", str(scheduler), *local)
        wait_for(scheduler)
        first = start(*worker)
        start(*worker)
        address = json.loads(scheduler.read_text("utf-8"))["address"]
        subprocess.run([sys.executable, "-c", WAIT_FOR_WORKERS, address], check=True)
        script = subprocess.Popen(
            [sys.executable, SCRIPT, address, output, cli.index, *files],
            cwd=cli.folder,
            env=clean_environment(cli.folder, {"PYTHONWARNINGS": None}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not any(each.suffix == "" for each in output.iterdir()) and script.poll() is None:
            time.sleep(0.02)
        os.killpg(first.pid, signal.SIGKILL)  # with the newsgrep that it runs
        out, err = script.communicate(timeout=TIMEOUT)
        assert (cli.folder / "dask.log").read_text("utf-8").count(" Remove worker ") == 1
    report = out.decode()
    assert script.returncode == 0, err.decode() + report
    for name in files:
        assert f"{name}: {RECORDS} articles\n" in report
    assert report.count("11.jsonl.gz!/11.jsonl:4: ") + report.count("11.jsonl.gz:4: ") == 1, report
    assert cli.json("stats")["articles"] == FILES * RECORDS
    assert len(cli.found('"第3组第7天"')) == 1
