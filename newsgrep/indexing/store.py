"""An index as one object, wherever it is: its interface, and an open one.

:func:`newsgrep.indexing.index_at` returns the :class:`Index` for what a user types::

    index = index_at("./index")
    with index.open() as engine:
        print(count_matches(engine))

No other code distinguishes folders (:mod:`newsgrep.indexing.folder`) from servers
(:mod:`newsgrep.indexing.server`): where they differ, the index has a method or a property for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from newsgrep._io import link_file, sync
from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.engines.registry import DEFAULT_ENGINE
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing, IndexProblem, UsageError
from newsgrep.indexing.manifest import SAVED_FILE, SEEN_FOLDER, Manifest

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary


class OpenIndex(NamedTuple):
    """An open index: its manifest, what changes when that is replaced, and its engine."""

    manifest: Manifest
    version: object
    engine: Engine


class Index(ABC):
    """One index: where it is, and what can be done with it as a whole.

    Creating an object reads nothing. Methods that open an index or read its manifest raise
    :class:`IndexMissing` if there is none, :class:`IndexDamaged` if it can't be read, and
    :class:`IndexMismatch` if this newsgrep can't search it (another format, engine or
    analyser). Servers add :class:`ServerProblem`. ``str()`` is what a user typed.
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
            source = former / name
            # A link in an index of unknown origin may lead to anything.
            if source.exists() and not source.is_symlink() and not (target / name).exists():
                target.mkdir(parents=True, exist_ok=True)
                _copy_if_missing(source, target / name)

    @property
    def own_folders(self) -> frozenset[str]:
        """Return the absolute paths of folders with nothing but files of this index."""
        return frozenset()

    @property
    @abstractmethod
    def identity(self) -> tuple[str, str]:
        """Return what is the same for all names of one index, and of no other."""

    @property
    def parts(self) -> tuple[Index, ...]:
        """Return the indexes that this consists of: itself, or those that are searched as one."""
        return (self,)

    def table_of_known_files(self, manifest: Manifest) -> Path | None:  # noqa: ARG002
        """Return the file with the table of known files, which may not exist.

        ``None`` if there is no place for one (:mod:`newsgrep.indexing.known_table`).
        """
        return None

    @property
    def has_local_files(self) -> bool:
        """Return whether its articles' files probably are on this machine."""
        return self.is_local

    @property
    def as_options(self) -> str:
        """Return the options that name the index on a command line, quoted for a shell."""
        from shlex import quote

        return f"--index {quote(str(self))}"

    def same_as(self, other: Index) -> bool:
        """Return whether both objects mean the same index."""
        return self.identity == other.identity

    @abstractmethod
    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:
        """Return the engine of a new index here: ``wanted`` if given, else ``preferred``.

        A server has its own engine; where ``preferred`` can't be here, it is the default.
        Raises :class:`UsageError` if ``wanted`` can't be here.
        """

    def user_dictionary(self) -> UserDictionary | None:
        """Return the user's dictionary, with which queries are cut.

        ``None`` if there is none, or if the index can't be opened, which opening it reports. Raises
        :class:`ServerProblem` if its server does not respond.
        """
        try:
            return self.read_manifest().user_dictionary
        except (IndexMissing, IndexDamaged, IndexMismatch):
            return None

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
    def try_open(self, *, engine: str | None = None) -> OpenIndex | None:
        """Read the manifest and open the engine; return ``None`` if there is no index.

        Raises :class:`UsageError` if ``engine`` is given and the index has another one. Prefer
        :meth:`open` and :meth:`session`, which close it.
        """

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """Open the index for searching; closes the engine on leaving."""
        with self.session() as session:
            yield session.engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open the index like :meth:`open`, with its manifest."""
        opened = self.try_open()
        if opened is None:
            raise self.missing()
        session = Session(self, opened)
        try:
            yield session
        finally:
            session.close()

    @abstractmethod
    def missing(self) -> IndexProblem:
        """Return the error for an index that does not exist, or has lost its manifest."""

    @abstractmethod
    def iter_stored(self, manifest: Manifest) -> Iterator[Stored | Unreadable]:
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
    def create(
        self, engine_name: str | None = None, user: UserDictionary | None = None
    ) -> AbstractContextManager[Engine]:
        """Create an index after :meth:`prepare`, and open its engine, empty.

        ``user`` is the user's dictionary that it gets.

        In a folder, its engine is ``engine_name``, by default :data:`DEFAULT_ENGINE`.
        In a folder, it exists once :meth:`confirm` is called, after the first commit, so that
        nobody finds one without; if that is not called, nothing remains. On a server it exists
        at once. Requires :meth:`lock`, like the following methods.
        """

    @abstractmethod
    def confirm(self) -> None:
        """Complete :meth:`create` if necessary."""

    @abstractmethod
    def replace(
        self,
        engine_name: str,
        user: UserDictionary | None,
        origin: tuple[dict[str, Any], ...] = (),
    ) -> AbstractContextManager[Engine]:
        """Create an index beside the existing one, if any, and open its engine, empty.

        It gets ``user`` as the user's dictionary. ``origin`` is :attr:`Manifest.origin`.

        On leaving it replaces the existing one, whose data stays until
        :meth:`remove_leftovers`. If the block raises, the new index is removed.
        """

    @abstractmethod
    def rollback(self, *, wait: float = 0.0) -> RolledBack | None:
        """Drop the last commit, under :meth:`lock`, of an index that may be damaged.

        If the last commit is a rollback, only what a killed rollback has left is deleted. Returns
        ``None`` if the engine has no numbers of commits. Raises :class:`UsageError` if there is no
        previous commit.
        """

    def describe_rollback(self) -> str:
        """Return what :meth:`rollback` would do, as a question, or "" if it would do nothing."""
        return ""

    @abstractmethod
    def restore_manifest(self) -> str | None:
        """Make manifest and data agree if one of them is damaged, under :meth:`lock`.

        Returns the name of the file that was written, ``None`` if they agree. Raises
        :class:`IndexDamaged` if there is no data from which an article can be read.
        """

    @abstractmethod
    def remove_leftovers(self, manifest: Manifest | None) -> list[str]:
        """Delete what dead writers left beside the index, under :meth:`lock`; return the names.

        ``manifest`` is the current one, whose data the caller has opened since it has the lock, or
        ``None`` if there is no index yet.
        """

    @abstractmethod
    def clean_up(self, manifest: Manifest) -> None:
        """Do what :meth:`remove_leftovers` does if there are any, unless another process writes.

        Requires no :meth:`lock`. A note that a dead writer left about itself is deleted, too.
        """

    @abstractmethod
    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Return what was done with the leftovers of an interrupted run."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what a user typed."""


