"""Folders with data: nothing is deleted or written that is not identified as data of the index."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from newsgrep.cli.error_messages import describe_system_error
from newsgrep.errors import IndexDamaged, InputError, NewsgrepError
from newsgrep.indexing.copying import CopyOptions, copy_index
from newsgrep.indexing.data_folders import delete_data_folders, mark_data_folder
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import clean_up_index, rebuild_index, repair_index, verify_index
from newsgrep.indexing.manifest import (
    DATA_FILE,
    DRAFT_FILE,
    HOLDER_FILE,
    MANIFEST_FILE,
    RESTORED_FILE,
    SAVED_FILE,
    SEEN_FOLDER,
    load_manifest,
    new_manifest,
    pack_manifest,
    write_draft,
)
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.indexing.user_state import read_saved
from tests.support.cli import write_article
from tests.support.manifests import change_manifest, read_manifest
from tests.support.simulated_archive import index_contents


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        write_article(tmp_path / "n" / f"{number}.md", f"第{number}号公报", "潮汐表照常张贴。")
    return tmp_path / "n"


@pytest.fixture(params=["whoosh", "tantivy"])
def index(request: pytest.FixtureRequest, tmp_path: Path, files: Path) -> FolderIndex:
    index = FolderIndex(tmp_path / "index")
    update_index(index, [str(files)], UpdateOptions(engine=request.param))
    return index


def names(index: FolderIndex) -> set[str]:
    return {path.name for path in index.path.iterdir()}


def data_names(index: FolderIndex) -> set[str]:
    return {path.name for path in index.path.iterdir() if path.is_dir()}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def number_of_articles(index: FolderIndex) -> int:
    return len(index_contents(index)[0])


# A damaged manifest


def test_manifest_detects_each_changed_byte(index: FolderIndex) -> None:
    path = index.path / MANIFEST_FILE
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in (1, 2, 32):
            path.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
            with pytest.raises(IndexDamaged):
                load_manifest(index.path)


def test_damaged_manifest_deletes_no_data(index: FolderIndex, files: Path, tmp_path: Path) -> None:
    path = index.path / MANIFEST_FILE
    content = path.read_bytes()
    other = FolderIndex(tmp_path / "other")
    update_index(other, [str(files)])
    name = read_manifest(index.path).data.encode()
    for changed in (
        content.replace(name, name[:-1] + b"x"),
        content[:-2],
        b"",
        b"[" * 9999,
    ):
        path.write_bytes(changed)
        before = bytes_of(index.path)
        for command in (
            lambda: rebuild_index(index),
            lambda: update_index(index, [str(files)]),
            lambda: clean_up_index(index),
            lambda: index.rollback(),
            lambda: copy_index(other, index, CopyOptions()),
            lambda: copy_index(other, index, CopyOptions(replace=True)),
        ):
            with pytest.raises(NewsgrepError):
                command()
        after = bytes_of(index.path)
        assert {path: after[path] for path in before} == before


def test_manifest_of_another_index_is_damage(
    index: FolderIndex, files: Path, tmp_path: Path
) -> None:
    engine = read_manifest(index.path).engine
    other = FolderIndex(tmp_path / "other")
    update_index(other, [str(files / "1.md")], UpdateOptions(engine=engine))
    shutil.copyfile(other.path / MANIFEST_FILE, index.path / MANIFEST_FILE)
    assert verify_index(index).is_repairable
    with pytest.raises(IndexDamaged), index.open():
        pass
    assert repair_index(index).restored == MANIFEST_FILE
    assert number_of_articles(index) == 3
    assert verify_index(index, deep=True).problems == ()


def test_data_of_another_index_is_damage(index: FolderIndex, files: Path, tmp_path: Path) -> None:
    name = read_manifest(index.path).engine
    other = FolderIndex(tmp_path / "other")
    update_index(other, [str(files / "1.md")], UpdateOptions(engine=name))
    shutil.rmtree(index.path / name)
    shutil.copytree(other.path / name, index.path / name)
    with pytest.raises(IndexDamaged), index.open():
        pass
    with pytest.raises(IndexDamaged):
        rebuild_index(index)
    with pytest.raises(IndexDamaged):
        index.rollback()
    repair_index(index)
    assert number_of_articles(index) == 1


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_repair_restores_manifest_without_rebuild(
    index: FolderIndex, content: bytes | None
) -> None:
    path = index.path / MANIFEST_FILE
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    done = repair_index(index)
    assert (done.restored, done.rebuilt) == (MANIFEST_FILE, None)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_repair_restores_copy_of_manifest(index: FolderIndex, content: bytes | None) -> None:
    path = index.path / read_manifest(index.path).data / DATA_FILE
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert verify_index(index).is_repairable
    done = repair_index(index)
    assert (done.restored, done.rebuilt) == (f"{path.parent.name}/{DATA_FILE}", None)
    assert path.read_bytes() == before


def test_repair_prefers_newest_confirmed_data(index: FolderIndex) -> None:
    old = index.path / read_manifest(index.path).data
    kept = index.path.parent / "kept"
    shutil.copytree(old, kept)
    rebuild_index(index)
    current = read_manifest(index.path).data
    kept.rename(old)  # a run that was killed before it deleted the old data
    (index.path / MANIFEST_FILE).unlink()
    repair_index(index)
    assert read_manifest(index.path).data == current
    assert data_names(index) == {current}


def test_repair_ignores_data_of_a_draft(index: FolderIndex) -> None:
    manifest = read_manifest(index.path)
    draft = new_manifest(manifest.engine, f"{manifest.engine}-2")
    shutil.copytree(index.path / manifest.data, index.path / draft.data)
    (index.path / draft.data / DATA_FILE).write_bytes(pack_manifest(draft))
    write_draft(index.path, draft)
    (index.path / MANIFEST_FILE).unlink()
    repair_index(index)
    assert read_manifest(index.path) == manifest
    assert data_names(index) == {manifest.data}
    assert DRAFT_FILE not in names(index)


def test_lost_manifest_of_older_format_is_rebuilt(index: FolderIndex) -> None:
    change_manifest(index.path, analyser={"fold": 0})
    (index.path / MANIFEST_FILE).unlink()
    rebuilt = repair_index(index).rebuilt
    assert rebuilt is not None
    assert rebuilt.articles == 3
    assert verify_index(index, deep=True).problems == ()


# Folders and links that are not data


def use_index(index: FolderIndex, files: Path) -> None:
    """Run every command that deletes data folders."""
    write_article(files / "4.md", "第4号公报", "潮汐表照常张贴。")
    update_index(index, [str(files)])
    clean_up_index(index)
    rebuild_index(index)
    (index.path / MANIFEST_FILE).unlink()
    repair_index(index)
    update_index(index, [str(files)])
    assert number_of_articles(index) == 4


@pytest.mark.parametrize("content", [{}, {"a.txt": b"mine"}, {DATA_FILE: b"{}", "a": b"mine"}])
def test_foreign_folder_is_never_deleted(
    index: FolderIndex, files: Path, content: dict[str, bytes]
) -> None:
    foreign = index.path / f"{read_manifest(index.path).engine}-7"
    foreign.mkdir()
    for name, data in content.items():
        (foreign / name).write_bytes(data)
    use_index(index, files)
    assert bytes_of(foreign) == content


def test_link_to_a_folder_is_never_followed(index: FolderIndex, files: Path) -> None:
    engine = read_manifest(index.path).engine
    elsewhere = index.path.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copyfile(index.path / engine / DATA_FILE, elsewhere / DATA_FILE)
    (elsewhere / "a.txt").write_bytes(b"mine")
    before = bytes_of(elsewhere)
    for name in (f"{engine}-2", f"{engine}-3", f"{engine}-9"):
        (index.path / name).symlink_to(elsewhere)
    use_index(index, files)
    assert bytes_of(elsewhere) == before


@pytest.mark.parametrize("name", [DRAFT_FILE, HOLDER_FILE, RESTORED_FILE])
def test_link_to_a_file_is_never_written_through(
    index: FolderIndex, files: Path, name: str
) -> None:
    target = index.path.parent / "mine.txt"
    target.write_bytes(b"mine")
    (index.path / name).symlink_to(target)
    use_index(index, files)
    assert target.read_bytes() == b"mine"


def test_pipe_as_manifest_is_damage(index: FolderIndex) -> None:
    (index.path / MANIFEST_FILE).unlink()
    os.mkfifo(index.path / MANIFEST_FILE)
    with pytest.raises(IndexDamaged), index.open():
        pass


def test_folder_as_manifest_is_named_and_stays(index: FolderIndex) -> None:
    path = index.path / MANIFEST_FILE
    path.unlink()
    (path / "own").mkdir(parents=True)
    before = names(index)
    with pytest.raises(IsADirectoryError) as caught:
        repair_index(index)
    assert describe_system_error(caught.value) == (
        f"Is a directory: {path}. Move this folder away, or name another file."
    )
    assert names(index) == before
    assert (path / "own").is_dir()


@pytest.mark.parametrize("is_pipe", [False, True])
def test_file_instead_of_data_folder_is_damage(index: FolderIndex, is_pipe: bool) -> None:
    data = index.path / read_manifest(index.path).data
    data.rename(index.path.with_name("moved"))
    os.mkfifo(data) if is_pipe else data.write_bytes(b"mine")
    before = names(index)
    with pytest.raises(IndexDamaged, match=f"{data.name} is not a folder"), index.open():
        pass
    assert [problem.in_data for problem in verify_index(index).problems] == [True]
    with pytest.raises(IndexDamaged, match="Nothing can be restored"):
        repair_index(index)
    assert names(index) == before
    assert is_pipe or data.read_bytes() == b"mine"


# What interrupted runs leave


def test_rest_of_a_deleted_folder_is_deleted(index: FolderIndex, files: Path) -> None:
    manifest = read_manifest(index.path)
    rebuild_index(index)
    rest = index.path / manifest.data
    rest.mkdir()
    (rest / DATA_FILE).write_bytes(pack_manifest(manifest))
    (rest / "a.seg").write_bytes(b"rest")
    update_index(index, [str(files)])
    assert not rest.exists()


def test_interrupted_deletion_is_completed(
    index: FolderIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {name: getattr(os, name) for name in ("unlink", "rmdir", "rename")}
    manifest = read_manifest(index.path)
    rest = index.path / f"{manifest.engine}-9"
    is_interrupted = True
    for allowed in range(9):
        left = allowed

        def count_calls(name: str, *args: Any, **options: Any) -> None:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            calls[name](*args, **options)

        rest.mkdir()
        mark_data_folder(rest, manifest._replace(data=rest.name))
        (rest / "a.seg").write_bytes(b"rest")
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            for name in calls:
                patch.setattr(os, name, partial(count_calls, name))
            delete_data_folders(index.path, [rest.name])
            is_interrupted = False
        clean_up_index(index)
        assert data_names(index) == {manifest.data}
        if not is_interrupted:
            break
    assert allowed > 2
    assert not is_interrupted


def test_unfinished_folder_is_deleted(index: FolderIndex) -> None:
    for name in ("whoosh-8.new", "tantivy-9.new"):
        (index.path / name).mkdir()
    (index.path / "whoosh-8.new" / DATA_FILE).write_bytes(b"{")
    assert sorted(clean_up_index(index)) == ["tantivy-9.new", "whoosh-8.new"]
    assert len(data_names(index)) == 1


def test_first_run_continues_after_a_killed_one(tmp_path: Path, files: Path) -> None:
    index = FolderIndex(tmp_path / "index")
    update_index(index, [str(files)])
    manifest = read_manifest(index.path)
    (index.path / MANIFEST_FILE).unlink()
    write_draft(index.path, manifest)  # as if it had not been confirmed
    assert update_index(index, [str(files)]).articles == 3
    assert read_manifest(index.path) != manifest
    assert data_names(index) == {"whoosh"}


def test_data_without_manifest_or_draft_is_a_lost_manifest(index: FolderIndex, files: Path) -> None:
    (index.path / MANIFEST_FILE).unlink()
    with pytest.raises(IndexDamaged, match="doctor --fix"):
        update_index(index, [str(files)])


def test_folder_without_data_is_no_index(tmp_path: Path, files: Path) -> None:
    index = FolderIndex(tmp_path / "index")
    (index.path / "whoosh").mkdir(parents=True)
    (index.path / "whoosh" / "a.txt").write_bytes(b"mine")
    with pytest.raises(InputError, match="contains other files"):
        update_index(index, [str(files)])


def test_repeated_copy_is_complete_already(index: FolderIndex, tmp_path: Path) -> None:
    target = FolderIndex(tmp_path / "copy")
    assert not copy_index(index, target, CopyOptions()).is_repeated
    manifest = read_manifest(target.path)
    again = copy_index(index, target, CopyOptions())
    assert (again.articles, again.files, again.is_repeated) == (3, 3, True)
    assert read_manifest(target.path) == manifest


def test_pipe_or_link_as_saved_queries_is_not_read(index: FolderIndex, files: Path) -> None:
    os.mkfifo(index.path / SAVED_FILE)
    (index.path / SEEN_FOLDER).symlink_to(files)
    with pytest.raises(InputError, match="Not a regular file"):
        read_saved(index)
    update_index(index, [str(files)])
    assert not (index.personal_folder / SEEN_FOLDER).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "../elsewhere", "engine": "../elsewhere"},
        {"data": "whoosh/../../elsewhere"},
        {"data": "whoosh-" + "9" * 5000},
        {"data": 5},
        {"engine": None},
        {"format": "6"},
        {"format": True},
        {"made_by": "1\n2"},
        {"made_by": "9" * 10_000},
        {"id": ["x"]},
        {"analyser": "9" * 100_000},
    ],
)
def test_hostile_manifest_is_damage(
    index: FolderIndex, files: Path, changes: dict[str, Any]
) -> None:
    before = data_names(index)
    manifest = read_manifest(index.path)._replace(**changes)
    (index.path / MANIFEST_FILE).write_bytes(pack_manifest(manifest))
    for command in (index.read_manifest, lambda: update_index(index, [str(files)])):
        with pytest.raises(IndexDamaged):
            command()
    assert data_names(index) == before


def test_repair_without_data_changes_nothing(index: FolderIndex) -> None:
    shutil.rmtree(index.path / read_manifest(index.path).data)
    before = bytes_of(index.path)
    with pytest.raises(IndexDamaged, match="no article can be read"):
        repair_index(index)
    assert bytes_of(index.path) == before


def test_repair_of_damaged_data_without_its_manifest(index: FolderIndex) -> None:
    data = index.path / read_manifest(index.path).data
    (data / DATA_FILE).unlink()
    (terms,) = (path for path in data.iterdir() if path.suffix in {".trm", ".idx"})
    terms.write_bytes(terms.read_bytes()[:-1])
    done = repair_index(index)
    assert done.restored == f"{data.name}/{DATA_FILE}"
    assert done.rebuilt is not None
    assert verify_index(index, deep=True).problems == ()
    assert len(data_names(index)) == 1


def test_verification_repeats_for_an_index_that_changes(
    index: FolderIndex, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index.open() as engine:
        engine_class = type(engine)
    verify, calls = engine_class.verify, list[int]()

    def late(self: Any, *, deep: bool = False) -> Any:
        calls.append(len(calls))
        if len(calls) == 1:
            for number in (4, 5, 6):
                write_article(files / "1.md", f"第{number}号公报", "潮汐表改期张贴。")
                update_index(index, [str(files)])
                rebuild_index(index)
        return verify(self, deep=deep)

    monkeypatch.setattr(engine_class, "verify", late)
    report = verify_index(index)
    assert report.problems == ()
    assert (report.articles, len(calls)) == (3, 2)


def test_copy_of_data_by_hand_is_not_deleted(index: FolderIndex, files: Path) -> None:
    engine = read_manifest(index.path).engine
    backup = index.path / f"{engine}-5"
    shutil.copytree(index.path / engine, backup)
    before = bytes_of(backup)
    use_index(index, files)
    assert bytes_of(backup) == before
