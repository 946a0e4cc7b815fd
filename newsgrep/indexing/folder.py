"""An index in a folder.

The manifest names the subfolder with the engine's data. A new index is built in a subfolder
beside the existing one, and putting its manifest in place is the switch. What writes to data
folders or deletes them is in :mod:`newsgrep.indexing.data_folders`, which a search does not need.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.engines.registry import (
    DEFAULT_ENGINE,
    is_on_server,
    open_engine,
    rollback,
    salvage,
)
from newsgrep.errors import (
    IndexDamaged,
    IndexLocked,
    IndexMismatch,
    IndexMissing,
    IndexProblem,
    InputError,
)
from newsgrep.indexing.manifest import (
    DATA_FILE,
    DRAFT_FILE,
    HOLDER_FILE,
    MANIFEST_FILE,
    OWN_FILES,
    RESTORED_FILE,
    Manifest,
    ManifestVersion,
    check_compatible,
    check_data,
    confirm_draft,
    load_manifest,
    manifest_version,
    new_manifest,
    read_draft,
    write_draft,
)
from newsgrep.indexing.store import Index, OpenIndex, refuse_other_engine
from newsgrep.messages import Message, message, plural, system_reason
from newsgrep.models import Value
from newsgrep.terminal import count_noun

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary
    from newsgrep.engines.commits import Commit

_DRAFTS: Final = (DRAFT_FILE, RESTORED_FILE)
_MAX_SEARCHED: Final = 4
"""Folders above that an error names."""

_IGNORED_FILES: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN_FILES}


class FolderIndex(Value, Index):
    """An index in the folder ``path``.

    ``searched`` names the folders that were searched for an index, if the user named none, and
    ``named_by`` what named it, if that was not the command line.
    """

    path: Path
    searched: tuple[str, ...] = ()
    named_by: str = ""

    is_local = True
    has_commits = True

    def __str__(self) -> str:
        return str(self.path)

    @property
    def where(self) -> str:
        """Return ``in PATH``."""
        return message("in {path}", path=self.path)

    @property
    def personal_folder(self) -> Path:
        """Return the folder ``NAME.saved`` beside the index, where everybody finds it.

        If it does not exist and can't be created there, it is in the index.
        """
        path = self.path.resolve()
        beside = path.parent / f"{path.name}.saved"
        if beside.is_dir() or os.access(beside.parent, os.W_OK) or not os.access(path, os.W_OK):
            return beside
        return path

    @property
    def former_personal_folder(self) -> Path | None:
        """Return the folder of the index itself."""
        return self.path

    @property
    def own_folders(self) -> frozenset[str]:
        """Return the folder, and the one beside it."""
        from newsgrep.extraction.walk import spelled_paths  # a search does not need it

        folders = (self.path.absolute(), self.path.resolve(), self.personal_folder)
        return frozenset(spelled_paths(map(str, folders)))

    def table_of_known_files(self, manifest: Manifest) -> Path:
        """Return its name in the folder of the data, with which it is deleted."""
        from newsgrep.indexing.known_table import TABLE_NAME  # a search does not need it

        return self.path / manifest.data / TABLE_NAME

    @property
    def identity(self) -> tuple[str, str]:
        """Return the absolute path without links."""
        return "", str(self.path.resolve())

    def same_as(self, other: Index) -> bool:
        """Return whether both mean one folder, whose name may be written in several ways."""
        if isinstance(other, FolderIndex):
            with suppress(OSError):
                return self.path.samefile(other.path)
        return super().same_as(other)

    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:
        """Return ``wanted``, or ``preferred`` if it stores its data in folders."""
        return wanted or (DEFAULT_ENGINE if is_on_server(preferred) else preferred)

    def exists(self) -> bool:
        """Return whether there is a manifest."""
        return (self.path / MANIFEST_FILE).exists()

    def read_manifest(self, *, any_analyser: bool = False) -> Manifest:
        """Read the manifest in the folder."""
        loaded = load_manifest(self.path)
        if loaded is None:
            raise self.missing()
        self._check(loaded[0], any_analyser=any_analyser)
        return loaded[0]

    def manifest_version(self) -> ManifestVersion | None:
        """Return the identity of the manifest's file."""
        return manifest_version(self.path)

    def _check(self, manifest: Manifest, *, any_analyser: bool = False) -> None:
        remedy = message("delete the folder and index again")
        try:
            check_compatible(manifest, self.where, remedy, any_analyser=any_analyser)
        except IndexMismatch:
            with suppress(OSError):
                self.copy_personal_files()  # the folder may be deleted next
            raise

    def try_open(self, *, engine: str | None = None) -> OpenIndex | None:
        """Open the data that the manifest names."""
        while (loaded := load_manifest(self.path)) is not None:
            manifest, version = loaded
            refuse_other_engine(self, manifest, engine)
            self._check(manifest)
            data = self.path / manifest.data
            try:
                check_data(self.path, manifest)
                opened = open_engine(manifest.engine, data)
            except (IndexProblem, FileNotFoundError):
                # If the index was rebuilt meanwhile, its data is in another subfolder.
                if manifest_version(self.path) == version:
                    raise
            else:
                opened.user_dictionary = manifest.user_dictionary
                return OpenIndex(manifest, version, opened)
        return None

    def missing(self) -> IndexProblem:
        """Return why there is no manifest in the folder."""
        if self._has_lost_manifest():
            return IndexDamaged(
                "The index in {path} has lost its {manifest_file}: newsgrep doctor --fix "
                "restores it, or delete the folder and index again.",
                path=self.path,
                manifest_file=MANIFEST_FILE,
            )
        return IndexMissing(
            "{problem}. Create one: newsgrep index PATH. Or name yours: --index INDEX.",
            problem=self._describe_search(),
        )

    def _describe_search(self) -> str:
        """Return where there is no index, and what named this place."""
        path = self.path.absolute()
        if self.named_by:
            return message("No index in {path}, which {name} names", path=path, name=self.named_by)
        above = self.searched[1:]
        if not above:
            return message("No index in {path}", path=path)
        shown = ", ".join(above[:_MAX_SEARCHED])
        if (more := len(above) - _MAX_SEARCHED) > 0:
            return message(
                "No index in {path}, nor in a folder above ({folders} and {count} more)",
                path=path,
                folders=shown,
                count=more,
            )
        return message(
            "No index in {path}, nor in a folder above ({folders})", path=path, folders=shown
        )

    def _has_lost_manifest(self) -> bool:
        """Return whether there is data that no first run has left behind."""
        from newsgrep.indexing.data_folders import data_folders

        if self.exists():
            return False
        try:
            draft = read_draft(self.path)
            return any(not draft or name != draft.data for name in data_folders(self.path))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return False

    def iter_stored(self, manifest: Manifest) -> Iterator[Stored | Unreadable]:
        """Salvage the data that the manifest names."""
        data = self.path / manifest.data
        check_data(self.path, manifest)
        return salvage(manifest.engine, data)

    def size(self) -> int:
        """Add up all files; one that two commits share counts once."""
        sizes = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    status = Path(folder, name).lstat()
                    sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())

    def prepare(self) -> None:
        """Make the folder, if there is none."""
        from newsgrep.indexing.data_folders import data_folders, unfinished_folders

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = {path.name for path in self.path.iterdir()} - _IGNORED_FILES
        except (FileExistsError, NotADirectoryError) as exc:
            raise InputError(
                "{path} is a file: name a folder for the index.", path=self.path
            ) from exc
        except OSError as exc:
            raise InputError(
                "No index can be created in {path} ({reason}). Name another folder.",
                path=self.path,
                reason=system_reason(exc),
            ) from exc
        if self._has_lost_manifest():
            raise self.missing()
        # An interrupted first run leaves its draft, and data.
        left = {DRAFT_FILE, *data_folders(self.path), *unfinished_folders(self.path)}
        if present - left:
            raise InputError(
                "{path} contains other files and no index. Name an empty or new folder.",
                path=self.path,
            )

    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:
        """Lock the folder."""
        from newsgrep.indexing.lock import write_lock  # a search needs no lock

        with suppress(OSError):
            self.copy_personal_files()
        return write_lock(self.path, wait)

    @contextmanager
    def freeze(self, wait: float = 0.0) -> Iterator[None]:
        """Lock the folder, if it can be written to."""
        self.read_manifest()  # no lock is made where there is no index
        with ExitStack() as stack:
            with suppress(IndexMissing):
                stack.enter_context(self.lock(wait))
            yield

    def create(
        self, engine_name: str | None = None, user: UserDictionary | None = None
    ) -> AbstractContextManager[Engine]:
        """Create the data in a subfolder that is named after the engine."""
        return self._create(engine_name or DEFAULT_ENGINE, user)

    @contextmanager
    def _create(
        self,
        engine_name: str,
        user: UserDictionary | None,
        origin: tuple[dict[str, Any], ...] = (),
    ) -> Iterator[Engine]:
        from newsgrep.indexing.data_folders import create_data_folder, delete_data_folders, new_name

        manifest = new_manifest(engine_name, new_name(self.path, engine_name), user, origin)
        write_draft(self.path, manifest)
        try:
            data = create_data_folder(self.path, manifest)
            engine = open_engine(engine_name, data, create=True)
            engine.user_dictionary = user
            try:
                yield engine
            finally:
                engine.close()
        finally:
            if read_draft(self.path) == manifest:  # not confirmed
                delete_data_folders(self.path, [manifest.data])
                with suppress(OSError):  # else the next writer does it
                    if not (self.path / manifest.data).exists():
                        (self.path / DRAFT_FILE).unlink()

    def confirm(self) -> None:
        """Put the draft in place of the manifest."""
        confirm_draft(self.path)

    @contextmanager
    def replace(
        self,
        engine_name: str,
        user: UserDictionary | None,
        origin: tuple[dict[str, Any], ...] = (),
    ) -> Iterator[Engine]:
        """Create the data in another subfolder."""
        before = self.read_manifest(any_analyser=True) if self.exists() else None
        self._remove_unconfirmed(before)
        with self._create(engine_name, user, origin) as engine:
            yield engine
            self.confirm()

    def rollback(self, *, wait: float = 0.0) -> RolledBack | None:
        """Drop the last commit of the data that the manifest names."""
        with self.lock(wait):
            manifest = self.read_manifest()
            data = self.path / manifest.data
            check_data(self.path, manifest)
            return rollback(manifest.engine, data)

    def describe_rollback(self) -> str:
        """Name both commits with their times and articles, and how many would be lost."""
        from newsgrep.engines.commit_writer import CommitWriter

        manifest = self.read_manifest()
        data = self.path / manifest.data
        last, target = CommitWriter(data, manifest.engine, re.compile("(?!)")).preview_rollback()
        if target is None:
            return ""
        dropped = message("the last commit, which is damaged,")
        ids: set[str] | None = None
        if last is not None:
            with suppress(IndexProblem), self.open() as engine:
                ids = _article_ids(engine)
            dropped = _describe_commit(last, ids)
        before: set[str] | None = None
        with suppress(IndexProblem, OSError), self._open_commit(manifest, target) as engine:
            before = _article_ids(engine)
        kept = _describe_commit(target, before)
        if before is None or ids is None:
            return message("Drop {dropped} and go back to {kept}?", dropped=dropped, kept=kept)
        lost = count_noun(len(ids - before), "article")
        if restored := len(before - ids):
            return message(
                "Drop {dropped} and go back to {kept}, losing {lost} and restoring {restored:,}?",
                dropped=dropped,
                kept=kept,
                lost=lost,
                restored=restored,
            )
        return message(
            "Drop {dropped} and go back to {kept}, losing {lost}?",
            dropped=dropped,
            kept=kept,
            lost=lost,
        )

    @contextmanager
    def _open_commit(self, manifest: Manifest, commit: Commit) -> Iterator[Engine]:
        """Open a commit that is not the last one, by hard links to its files.

        Raises ``OSError`` where there are no hard links.
        """
        from tempfile import TemporaryDirectory  # slow to import, and a search needs none

        from newsgrep._io import link_file
        from newsgrep.engines.commits import CommitName, copy_name
        from newsgrep.indexing.data_folders import PREVIEW

        data, number = self.path / manifest.data, commit.number
        previous, copy = str(CommitName(number, is_previous=True)), copy_name(number)
        with TemporaryDirectory(dir=self.path, prefix=PREVIEW) as folder:
            view = Path(folder)
            for name in (DATA_FILE, *commit.files):
                link_file(data / name, view / name)
            stored = data / (previous if (data / previous).exists() else copy)
            link_file(stored, view / str(CommitName(number)))
            engine = open_engine(manifest.engine, view)
            try:
                yield engine
            finally:
                engine.close()

    def restore_manifest(self) -> str | None:
        """Copy the manifest from the data that it names, or the other way round."""
        from newsgrep.indexing.data_folders import adopt_data

        current = None
        with suppress(IndexDamaged):
            current = self.read_manifest(any_analyser=True)
        return adopt_data(self.path, current)

    def remove_leftovers(self, manifest: Manifest | None) -> list[str]:
        """Delete other data than that of ``manifest``, and drafts."""
        from newsgrep.indexing.data_folders import delete_data_folders, leftover_folders

        if manifest is None:
            return self._remove_unconfirmed(None)
        deleted = delete_data_folders(self.path, leftover_folders(self.path, manifest))
        return deleted + self._remove_files(_DRAFTS)

    def _remove_unconfirmed(self, current: Manifest | None) -> list[str]:
        """Delete the data that a killed run has not made the index, and its draft."""
        from newsgrep.indexing.data_folders import delete_data_folders, unconfirmed_folders

        names = unconfirmed_folders(self.path, current)
        deleted = delete_data_folders(self.path, names)
        if not current and (kept := set(names).difference(deleted)):
            # Without its draft, the data would look like an index that has lost its manifest.
            raise InputError(
                "{path} of an interrupted run can't be deleted: delete it, or "
                "name another folder with --index.",
                path=self.path / kept.pop(),
            )
        return deleted + self._remove_files([DRAFT_FILE])

    def _remove_files(self, names: Iterable[str]) -> list[str]:
        deleted = []
        for name in names:
            with suppress(FileNotFoundError):
                (self.path / name).unlink()
                deleted.append(name)
        return deleted

    def clean_up(self, manifest: Manifest) -> None:
        """Take the lock if there is something to delete; leaving it deletes a writer's note."""
        from newsgrep.indexing.data_folders import leftover_folders

        files = any((self.path / name).exists() for name in (HOLDER_FILE, *_DRAFTS))
        if files or leftover_folders(self.path, manifest):
            with suppress(IndexLocked, IndexMissing), self.lock():
                loaded = load_manifest(self.path)
                if loaded and loaded[0] == manifest:  # else it was rebuilt meanwhile
                    self.remove_leftovers(manifest)

    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Count the files."""
        return plural(
            "Deleted {count:,} file left over from earlier runs",
            "Deleted {count:,} files left over from earlier runs",
            len(names),
        )


def _article_ids(engine: Engine) -> set[str]:
    return {record.article_id for record in engine.file_records() if record.article_id}


def _describe_commit(commit: Commit, ids: set[str] | None) -> Message:
    """Return its number, its time, and the number of its articles if that is known."""
    time = _display_time(commit.time)
    if ids is None:
        return message("commit {number} of {time}", number=commit.number, time=time)
    return message(
        "commit {number} of {time} with {articles}",
        number=commit.number,
        time=time,
        articles=count_noun(len(ids), "article"),
    )


def _display_time(time: str) -> str:
    return time.replace("T", " ").replace("Z", " UTC")
