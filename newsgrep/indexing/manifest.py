"""The manifest: a small file that describes an index, and the names of files beside it.

It names the engine, the subfolder with the engine's data, and the fingerprint of the analysis.
An index made by another analysis is refused, because its terms are not those of the query.

The subfolder contains a copy. It says what the subfolder is before anything in it is trusted or
deleted, and a lost or damaged manifest is restored from it. Both have a checksum, and are JSON.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from newsgrep import __version__
from newsgrep._io import replace_file, sync, write_new
from newsgrep.analysis.characters import FOLD_VERSION, TABLES_EDITION
from newsgrep.analysis.scoring import SCORING_FINGERPRINT
from newsgrep.analysis.segment import DICTIONARY, SEGMENT_VERSION
from newsgrep.engines.commits import open_regular
from newsgrep.engines.registry import stores_impacts
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing
from newsgrep.messages import message
from newsgrep.models import Value

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

INDEX_FORMAT: Final = 8
"""Increased whenever an older newsgrep can't read what this one writes."""

REBUILDABLE_FORMATS: Final = frozenset({4, 5, 6, 7, INDEX_FORMAT})
"""Formats from whose stored articles an index can be rebuilt without the files."""

MANIFEST_FILE: Final = "newsgrep.json"

DRAFT_FILE: Final = f"{MANIFEST_FILE}.new"
"""The next manifest, while an index is created or rebuilt."""

RESTORED_FILE: Final = "newsgrep.restored.json"
"""A restored manifest, before it is put in place."""

DATA_FILE: Final = "newsgrep.data.json"
"""The copy of the manifest in the subfolder with the engine's data."""

LOCK_FILE: Final = "newsgrep.lock"
"""Locked by the process that writes."""

HOLDER_FILE: Final = "newsgrep.writer"
"""Describes that process. It means nothing while nobody has the lock."""

SAVED_FILE: Final = "newsgrep.saved.json"
"""The saved queries."""

ANNOTATIONS_FILE: Final = "newsgrep.collections.jsonl"
"""The collections, and the notes on articles."""

SAVED_LOCK_FILE: Final = "newsgrep.saved.lock"
"""Locked while they are changed."""

SEEN_FOLDER: Final = "newsgrep.seen"
"""The folder of what ``newsgrep new`` has shown for each saved query."""

OWN_FILES: Final = frozenset(
    {
        RESTORED_FILE,
        LOCK_FILE,
        HOLDER_FILE,
        SAVED_FILE,
        f"{SAVED_FILE}.new",
        ANNOTATIONS_FILE,
        f"{ANNOTATIONS_FILE}.new",
        SAVED_LOCK_FILE,
        SEEN_FOLDER,
    }
)
"""Files of newsgrep that may be in a folder before an index is created there."""

DATA_FOLDER: Final = re.compile(r"(?P<engine>[A-Za-z][A-Za-z0-9_]*)(-(?P<number>[0-9]{1,15}))?")
"""The name of a subfolder: that of an engine, and a number that counts rebuilds."""

LAST_WITHOUT_CHECKSUM: Final = 5
"""The last format whose manifests have no checksum."""

_MAX_BYTES: Final = 1 << 20
_TEXT: Final = re.compile(r"[A-Za-z0-9 .+_-]{0,100}")


class Manifest(Value):
    """A description of an index.

    ``data`` is the subfolder with the engine's files, empty for an index on a server.
    ``format`` is :data:`INDEX_FORMAT` when it was created, ``analyser`` the
    :func:`fingerprint`, and ``made_by`` the version of newsgrep. ``id`` is random, and the same
    in the manifest and in the subfolder; it is empty on servers and in format 5 and before.
    ``words`` is the user's dictionary, packed, and empty without one. ``origin`` says which queries
    chose the articles of a sub-corpus (:mod:`newsgrep.indexing.copying`).
    """

    engine: str
    data: str
    format: int
    analyser: dict[str, Any]
    made_by: str
    id: str = ""
    words: str = ""
    origin: tuple[dict[str, Any], ...] = ()

    @property
    def user_dictionary(self) -> UserDictionary | None:
        """Return the user's dictionary; raises :class:`ValueError` if it is invalid."""
        return _unpack_dictionary(self.words) if self.words else None

    def as_stored(self) -> dict[str, Any]:
        """Return the manifest as an object of JSON."""
        stored = dict(vars(self))
        for name in ("words", "origin"):
            if not stored[name]:  # older versions do not know the names
                del stored[name]
        return stored