class Session:
    """An open index with its manifest; :meth:`Index.session` closes it."""

    def __init__(self, index: Index, opened: OpenIndex) -> None:
        self._index = index
        self._opened = opened
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
        opened = self._index.try_open()
        if opened is None:
            raise self._index.missing()
        self._opened, self._is_open = opened, True

    def close(self) -> None:
        """Close the engine, if it is open."""
        if self._is_open:
            self._is_open = False
            self._opened.engine.close()


def refuse_other_engine(index: Index, manifest: Manifest, engine: str | None) -> None:
    """Raise :class:`UsageError` if ``engine`` is given and the index has another one."""
    if engine is not None and manifest.engine != engine:
        raise UsageError(
            "The index {where} has the engine “{engine}”: leave --engine out, or "
            "create one with “{engine2}” from it with newsgrep copy --index {index} --to INDEX "
            "--engine {engine2}.",
            where=index.where,
            engine=manifest.engine,
            engine2=engine,
            index=index,
        )


def _rename_to_new(draft: Path, target: Path) -> None:
    """Give a file the name ``target``; raises ``FileExistsError`` if another process has one."""
    try:
        link_file(draft, target)  # does not replace a file
    except FileExistsError:
        raise
    except OSError:  # no hard links, as on a memory card
        if target.exists():
            raise
        draft.rename(target)


def _copy_if_missing(source: Path, target: Path) -> None:
    """Copy a file or folder to ``target`` at once, unless another process does so first."""
    import shutil  # slow to import, and a search needs neither
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
        draft = Path(folder) / target.name
        try:
            if source.is_dir():
                shutil.copytree(source, draft, symlinks=True)
                draft.rename(target)
            else:
                shutil.copyfile(source, draft)
                sync(draft)
                _rename_to_new(draft, target)
        except OSError:
            if not target.exists():
                raise
    sync(target.parent)
