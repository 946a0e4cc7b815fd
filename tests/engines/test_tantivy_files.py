"""The files of a tantivy index: what is compared when, failing writers, hostile descriptions."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import DeleteArticle, EngineRequest, Stored, Unreadable
from newsgrep.engines.commit_writer import seal
from newsgrep.engines.commits import (
    Commit,
    CommitFolder,
    checksum_file,
    file_problem,
    parse_sealed,
)
from newsgrep.engines.registry import open_engine, salvage
from newsgrep.engines.tantivy import damaged, files, verified
from newsgrep.engines.tantivy.damaged import find_hazard, read_damaged
from newsgrep.engines.tantivy.files import (
    OWN_FILES,
    commit_meta,
    linked_folder,
    temporary_folder,
    translate_errors,
)
from newsgrep.engines.tantivy.verified import VERIFIED_NAME, VerifiedFiles, write_record
from newsgrep.engines.tantivy.writer import translate_write_errors
from newsgrep.errors import IndexDamaged, IndexProblem, InputError
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import repair_index, verify_index
from newsgrep.query.ast import MatchAll
from tests.support.cli import REPOSITORY, TIMEOUT
from tests.support.contract_archive import ARCHIVE
from tests.support.factories import engine_with, make_article, upsert

NAME = "tantivy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an index of two segments, one with deleted documents."""
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    engine.write([upsert(make_article("one", "灯塔", "雾散了。")), DeleteArticle("fish")])
    engine.close()
    return tmp_path / NAME


def last_commit(folder: Path) -> Commit:
    return CommitFolder(folder, NAME, OWN_FILES).last()