@lru_cache(maxsize=4)
def _unpack_dictionary(packed: str) -> UserDictionary:
    from newsgrep.analysis.user_dictionary import UserDictionary  # few indexes have one

    return UserDictionary.unpack(packed)


class ManifestVersion(NamedTuple):
    """What differs between two manifests that were put in one place: that file's identity."""

    inode: int
    mtime_ns: int
    size: int


def fingerprint(engine_name: str, user: UserDictionary | None = None) -> dict[str, Any]:
    """Return what decides which terms a text has, as stored in a manifest.

    ``user`` is the user's dictionary of the index. If the engine stores impacts, it also contains
    what decides them.
    """
    analyser: dict[str, Any] = {
        "fold": FOLD_VERSION,
        "tables": TABLES_EDITION,
        "segment": SEGMENT_VERSION,
        "dictionary": DICTIONARY,
    }
    if user:
        analyser["user_dictionary"] = user.identity
    return analyser | {"impacts": SCORING_FINGERPRINT} if stores_impacts(engine_name) else analyser


def new_manifest(
    engine_name: str,
    data: str,
    user: UserDictionary | None = None,
    origin: tuple[dict[str, Any], ...] = (),
) -> Manifest:
    """Return the manifest of an index that is created now."""
    analyser, words = fingerprint(engine_name, user), user.pack() if user else ""
    new_id = os.urandom(8).hex()
    return Manifest(engine_name, data, INDEX_FORMAT, analyser, __version__, new_id, words, origin)


