"""An index as one object, in a folder or on a server.

:func:`index_at` returns the :class:`Index` for what a user types::

    index = index_at("./index")
    with index.open() as engine:
        print(count_matches(engine))

No other code distinguishes folders from servers: where they differ, the index has a method or a
property for it.

In a folder, the manifest names the subfolder with the engine's data. A new index is built in a
subfolder beside the existing one, and putting its manifest in place is the switch. A server
stores the manifest with the data, and switches by itself.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final, NamedTuple

from newsgrep._io import sync
from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import (
    DEFAULT_ENGINE,
    ServerAddress,
    ServerOperations,
    engine_names,
    find_engine,
    is_on_server,
    open_engine,
    rollback,
    salvage,
    server_operations,
)
from newsgrep.errors import (
    IndexDamaged,
    IndexLocked,
    IndexMismatch,
    IndexMissing,
    IndexProblem,
    IndexUntrusted,
    InputError,
    UsageError,
)
from newsgrep.index.manifest import (
    DRAFT_FILE,
    HOLDER_FILE,
    INDEX_FORMAT,
    MANIFEST_FILE,
    OWN_FILES,
    SAVED_FILE,
    SEEN_FOLDER,
    Manifest,
    ManifestVersion,
    check_compatible,
    confirm_draft,
    data_folders,
    load_manifest,
    manifest_version,
    new_manifest,
    parse_manifest,
    refuse_lost_manifest,
    write_draft,
)
from newsgrep.terminal import count_noun

_IGNORED_FILES: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN_FILES}

_URL: Final = re.compile(r"(?P<engine>[A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9]+)?:(?P<slashes>//)?")

_DEFAULT_SERVER: Final = "opensearch"
"""The engine that rejects URLs of unknown schemes, in its own words."""


class OpenIndex(NamedTuple):
    """An open index: its manifest, what changes when that is replaced, and its engine."""

    manifest: Manifest
    version: object
    engine: Engine


class Index(ABC):
    """One index: where it is, and what can be done with it as a whole.

    Creating an object reads nothing. Methods that open an index or read its manifest raise
    :class:`IndexMissing` if there is none, :class:`IndexDamaged` if it can't be read,
    :class:`IndexMismatch` if this newsgrep can't search it (another format, engine or
    analyser), and :class:`IndexUntrusted`, unless ``trust``, if others may have written to its
    folder. Servers add :class:`ServerProblem`. ``str()`` is what a user typed.
    """

    __slots__ = ()

    is_local: ClassVar[bool]
    """Whether it is on this machine, so that its articles' files probably are, too."""

    has_commits: ClassVar[bool]
    """Whether changes come in commits, each complete or not made at all, and the last commit can
    be rolled back. A server takes changes one by one."""

    # Where it is

    @property
    @abstractmethod
    def where(self) -> str:
        """Return where the index is, for a message: ``in ./index``, ``at opensearch://h/n``."""

    @property
    @abstractmethod
    def personal_folder(self) -> Path:
        """Return the folder of what a user creates: saved queries, what was shown as new.

        It may not exist yet. It is outside of everything that may be deleted and created again.
        """

    @property
    def former_personal_folder(self) -> Path | None:
        """Return where an older newsgrep kept what a user creates, if that was elsewhere."""
        return None

    def copy_personal_files(self) -> None:
        """Copy what an older newsgrep kept in another folder, unless it was copied before.

        Raises ``OSError`` if that is impossible.
        """
        target, former = self.personal_folder, self.former_personal_folder
        if former is None or former.resolve() == target:
            return
        for name in (SAVED_FILE, SEEN_FOLDER):
            if (former / name).exists() and not (target / name).exists():
                target.mkdir(parents=True, exist_ok=True)
                _copy_if_missing(former / name, target / name)

    @property
    def own_folders(self) -> frozenset[str]:
        """Return the absolute paths of folders with nothing but files of this index."""
        return frozenset()

    @property
    @abstractmethod
    def identity(self) -> tuple[str, str]:
        """Return what is the same for all names of one index, and of no other."""

    def same_as(self, other: Index) -> bool:
        """Return whether both objects mean the same index."""
        return self.identity == other.identity

    @abstractmethod
    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:
        """Return the engine of a new index here: ``wanted`` if given, else ``preferred``.

        A server has its own engine; where ``preferred`` can't be here, it is the default.
        Raises :class:`UsageError` if ``wanted`` can't be here.
        """

    # Reading

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is an index, damaged or not."""

    @abstractmethod
    def read_manifest(self, *, any_analyser: bool = False) -> Manifest:
        """Read the manifest; with ``any_analyser`` also that of an index to be rebuilt."""

    @abstractmethod
    def manifest_version(self) -> object:
        """Return a value that changes when the index is created or rebuilt."""

    @abstractmethod
    def try_open(self, *, trust: bool = False, engine: str | None = None) -> OpenIndex | None:
        """Read the manifest and open the engine; return ``None`` if there is no index.

        Raises :class:`UsageError` if ``engine`` is given and the index has another one. Prefer
        :meth:`open` and :meth:`session`, which close it.
        """

    @contextmanager
    def open(self, *, trust: bool = False) -> Iterator[Engine]:
        """Open the index for searching; closes the engine on leaving."""
        with self.session(trust=trust) as session:
            yield session.engine

    @contextmanager
    def session(self, *, trust: bool = False) -> Iterator[Session]:
        """Open the index like :meth:`open`, with its manifest."""
        opened = self.try_open(trust=trust)
        if opened is None:
            raise self.missing()
        session = Session(self, opened, trust)
        try:
            yield session
        finally:
            session.close()

    @abstractmethod
    def missing(self) -> IndexProblem:
        """Return the error for an index that does not exist, or has lost its manifest."""

    @abstractmethod
    def iter_stored(
        self, manifest: Manifest, *, trust: bool = False
    ) -> Iterator[Stored | Unreadable]:
        """Return all articles and file records of an index that may be damaged, each once."""

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes the index takes."""

    # Writing

    @abstractmethod
    def prepare(self) -> None:
        """Make it possible to create an index here.

        Raises :class:`InputError` if there is something else, and :class:`IndexDamaged` if
        there is an index without its manifest.
        """

    @abstractmethod
    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:
        """Keep other writers out where only one may write.

        Raises :class:`IndexLocked` if another one still writes after ``wait`` seconds, and
        :class:`IndexMissing` if nothing can be written here.
        """

    @abstractmethod
    def freeze(self, wait: float = 0.0) -> AbstractContextManager[None]:
        """Keep writers out while the index is read, if that is possible.

        Raises what :meth:`read_manifest` does, and :class:`IndexLocked` like :meth:`lock`.
        """

    @abstractmethod
    def create(self, engine_name: str | None = None) -> AbstractContextManager[Engine]:
        """Create an index after :meth:`prepare`, and open its engine, empty.

        In a folder, its engine is ``engine_name``, by default :data:`DEFAULT_ENGINE`.
        In a folder, it exists once :meth:`confirm` is called, after the first commit, so that
        nobody finds one without; if that is not called, nothing remains. On a server it exists
        at once. Requires :meth:`lock`, like the following methods.
        """

    @abstractmethod
    def confirm(self) -> None:
        """Complete :meth:`create` if necessary."""

    @abstractmethod
    def replace(self, engine_name: str) -> AbstractContextManager[Engine]:
        """Create an index beside the existing one, if any, and open its engine, empty.

        On leaving it replaces the existing one, whose data stays until
        :meth:`remove_leftovers`. If the block raises, the new index is removed.
        """

    @abstractmethod
    def rollback(self, *, wait: float = 0.0, trust: bool = False) -> None:
        """Drop the last commit, under :meth:`lock`, of an index that may be damaged.

        Raises :class:`UsageError` if there is no previous commit.
        """

    @abstractmethod
    def restore_manifest(self, *, trust: bool = False) -> None:
        """Write a manifest for data that has lost its own, if that can be determined."""

    @abstractmethod
    def remove_leftovers(self, manifest: Manifest | None = None) -> list[str]:
        """Delete what dead writers left beside the index; return the names.

        ``manifest`` is the current one, if the caller has read it.
        """

    @abstractmethod
    def remove_stale_holder(self) -> None:
        """Delete the note of a dead writer about itself, unless another one writes now."""

    @abstractmethod
    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Return what was done with the leftovers of an interrupted run."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what a user typed."""


