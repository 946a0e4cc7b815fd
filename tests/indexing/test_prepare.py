"""Preparing a file never blocks, and its record describes exactly the bytes that were read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsgrep.analysis.document import IndexDocument
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.walk import File, find_files
from newsgrep.indexing import preparing as prepare_module
from newsgrep.indexing import update as update_module
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.plan import make_plan
from newsgrep.indexing.preparing import FailedFile, PrepareOptions, prepare_file, prepare_files
from newsgrep.indexing.update import update_index
from newsgrep.indexing.workers import deferred_signals, map_in_order
from newsgrep.models import FileRecord, Status
from tests.support.cli import REPOSITORY, Cli, write_article

OUTLETS = load_outlets()
LARGEST = 10_000


def found(path: Path) -> File:
    [file] = find_files([str(path)])
    assert isinstance(file, File)
    return file


def article(path: Path, text: str = "渡轮照常。") -> File:
    return found(write_article(path, "甲岛来信", text))


def failed(file: File) -> str:
    result = prepare_file(file, OUTLETS, LARGEST)
    assert isinstance(result, FailedFile), result
    assert result.path == file.path
    return result.reason


def within_time(file: File) -> Any:
    """Return the result of preparing a file that could block forever."""
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(prepare_file(file, OUTLETS, LARGEST)), daemon=True
    )
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    return results[0]


def test_prepare_file_fails_for_pipe_without_blocking(tmp_path: Path) -> None:
    file = article(tmp_path / "a.md")
    Path(file.path).unlink()
    os.mkfifo(file.path)
    result = within_time(file)
    assert result == FailedFile(file.path, "not a regular file but a named pipe")


def test_prepare_file_fails_for_device(tmp_path: Path) -> None:
    file = article(tmp_path / "a.md")
    Path(file.path).unlink()
    Path(file.path).symlink_to("/dev/zero")
    assert within_time(file) == FailedFile(file.path, "not a regular file but a device")


def test_prepare_file_fails_for_missing_file(tmp_path: Path) -> None:
    file = article(tmp_path / "a.md")
    Path(file.path).unlink()
    assert failed(file) == "it was gone before it could be read"
    Path(file.path).mkdir()
    assert failed(file)


def test_prepare_file_records_the_bytes_it_read(
    tmp_path: Path,
) -> None:
    file = article(tmp_path / "a.md")
    later = article(tmp_path / "a.md", "渡轮停航，海带上市。")
    result = prepare_file(file, OUTLETS, LARGEST)
    assert isinstance(result, IndexDocument)
    assert (result.file_record.size, result.file_record.mtime_ns) == (later.size, later.mtime_ns)
    assert "海带" in result.article().body


def test_prepare_file_rejects_file_that_grew_over_limit(tmp_path: Path) -> None:
    file = article(tmp_path / "a.md")
    later = article(tmp_path / "a.md", "渡轮停航。" * LARGEST)
    result = prepare_file(file, OUTLETS, LARGEST)
    assert isinstance(result, FileRecord)
    assert (result.status, result.digest, result.size) == (Status.REJECTED, "", later.size)
    assert "--max-file-size" in (result.reason or "")


class Meddling:
    """Replaces ``os``; writes to the file after each look at it."""

    def __init__(self, path: Path, texts: list[bytes]) -> None:
        self.path = path
        self.texts = texts

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fstat(self, number: int) -> os.stat_result:
        status = os.fstat(number)
        if self.texts:
            time.sleep(0.03)  # later than one tick of the clock
            self.path.write_bytes(self.texts.pop(0))
        return status


@pytest.mark.parametrize("changes", [1, 2, 3])
def test_prepare_file_rereads_changing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    path = tmp_path / "a.md"
    file = article(path)
    texts = [f"甲岛来信\n\n渡轮第{n}次改点。\n".encode() * (4 - n) for n in range(changes)]
    last = texts[-1]
    monkeypatch.setattr(prepare_module, "os", Meddling(path, texts))
    result = prepare_file(file, OUTLETS, LARGEST)
    assert isinstance(result, IndexDocument)
    assert result.file_record.size == len(last)
    assert result.file_record.mtime_ns == path.stat().st_mtime_ns
    assert f"第{changes - 1}次" in result.article().body


def test_prepare_file_fails_for_file_that_keeps_changing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.md"
    file = article(path)
    texts = ["甲岛来信\n\n渡轮改点。\n".encode() * n for n in range(1, 99)]
    monkeypatch.setattr(prepare_module, "os", Meddling(path, texts))
    assert failed(file).startswith("it changed while it was read")


def test_update_sees_change_within_a_clock_tick(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    for text in ("渡轮照常。", "渡轮停航。", "渡轮改点。"):
        entry = prepare_file(article(path, text), OUTLETS, LARGEST)
        assert isinstance(entry, IndexDocument)
        write_article(path, "甲岛来信", text[::-1])  # the same size, at once
        assert path.stat().st_mtime_ns > entry.file_record.mtime_ns


def test_failed_files_keep_articles_and_are_read_again(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cli.folder / "n"
    for name in ("a", "b", "c"):
        write_article(folder / f"{name}.md", f"{name}岛来信", "渡轮照常。")
    cli("index", "n")
    for name in ("a", "b"):
        write_article(folder / f"{name}.md", f"{name}岛来信", "渡轮停航，海带上市。")

    def planned(*args: Any, **kwargs: Any) -> Any:
        made = make_plan(*args, **kwargs)
        (folder / "a.md").unlink(missing_ok=True)
        (folder / "b.md").unlink(missing_ok=True)
        os.mkfifo(folder / "b.md")
        return made

    monkeypatch.setattr(update_module, "make_plan", planned)
    summary = update_index(FolderIndex(cli.index), [str(folder)])
    assert {outcome.value: n for outcome, n in summary.counts.items() if n} == {
        "failed": 2,
        "unchanged": 1,
    }
    assert (summary.removed, summary.articles) == (0, 3)
    assert set(cli.found("渡轮照常")) == {"a岛来信", "b岛来信", "c岛来信"}
    summary = cli.json("index", "n", "--prune")
    assert (summary["unchanged"], summary["removed"]) == (1, 2)


def test_documents_are_parsed_in_workers_only(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    samples = REPOSITORY / "tests/fixtures/formats/documents"
    for number in range(3):
        for name in ("report.pdf", "word.docx"):
            path = samples / name
            (tmp_path / f"{number}-{name}").write_bytes(path.read_bytes())
    files = [each for each in find_files([str(tmp_path)]) if isinstance(each, File)]
    alone = list(prepare_files(files, PrepareOptions(), 1))
    script = f"""