def article_count(folder: Path) -> int:
    engine = open_engine(NAME, folder)
    try:
        return engine.search(EngineRequest(MatchAll())).total
    finally:
        engine.close()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the names of the files that are compared from now on."""
    names: list[str] = []
    compare = file_problem

    def recorded(folder: Path, name: str, *args: Any, **options: Any) -> str | None:
        names.append(name)
        return compare(folder, name, *args, **options)

    monkeypatch.setattr(verified, "file_problem", recorded)
    return names


def test_written_files_are_not_compared_by_readers(folder: Path, compared: list[str]) -> None:
    assert article_count(folder) == len(ARCHIVE)
    assert compared == []


def test_copied_files_are_compared_once(folder: Path, tmp_path: Path, compared: list[str]) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    time.sleep(0.03)  # files that have changed just now are not recorded
    names = last_commit(folder).files.keys()
    article_count(copy)
    assert set(compared) == names
    compared.clear()
    article_count(copy)
    assert compared == []
    rewritten = copy / min(names)
    rewritten.write_bytes(rewritten.read_bytes())
    article_count(copy)
    assert compared == [rewritten.name]


@pytest.mark.parametrize("content", [None, b"", b"{}", "changed"])
def test_unreadable_record_makes_all_files_be_compared(
    folder: Path, compared: list[str], content: bytes | str | None
) -> None:
    record = folder / VERIFIED_NAME
    match content:
        case None:
            record.unlink()
        case bytes():
            record.write_bytes(content)
        case _:
            record.write_bytes(record.read_bytes().replace(b"1", b"2"))
    article_count(folder)
    assert set(compared) == last_commit(folder).files.keys()


def test_record_is_in_the_cache_if_the_index_is_read_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / VERIFIED_NAME).unlink()
    (folder / VERIFIED_NAME).mkdir()  # nobody can write a file of this name, not even root
    time.sleep(0.03)
    article_count(folder)
    assert compared
    compared.clear()
    article_count(folder)
    assert compared == []


def test_file_that_changes_while_it_is_compared_is_not_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / VERIFIED_NAME).unlink()
    time.sleep(0.03)
    compare = file_problem

    def meanwhile(directory: Path, name: str, *args: Any, **options: Any) -> str | None:
        os.utime(directory / name)
        return compare(directory, name, *args, **options)

    monkeypatch.setattr(verified, "file_problem", meanwhile)
    article_count(folder)
    assert not (folder / VERIFIED_NAME).exists()


def test_writer_compares_all_files_after_a_week(folder: Path) -> None:
    commit = last_commit(folder)
    path = folder / max(commit.files, key=lambda name: commit.files[name].size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    # As if the disk had changed the byte, which no file system notices.
    stamps = verified._current_stamps(CommitFolder(folder, NAME, OWN_FILES), commit)
    time.sleep(0.03)
    write_record(folder, VerifiedFiles(stamps, time.time() - verified.FULL_INTERVAL_SECONDS - 60))
    engine = open_engine(NAME, folder)
    assert any(path.name in problem.sentence for problem in engine.verify())
    with pytest.raises(IndexDamaged, match=path.name):
        engine.write([DeleteArticle("bridge")])
    engine.close()


def test_readers_leave_no_temporary_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for _ in range(20):
        article_count(folder)
    assert any(isinstance(item, Stored) for item in salvage(NAME, folder))
    assert list(temporary.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def make_up(folder: Path, change: Callable[[bytearray], None], ending: str = ".store") -> None:
    """Change files and give the commit their checksums, as if tantivy had written them so."""
    path = folder / f"commit-{last_commit(folder).number}.json"
    content, _ = parse_sealed(path.read_bytes())
    for name in content["files"]:
        if name.endswith(ending):
            data = bytearray((folder / name).read_bytes())
            change(data)
            # A file that a thread of tantivy has mapped must not get shorter: SIGBUS ends pytest.
            (folder / f"{name}.made-up").write_bytes(data)
            (folder / f"{name}.made-up").replace(folder / name)
            content["files"][name] = checksum_file(folder / name)
    path.write_bytes(seal(content))


def claim_many_layers(store: bytearray) -> None:
    """Write a number of 35 bits where a file of documents has its number of index layers."""
    end = len(store) - 8 - int.from_bytes(store[-8:-4], "little")
    start = int.from_bytes(store[end - 24 : end - 16], "little")
    store[start : start + 5] = b"\x7f\x7f\x7f\x7f\xff"


OPENED = "import sys; from tantivy import Index; Index.open(sys.argv[1]).searcher()"


def test_made_up_index_that_aborts_tantivy_is_damaged(folder: Path) -> None:
    make_up(folder, claim_many_layers)
    links = {name: folder / name for name in last_commit(folder).files}
    with linked_folder(links, commit_meta(last_commit(folder))) as linked:
        run = [sys.executable, "-c", OPENED, str(linked)]
        assert subprocess.run(run, check=False, capture_output=True).returncode == -signal.SIGABRT
    for _ in range(2):
        with pytest.raises(IndexDamaged, match="tantivy can't read it"):
            open_engine(NAME, folder)
    assert all(isinstance(item, Unreadable) for item in salvage(NAME, folder))


def test_made_up_index_that_panics_writes_no_message(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def claim_long_block(store: bytearray) -> None:
        end = len(store) - 8 - int.from_bytes(store[-8:-4], "little")
        store[end - 24 : end - 16] = (end - 1).to_bytes(8, "little")

    make_up(folder, claim_long_block)
    with pytest.raises(IndexDamaged, match="tantivy can't read it"):
        open_engine(NAME, folder)
    assert all(isinstance(item, Unreadable) for item in salvage(NAME, folder))
    assert capfd.readouterr().err == ""


def test_copied_index_is_tried_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[Path]()

    def tries(links: Path) -> str | None:
        tried.append(links)
        return find_hazard(links)

    monkeypatch.setattr(damaged, "find_hazard", tries)
    assert article_count(folder) == len(ARCHIVE)
    assert tried == []  # written here
    copy = Path(shutil.copytree(folder, folder.with_name("copy")))
    time.sleep(0.03)
    assert [article_count(copy) for _ in range(3)] == 3 * [len(ARCHIVE)]
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("code", "hazard"),
    [
        ("1 / 0", ""),  # newsgrep can't be started
        ("print('started'); print('readable')", ""),
        ("print('started', flush=True); import os; os.abort()", "can't read it"),
        ("print('started')", "can't read it"),
    ],
)
def test_find_hazard_by_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, hazard: str
) -> None:
    monkeypatch.setattr(damaged, "_FLAGS", ("-c", code))
    assert (find_hazard(tmp_path) or "").endswith(hazard)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (f"print('started'); print(-{errno.EMFILE})", errno.EMFILE),
        ("print('started', flush=True); import os; os.kill(os.getpid(), 9)", errno.ENOMEM),
    ],
)
def test_find_hazard_raises_errors_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, number: int
) -> None:
    monkeypatch.setattr(damaged, "_FLAGS", ("-c", code))
    with pytest.raises(OSError, match=r"memory|files") as caught:
        find_hazard(tmp_path)
    assert caught.value.errno == number


KILLED_READER = """
import os, signal, sys
from pathlib import Path
from tantivy import Index
from newsgrep.engines.registry import open_engine
Index.open = lambda path: os.kill(os.getpid(), signal.SIGKILL)
open_engine("tantivy", Path(sys.argv[1]))
"""


def test_next_reader_deletes_the_folder_of_a_killed_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    ran = subprocess.run([sys.executable, "-c", KILLED_READER, str(folder)], check=False)
    assert ran.returncode == -signal.SIGKILL
    (left,) = temporary.iterdir()
    article_count(folder)
    assert list(temporary.iterdir()) == [left]  # perhaps its process has just begun
    hour_ago = time.time() - 3600
    os.utime(left, (hour_ago, hour_ago))
    with temporary_folder(lambda new: os.utime(new, (hour_ago, hour_ago))) as used:
        article_count(folder)
        assert list(temporary.iterdir()) == [used]
    assert list(temporary.iterdir()) == []


def test_full_temporary_folder_is_replaced_by_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, tried = tempfile.mkdtemp, list[str]()

    def fails_once(*args: Any, **options: Any) -> str:
        tried.append(options["dir"])
        if len(tried) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return str(create(*args, **options))

    monkeypatch.setattr(tempfile, "mkdtemp", fails_once)
    assert article_count(folder) == len(ARCHIVE)
    assert len(set(tried)) == 2


def test_no_temporary_folder_names_the_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", fails)
    with pytest.raises(InputError, match=r"No space left on device.*TMPDIR"):
        open_engine(NAME, folder)


LIMITED_WRITER = """
import resource, sys
from pathlib import Path
from newsgrep.engines.registry import open_engine
from tests.support.factories import make_article, upsert
folder = Path(sys.argv[1])
engine = open_engine("tantivy", folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
texts = ("".join(chr(0x4E00 + (a * b) % 3001) for b in range(900)) for a in range(1, 200))
try:
    engine.write(upsert(make_article(f"n{n}", "雾", text)) for n, text in enumerate(texts))
except OSError as error:
    print(error.strerror, error.filename == str(folder))
"""


def test_writer_without_space_keeps_the_old_index(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED_WRITER, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert ran.stdout == f"{os.strerror(errno.EFBIG)} True\n"
    assert ran.stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == before
    engine = open_engine(NAME, folder)
    assert engine.verify(deep=True) == []
    engine.write([upsert(make_article("two", "灯塔", "雾散了。"))])
    engine.close()


def test_errors_of_the_system_keep_their_cause(tmp_path: Path) -> None:
    texts = {
        "An IO error occurred: 'No space left on device (os error 28)'": errno.ENOSPC,
        'IoError(Os { code: 24, kind: Uncategorized, message: "Too many" })': errno.EMFILE,
    }
    for translate in (translate_errors, translate_write_errors):
        for text, number in texts.items():
            with pytest.raises(OSError, match=str(tmp_path)) as caught, translate(tmp_path):
                raise ValueError(text)
            assert caught.value.errno == number


def test_stopped_writer_is_a_problem_with_the_next_step(tmp_path: Path) -> None:
    with (
        pytest.raises(IndexProblem, match=r"worker died.*run the command again") as caught,
        translate_write_errors(tmp_path),
    ):
        raise ValueError("worker died")
    assert not isinstance(caught.value, IndexDamaged)
    assert caught.value.exit_status == 2


def _segment(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda meta: meta["segments"][0].update(changes)


HOSTILE_METAS: dict[str, Callable[[dict[str, Any]], object]] = {
    "name leads out": _segment(segment_id="../../../../etc/passwd"),
    "name of another": _segment(segment_id="0" * 8 + "-0000" * 3 + "-" + "0" * 12),
    "no name": _segment(segment_id=None),
    "many documents": _segment(max_doc=2**31),
    "most documents": _segment(max_doc=2**32 - 1),
    "negative documents": _segment(max_doc=-1),
    "no number of documents": _segment(max_doc="many"),
    "list of deleted elsewhere": _segment(deletes={"opstamp": "../x", "num_deleted_docs": 1}),
    "no segments": lambda meta: meta.pop("segments"),
    "no list": lambda meta: meta.update(segments=7),
    "repeated": lambda meta: meta["segments"].append(meta["segments"][0]),
    "no schema": lambda meta: meta.pop("schema"),
    "empty schema": lambda meta: meta.update(schema=[]),
    "schema of numbers": lambda meta: meta.update(schema=[1]),
    "other fields": lambda meta: [field.update(name="x") for field in meta["schema"][:1]],
    "no compression": lambda meta: meta["index_settings"].update(docstore_compression="x"),
}


@pytest.mark.parametrize("change", HOSTILE_METAS.values(), ids=HOSTILE_METAS)
def test_hostile_description_is_an_error(
    folder: Path, change: Callable[[dict[str, Any]], object], capfd: pytest.CaptureFixture[str]
) -> None:
    path = folder / f"commit-{last_commit(folder).number}.json"
    content, _ = parse_sealed(path.read_bytes())
    change(content["state"]["meta"])
    path.write_bytes(seal(content))
    with pytest.raises(IndexDamaged):
        open_engine(NAME, folder)
    try:
        items = list(salvage(NAME, folder))
    except IndexDamaged:
        items = []
    assert all(isinstance(item, Stored | Unreadable) for item in items)
    assert "panicked" not in capfd.readouterr().err


def test_own_files_are_those_of_an_index_only() -> None:
    for name in ("0" * 32 + ".idx", "a" * 32 + ".12.del", "work", "meta.json", "before"):
        assert OWN_FILES.fullmatch(name)
    for name in ("notes.txt", "working", "verified.json", "writer.lock", "newsgrep.data.json"):
        assert not OWN_FILES.fullmatch(name)
    assert files.WORK_FOLDER == "work"


DYING_READER = """
import os, signal, sys
first = int(sys.argv[3])
print("started")
print(4, flush=True)
for number in range(first, 4):
    if number == 1:
        os.kill(os.getpid(), signal.{signal})
    print('null' if number == 2 else '{{"id": "%s", "texts": ["eA=="]}}' % number, flush=True)
"""


def test_damaged_document_that_ends_its_process_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = DYING_READER.format(signal="SIGABRT")
    monkeypatch.setattr(damaged, "_FLAGS", ("-c", script))
    found = [each and each.to_dict() for each in read_damaged(tmp_path)]
    assert found == [
        {"id": ["0"], "texts": [b"x"]},
        None,
        None,
        {"id": ["3"], "texts": [b"x"]},
    ]


@pytest.mark.parametrize(
    ("script", "number"),
    [
        (DYING_READER.format(signal="SIGKILL"), errno.ENOMEM),
        ("print('started'); print(-24)", errno.EMFILE),
    ],
)
def test_reader_that_the_system_stops_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, number: int
) -> None:
    monkeypatch.setattr(damaged, "_FLAGS", ("-c", script))
    with pytest.raises(OSError, match=str(tmp_path)) as caught:
        list(read_damaged(tmp_path))
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("-c", "raise SystemExit('a library is missing')"), "a library is missing"),
        (("-c", "import os; os._exit(3)"), "it ended with status 3"),
        (("-c", "print('newsgrep 0.1.0')"), "it ended with status 0"),
        (None, os.strerror(errno.ENOENT)),
    ],
)
def test_repair_without_another_process_changes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...] | None,
    reason: str,
) -> None:
    index = FolderIndex(tmp_path / "index")
    index.prepare()
    with index.create(NAME) as engine:
        engine.write(upsert(article) for article in ARCHIVE)
        index.confirm()
    data = index.path / index.read_manifest().data
    store = data / next(name for name in last_commit(data).files if name.endswith(".store"))
    content = bytearray(store.read_bytes())
    content[len(content) // 2] ^= 1
    store.write_bytes(content)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    with monkeypatch.context() as patched:
        if flags:
            patched.setattr(damaged, "_FLAGS", flags)
        else:
            patched.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(IndexProblem, match=reason) as caught:
            repair_index(index)
    assert "nothing was changed" in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before
    repair_index(index)
    assert verify_index(index, deep=True).problems == ()


def test_every_document_of_a_damaged_file_is_accounted_for(folder: Path) -> None:
    commit = last_commit(folder)
    count = len(list(salvage(NAME, folder)))
    for name in (each for each in commit.files if each.endswith(".store")):
        content = (folder / name).read_bytes()
        for damage in (bytes(len(content)), content[:-30] + b"\xff" * 30, b""):
            (folder / name).write_bytes(damage)
            items = list(salvage(NAME, folder))
            assert len(items) >= count
            assert Unreadable(None) in items
        (folder / name).write_bytes(content)