class Session:
    """An open index with its manifest; :meth:`Index.session` closes it."""

    def __init__(self, index: Index, opened: OpenIndex, trust: bool) -> None:
        self._index = index
        self._opened = opened
        self._trust = trust
        self._is_open = True

    @property
    def manifest(self) -> Manifest:
        """Return the manifest, as it was read."""
        return self._opened.manifest

    @property
    def engine(self) -> Engine:
        """Return the engine; after :meth:`refresh` it may be another one."""
        return self._opened.engine

    def refresh(self) -> None:
        """Move to the last commit, also of an index that was rebuilt meanwhile.

        Only then is the manifest read again and the engine opened again.
        """
        if self._index.manifest_version() == self._opened.version:
            self._opened.engine.refresh()
            return
        self._opened.engine.close()
        self._is_open = False
        opened = self._index.try_open(trust=self._trust)
        if opened is None:
            raise self._index.missing()
        self._opened, self._is_open = opened, True

    def close(self) -> None:
        """Close the engine, if it is open."""
        if self._is_open:
            self._is_open = False
            self._opened.engine.close()


@dataclass(frozen=True, slots=True)
class FolderIndex(Index):
    """An index in the folder ``path``."""

    path: Path

    is_local: ClassVar[bool] = True
    has_commits: ClassVar[bool] = True

    def __str__(self) -> str:
        return str(self.path)

    @property
    def where(self) -> str:
        """Return ``in PATH``."""
        return f"in {self.path}"

    @property
    def personal_folder(self) -> Path:
        """Return the folder ``NAME.saved`` beside the index, where everybody finds it.

        If it does not exist and can't be created there, it is in the index.
        """
        path = self.path.resolve()
        beside = path.with_name(f"{path.name}.saved")
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
        folders = (self.path.absolute(), self.path.resolve(), self.personal_folder)
        return frozenset(map(str, folders))

    @property
    def identity(self) -> tuple[str, str]:
        """Return the absolute path without links."""
        return "", str(self.path.resolve())

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
        remedy = "delete the folder and index again"
        try:
            check_compatible(manifest, self.where, remedy, any_analyser=any_analyser)
        except IndexMismatch:
            with suppress(OSError):
                self.copy_personal_files()  # the folder may be deleted next
            raise

    def try_open(self, *, trust: bool = False, engine: str | None = None) -> OpenIndex | None:
        """Open the data that the manifest names."""
        while (loaded := load_manifest(self.path)) is not None:
            manifest, version = loaded
            _check_engine(self, manifest, engine)
            self._check(manifest)
            data = self.path / manifest.data
            if not trust:
                refuse_untrusted(data)
            try:
                return OpenIndex(manifest, version, open_engine(manifest.engine, data))
            except IndexProblem:
                # If the index was rebuilt meanwhile, its data is in another subfolder.
                if manifest_version(self.path) == version:
                    raise
        return None

    def missing(self) -> IndexProblem:
        """Return why there is no manifest in the folder."""
        try:
            refuse_lost_manifest(self.path)
        except IndexDamaged as exc:
            return exc
        return IndexMissing(
            f"No index in {self.path}: create one with “newsgrep index PATH”, or name another "
            "with --index."
        )

    def iter_stored(
        self, manifest: Manifest, *, trust: bool = False
    ) -> Iterator[Stored | Unreadable]:
        """Salvage the data that the manifest names."""
        data = self.path / manifest.data
        if not trust:
            refuse_untrusted(data)
        return salvage(manifest.engine, data)

    def size(self) -> int:
        """Add up all files; one that two commits share counts once."""
        found = (path.stat() for path in self.path.rglob("*") if path.is_file())
        return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())

    def prepare(self) -> None:
        """Make the folder, if there is none."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = {path.name for path in self.path.iterdir()} - _IGNORED_FILES
        except (FileExistsError, NotADirectoryError) as exc:
            raise InputError(f"{self.path} is a file: name a folder for the index.") from exc
        except OSError as exc:
            raise InputError(
                f"No index can be created in {self.path} ({exc.strerror}): name another folder "
                "with --index."
            ) from exc
        refuse_lost_manifest(self.path)
        # An interrupted first run leaves its draft, and data.
        if present - {DRAFT_FILE, *data_folders(self.path)}:
            raise InputError(
                f"{self.path} contains other files and no index: name an empty or new folder "
                "with --index."
            )

    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:
        """Lock the folder."""
        from newsgrep.index.lock import write_lock  # a search needs no lock

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

    def create(self, engine_name: str | None = None) -> AbstractContextManager[Engine]:
        """Create the data in a subfolder that is named after the engine."""
        name = engine_name or DEFAULT_ENGINE
        return self._create(name, name)

    @contextmanager
    def _create(self, engine_name: str, data: str) -> Iterator[Engine]:
        write_draft(self.path, new_manifest(engine_name, data))
        try:
            engine = open_engine(engine_name, self.path / data, create=True)
            try:
                yield engine
            finally:
                engine.close()
        finally:
            if (self.path / DRAFT_FILE).exists():  # not confirmed
                shutil.rmtree(self.path / data, ignore_errors=True)
                with suppress(OSError):  # else the next writer does it
                    (self.path / DRAFT_FILE).unlink()

    def confirm(self) -> None:
        """Put the draft in place of the manifest."""
        confirm_draft(self.path)

    @contextmanager
    def replace(self, engine_name: str) -> Iterator[Engine]:
        """Create the data in another subfolder."""
        before = self.read_manifest(any_analyser=True) if self.exists() else None
        self.remove_leftovers(before)
        number = int(before.data.partition("-")[2] or 1) + 1 if before else 1
        data = engine_name if number == 1 else f"{engine_name}-{number}"
        with self._create(engine_name, data) as engine:
            yield engine
            self.confirm()

    def rollback(self, *, wait: float = 0.0, trust: bool = False) -> None:
        """Drop the last commit of the data that the manifest names."""
        with self.lock(wait):
            manifest = self.read_manifest()
            data = self.path / manifest.data
            if not trust:
                refuse_untrusted(data)
            rollback(manifest.engine, data)

    def restore_manifest(self, *, trust: bool = False) -> None:
        """Write a manifest for the newest data from which an article can be read."""
        try:
            self.read_manifest(any_analyser=True)
        except IndexDamaged:
            for name in reversed(data_folders(self.path)):
                if not trust:
                    refuse_untrusted(self.path / name)
                engine_name = name.split("-")[0]
                if _has_articles(engine_name, self.path / name):
                    restored = Manifest(engine_name, name, INDEX_FORMAT, {}, "an unknown version")
                    write_draft(self.path, restored)
                    confirm_draft(self.path)
                    return
            raise

    def remove_leftovers(self, manifest: Manifest | None = None) -> list[str]:
        """Delete data that the manifest does not name, and a draft."""
        if manifest is None and self.exists():
            manifest = self.read_manifest(any_analyser=True)
        current = manifest.data if manifest else ""
        left = [name for name in data_folders(self.path) if name != current]
        for name in left:
            shutil.rmtree(self.path / name, ignore_errors=True)
        # Last, because data without manifest or draft looks like an index that lost one.
        if (self.path / DRAFT_FILE).exists() and (current or not data_folders(self.path)):
            (self.path / DRAFT_FILE).unlink()
            left.append(DRAFT_FILE)
        return left

    def remove_stale_holder(self) -> None:
        """Take the lock for a moment: leaving it deletes the note."""
        if (self.path / HOLDER_FILE).exists():
            with suppress(IndexLocked, IndexMissing), self.lock():
                pass

    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Count the files."""
        return f"Deleted {count_noun(len(names), 'file')} left over from earlier runs"