def pack_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of the file of a manifest, with a checksum."""
    stored = manifest.as_stored()
    return _encode(stored | {"checksum": _checksum(stored)})


def unpack_manifest(data: bytes) -> Manifest:
    """Return the manifest that the bytes of a file describe.

    Raises :class:`ValueError` if they are not those that :func:`pack_manifest` has returned;
    in format 5 and before there is no checksum.
    """
    if len(data) > _MAX_BYTES:
        raise ValueError(message("it is larger than {max_bytes:,} bytes", max_bytes=_MAX_BYTES))
    try:
        stored = json.loads(data.decode("utf-8"))
        manifest = parse_manifest(stored)
        checksum = stored.pop("checksum", None)
        if checksum or manifest.id or manifest.format > LAST_WITHOUT_CHECKSUM:
            expected = _checksum(stored)
            if checksum != expected or data != _encode(stored | {"checksum": expected}):
                raise ValueError(message("its checksum is wrong"))
        name = DATA_FOLDER.fullmatch(manifest.data)
        if not name or name["engine"] != manifest.engine:
            raise ValueError(message("it names no folder of the index"))
        if not _TEXT.fullmatch(manifest.made_by) or not _TEXT.fullmatch(manifest.id):
            raise ValueError(message("its version or id is invalid"))
    except (KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ValueError(message("it is not a manifest")) from exc
    return manifest


def _encode(stored: Mapping[str, Any]) -> bytes:
    return (json.dumps(stored, indent=2) + "\n").encode("ascii")


def _checksum(stored: Mapping[str, Any]) -> str:
    return f"{crc32(_encode(stored)):08x}"


def parse_manifest(stored: Mapping[str, Any]) -> Manifest:
    """Return the manifest that ``stored`` describes.

    Raises :class:`KeyError`, :class:`TypeError` or :class:`AttributeError` for other contents, and
    :class:`ValueError` for an invalid dictionary.
    """
    if type(stored["format"]) is not int:
        raise TypeError(message("the format is not a number"))
    if type(stored["analyser"]) is not dict:
        raise TypeError(message("the fingerprint is not an object"))
    manifest = Manifest(
        stored["engine"],
        # Formats 1 and 2 had no other engine.
        stored.get("data", stored["engine"]),
        stored["format"],
        stored["analyser"],
        stored["made_by"],
        stored.get("id", ""),
        stored.get("words", ""),
        tuple(stored.get("origin", ())),
    )
    if not all(type(step["parsed"]) is str for step in manifest.origin):
        raise TypeError("the origin is not a query")
    _ = manifest.user_dictionary
    return manifest


def load_manifest(folder: Path) -> tuple[Manifest, ManifestVersion] | None:
    """Return the manifest in ``folder``, ``None`` if there is none.

    Raises :class:`IndexMissing` if it may not be read, :class:`IndexDamaged` if its contents are
    invalid, and ``OSError`` if it can't be read for another reason.
    """
    try:
        with open_regular(folder / MANIFEST_FILE) as stream:
            version = _version(os.fstat(stream.fileno()))
            manifest = unpack_manifest(stream.read(_MAX_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as exc:
        raise IndexMissing(
            "You may not read the index in {folder}: ask its owner, or name another index with "
            "--index.",
            folder=folder,
        ) from exc
    except ValueError as exc:
        raise IndexDamaged(
            "The index in {folder} is damaged ({manifest_file} can't be read: {reason}): newsgrep "
            "doctor --fix restores it, or delete the folder and index again.",
            folder=folder,
            manifest_file=MANIFEST_FILE,
            reason=exc,
        ) from exc
    return manifest, version


def check_data(folder: Path, manifest: Manifest) -> None:
    """Raise :class:`IndexDamaged` if the data in the index ``folder`` is not the ``manifest``'s.

    An index of format 5 or before can't be checked.
    """
    if not manifest.id:
        return
    problem: str
    try:
        if read_data_file(folder / manifest.data) == manifest:
            return
        problem = message("it is of other data")
    except FileNotFoundError:
        problem = message("it is missing")
    except NotADirectoryError:
        problem = message("{data} is not a folder", data=manifest.data)
    except ValueError as exc:
        problem = str(exc)
    raise IndexDamaged(
        "The index in {folder} is damaged ({data}/{data_file}: {problem}): newsgrep "
        "doctor --fix restores it, or delete the folder and index again.",
        folder=folder,
        data=manifest.data,
        data_file=DATA_FILE,
        problem=problem,
    )


def read_data_file(data: Path) -> Manifest:
    """Return the manifest of the folder ``data``, which is in that folder.

    Raises :class:`ValueError` if it is invalid, and ``OSError``.
    """
    with open_regular(data / DATA_FILE) as stream:
        return unpack_manifest(stream.read(_MAX_BYTES + 1))


def manifest_version(folder: Path) -> ManifestVersion | None:
    """Return the version of the manifest in ``folder`` without reading it; ``None`` if absent."""
    try:
        return _version((folder / MANIFEST_FILE).stat())
    except OSError:
        return None


def _version(status: os.stat_result) -> ManifestVersion:
    return ManifestVersion(status.st_ino, status.st_mtime_ns, status.st_size)


def check_compatible(manifest: Manifest, where: str, remedy: str, *, any_analyser: bool) -> None:
    """Raise :class:`IndexMismatch` for an index that this newsgrep can't search.

    ``any_analyser`` allows an index to be rebuilt: its terms may be others, and its format one of
    :data:`REBUILDABLE_FORMATS`. The message says ``where`` the index is, and what the ``remedy``
    for any other format is.
    """
    if manifest.format not in REBUILDABLE_FORMATS:
        raise IndexMismatch(
            "The index {where} was created by newsgrep {made_by} in a format that "
            "this version ({version}) can't read: use that version, or {remedy}.",
            where=where,
            made_by=manifest.made_by,
            version=__version__,
            remedy=remedy,
        )
    if any_analyser:
        return
    if manifest.format != INDEX_FORMAT:
        raise IndexMismatch(
            "The index {where} was created by newsgrep {made_by} in format "
            "{format}, and this version ({version}) searches format {index_format}: "
            "rebuild it with newsgrep reindex, which needs no other files.",
            where=where,
            made_by=manifest.made_by,
            format=manifest.format,
            version=__version__,
            index_format=INDEX_FORMAT,
        )
    if manifest.analyser != fingerprint(manifest.engine, manifest.user_dictionary):
        raise IndexMismatch(
            "The index {where} was created by newsgrep {made_by} with another "
            "analyser: rebuild it with newsgrep reindex, which needs no other files.",
            where=where,
            made_by=manifest.made_by,
        )


def write_draft(folder: Path, manifest: Manifest) -> None:
    """Write the manifest that :func:`confirm_draft` will put in place; it is on the disk."""
    write_new(folder / DRAFT_FILE, pack_manifest(manifest))
    sync(folder)


def read_draft(folder: Path) -> Manifest | None:
    """Return the draft; ``None`` if there is none, or if its writer was killed on the way."""
    try:
        with open_regular(folder / DRAFT_FILE) as stream:
            return unpack_manifest(stream.read(_MAX_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def confirm_draft(folder: Path) -> None:
    """Put the draft, if there is one, in place of the manifest: this switches the index."""
    if not (folder / DRAFT_FILE).exists():
        return
    replace_file(folder / DRAFT_FILE, folder / MANIFEST_FILE)
    for changed in (folder, folder.absolute().parent):
        sync(changed)