import sys
from newsgrep.extraction.walk import File, find_files
from newsgrep.indexing.preparing import PrepareOptions, prepare_files
if __name__ == "__main__":
    files = [each for each in find_files([{str(tmp_path)!r}]) if isinstance(each, File)]
    found = list(prepare_files(files, PrepareOptions(), 2))
    print(len(found), "pypdfium2" in sys.modules)
"""
    (tmp_path / "run.py").write_text(script, "utf-8")
    ran = subprocess.run(
        [sys.executable, tmp_path / "run.py"], cwd=REPOSITORY, capture_output=True, check=True
    )
    assert ran.stdout.split() == [str(len(alone)).encode(), b"False"]
    assert len(alone) == 12  # each document, and the end of its file


def length(_: None) -> Callable[[bytes], int]:
    return len


def test_workers_are_sent_few_bytes_before_a_result() -> None:
    drawn = 0

    def items() -> Iterator[bytes]:
        nonlocal drawn
        for _ in range(40):
            drawn += 1
            yield bytes(5_000_000)

    results = map_in_order(length, None, items(), 2, len)
    assert next(results) == 5_000_000
    assert drawn <= 8  # chunks that are sent, each of one item
    assert sum(results) == 39 * 5_000_000


def test_large_items_are_awaited_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsgrep.indexing.workers._MAX_BYTES_SENT", 9_000_000)
    drawn = 0

    def items() -> Iterator[bytes]:
        nonlocal drawn
        for _ in range(6):
            drawn += 1
            yield bytes(5_000_000)

    for number, _ in enumerate(map_in_order(length, None, items(), 2, len)):
        assert drawn <= number + 2


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of one thread")
def test_signal_while_children_start_is_handled_afterwards() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)  # receives what this thread blocks
    other.start()
    started = False
    try:
        with pytest.raises(KeyboardInterrupt), deferred_signals():  # noqa: PT012  (the block)
            signal.pthread_kill(other.ident or 0, signal.SIGINT)
            time.sleep(0.2)
            started = True
    finally:
        stop.set()
        other.join()
    assert started
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