@dataclass(frozen=True, slots=True)
class ServerIndex(Index):
    """An index on a server; ``url`` is its address as typed, which contains no secret.

    Several machines may write to one at once, and the server makes what it has taken durable.
    """

    url: str

    is_local: ClassVar[bool] = False
    has_commits: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.url

    @property
    def engine_name(self) -> str:
        """Return the scheme of the URL, without what follows a ``+``."""
        match = _URL.match(self.url)
        return match["engine"].lower() if match else ""

    @property
    def address(self) -> ServerAddress:
        """Return what the URL says; raises :class:`UsageError` for an invalid one."""
        for name in (self.engine_name, _DEFAULT_SERVER):
            spec = find_engine(name)
            if spec and spec.server:
                return spec.server.address(self.url)
        raise UsageError(f"There is no engine for the address {self.url}.")

    @property
    def _server(self) -> ServerOperations:
        return server_operations(self.engine_name)

    @property
    def where(self) -> str:
        """Return ``at URL``."""
        return f"at {self.url}"

    @property
    def personal_folder(self) -> Path:
        """Return a folder in the user's own data folder, the same for all URLs of one index."""
        from hashlib import blake2b  # not for indexes in folders

        import platformdirs

        address = self.address
        readable = re.sub(r"[^a-z0-9_-]+", "-", f"{address.name}-{address.host}")[:60]
        # Two addresses may look alike without the characters that no file name has.
        digest = blake2b(address.canonical.encode("ascii"), digest_size=5).hexdigest()
        data = platformdirs.user_data_path("newsgrep", appauthor=False)
        return data / "remote" / f"{readable}-{digest}"

    @property
    def identity(self) -> tuple[str, str]:
        """Return the engine and the canonical address."""
        return self.engine_name, self.address.canonical

    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:  # noqa: ARG002  (the server decides)
        """Return the engine of the server."""
        if wanted:
            raise UsageError(
                f"The engine “{wanted}” stores an index in a folder, and {self} is on a server: "
                "leave --engine out, or name a folder."
            )
        return self.engine_name

    def exists(self) -> bool:
        """Return whether the server has the manifest."""
        return self._server.manifest(self.url) is not None

    def read_manifest(self, *, any_analyser: bool = False) -> Manifest:
        """Read the manifest on the server."""
        stored = self._server.manifest(self.url)
        if stored is None:
            raise self.missing()
        return self._checked(stored, any_analyser=any_analyser)

    def manifest_version(self) -> object:
        """Return the whole manifest."""
        return self._server.manifest(self.url)

    def _checked(self, stored: Mapping[str, Any], *, any_analyser: bool = False) -> Manifest:
        try:
            manifest = parse_manifest(stored)
            if manifest.engine != self.engine_name:
                raise ValueError("of another engine")
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise IndexDamaged(
                f"The manifest of the index {self.where} is invalid: use another name, or restore "
                "a snapshot of the server."
            ) from exc
        remedy = "create another one under another name"
        check_compatible(manifest, self.where, remedy, any_analyser=any_analyser)
        return manifest

    def try_open(self, *, trust: bool = False, engine: str | None = None) -> OpenIndex | None:  # noqa: ARG002  (a server's answers run no code)
        """Open the index on the server."""
        found = self._server.open(self.url)
        if found is None:
            return None
        try:
            manifest = self._checked(found.manifest)
            _check_engine(self, manifest, engine)
        except BaseException:
            found.engine.close()
            raise
        return OpenIndex(manifest, found.manifest, found.engine)

    def missing(self) -> IndexProblem:
        """Return the error for an index that the server does not have."""
        return IndexMissing(
            f"No index at {self.url}: create one with “newsgrep index --index {self.url} PATH”, "
            "or name another with --index."
        )

    def iter_stored(
        self,
        manifest: Manifest,  # noqa: ARG002  (likewise)
        *,
        trust: bool = False,  # noqa: ARG002  (likewise)
    ) -> Iterator[Stored | Unreadable]:
        """Read everything that the server has of the index."""
        return self._server.salvage(self.url)

    def size(self) -> int:
        """Return the bytes on the server, including replicas."""
        return self._server.size(self.url)

    def prepare(self) -> None:
        """Do nothing: a server needs no folder."""

    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:  # noqa: ARG002  (nobody is kept out)
        """Do nothing: several may write at once."""
        return nullcontext()

    @contextmanager
    def freeze(self, wait: float = 0.0) -> Iterator[None]:  # noqa: ARG002  (likewise)
        """Only check that there is an index: writers can't be kept out."""
        self.read_manifest()
        yield

    @contextmanager
    def create(self, engine_name: str | None = None) -> Iterator[Engine]:  # noqa: ARG002  (the server's)
        """Create the index on the server."""
        engine = self._server.create(self.url, self._new_manifest())
        try:
            yield engine
        finally:
            engine.close()

    def confirm(self) -> None:
        """Do nothing: the index exists since it was created."""

    def replace(self, engine_name: str) -> AbstractContextManager[Engine]:  # noqa: ARG002  (likewise)
        """Create another generation, to which the server switches."""
        return self._server.replace(self.url, self._new_manifest())

    def _new_manifest(self) -> dict[str, object]:
        manifest = asdict(new_manifest(self.engine_name, ""))
        del manifest["data"]
        return manifest

    def rollback(self, *, wait: float = 0.0, trust: bool = False) -> None:  # noqa: ARG002  (refused)
        """Refuse: a server keeps no previous commit."""
        raise UsageError(
            f"{self} is on a server, which keeps no previous commit: restore one of the server's "
            "own snapshots."
        )

    def restore_manifest(self, *, trust: bool = False) -> None:
        """Do nothing: the manifest is stored with the data."""

    def remove_leftovers(self, manifest: Manifest | None = None) -> list[str]:  # noqa: ARG002  (there are none)
        """Return nothing: what the engine itself leaves, it removes itself."""
        return []

    def remove_stale_holder(self) -> None:
        """Do nothing: writers leave no note."""

    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Count settings: an interrupted run leaves nothing else on a server."""
        return f"Restored {count_noun(len(names), 'setting')} that an interrupted run left behind"


def index_at(text: str | Path) -> Index:
    """Return the index that ``text`` names: by a URL on a server, else in a folder.

    Raises :class:`UsageError` for an invalid URL.
    """
    match = _URL.match(text) if isinstance(text, str) else None
    if match is None or not (match["slashes"] or _is_server_engine(match["engine"].lower())):
        return FolderIndex(Path(text))
    index = ServerIndex(str(text))
    _ = index.address  # so that a mistake in it is reported before anything is done
    return index


def _is_server_engine(name: str) -> bool:
    return name in engine_names() and is_on_server(name)


def _check_engine(index: Index, manifest: Manifest, engine: str | None) -> None:
    if engine is not None and manifest.engine != engine:
        raise UsageError(
            f"The index {index.where} has the engine “{manifest.engine}”: leave --engine out, or "
            f"create one with “{engine}” from it with newsgrep copy --index {index} --to INDEX "
            f"--engine {engine}."
        )


def _has_articles(engine_name: str, data: Path) -> bool:
    with suppress(IndexDamaged):
        return any(isinstance(item, Stored) for item in salvage(engine_name, data))
    return False


def _copy_if_missing(source: Path, target: Path) -> None:
    """Copy a file or folder to ``target`` at once, unless another process does so first."""
    with TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
        draft = Path(folder) / target.name
        try:
            if source.is_dir():
                shutil.copytree(source, draft)
                draft.rename(target)
            else:
                shutil.copyfile(source, draft)
                sync(draft)
                os.link(draft, target)  # does not replace a file
        except OSError:
            if not target.exists():
                raise
    sync(target.parent)


_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT_UID: Final = 0


def refuse_untrusted(data: Path) -> None:
    """Raise :class:`IndexUntrusted` if others own or may write to ``data`` or a file in it.

    An engine's files contain pickles, and loading a pickle can run code. Files owned by root
    are trusted. Missing files are ignored.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  (Windows)
        return
    trusted = {os.geteuid(), _ROOT_UID}
    try:
        with os.scandir(data) as entries:
            paths = [str(data), *(entry.path for entry in entries)]
    except OSError:
        return
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a search waits for this)
        except FileNotFoundError:
            continue  # deleted by a writer, or a lock's link that leads nowhere
        if status.st_uid not in trusted:
            problem = f"belongs to {_user_name(status.st_uid)}"
            remedy = "create an index of your own"
        elif status.st_mode & _WRITABLE_BY_OTHERS:
            problem = "can be changed by other users"
            remedy = f"remove their permission (chmod -R go-w {data})"
        else:
            continue
        raise IndexUntrusted(
            f"{path} {problem}, and opening an index can run code that is hidden in it: if you "
            f"trust everyone who could write there, use --trust, or {remedy}."
        )


def _user_name(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
