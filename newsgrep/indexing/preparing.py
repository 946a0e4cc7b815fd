"""Reading files and records in worker processes: they become documents for an engine.

A file of one article is read and extracted by a worker. A file of many records is divided by the
parent, because it may be of any size, and each of its records is extracted by a worker; but PDF
and other documents, which have to be parsed as a whole, are read by a worker, too.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep._io import describe_special_file, path_key
from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.errors import NoArticle
from newsgrep.extraction.identity import article_id
from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.records.base import (
    DEFAULT_OPTIONS,
    MAX_RECORD_BYTES,
    ReadOptions,
    file_source,
)
from newsgrep.extraction.records.names import has_document_name
from newsgrep.extraction.records.registry import is_container
from newsgrep.extraction.version import extraction_version
from newsgrep.extraction.walk import File
from newsgrep.indexing.containers import (
    ContainerEnd,
    KnownBeginning,
    KnownRecord,
    Position,
    RecordTask,
    read_as_before,
    read_container,
    read_located,
)
from newsgrep.indexing.known import KnownFile
from newsgrep.indexing.workers import map_in_order
from newsgrep.messages import message, system_reason
from newsgrep.models import Article, FileRecord, Status

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_READ_ATTEMPTS: Final = 3
"""How often a file is read that changes meanwhile."""

_MTIME_TICK_NS: Final = 20_000_000
"""Nanoseconds: two writes within this time may leave a file with the same mtime."""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be read. It gets no file record, so that the next run tries again."""

    path: str
    reason: str


StreamItem = RecordTask | KnownRecord | FailedFile

Prepared = IndexDocument | FileRecord | FailedFile | KnownRecord | KnownBeginning | ContainerEnd
"""A document to index, the record of a file without an article, a failure, or what
:func:`newsgrep.indexing.containers.read_container` says about records that are not extracted."""


@dataclass(frozen=True, slots=True)
class FoundContainer:
    """A file whose content shows that it has many records, whatever its name says."""

    file: File


@dataclass(frozen=True, slots=True)
class _Document:
    """A file that a worker reads as a whole, with all records in it, and how to read it."""

    file: File
    read: ReadOptions


def prepare_file(
    file: File, outlets: Outlets, largest: int, user: UserDictionary | None = None
) -> Prepared | FoundContainer:
    """Read ``file`` once and extract its article; never raises for its content.

    The record and the article are of the same bytes. A file of more than ``largest`` bytes is
    not read. ``user`` is the user's dictionary of the index.
    """
    try:
        status, data = read_file(file.path, largest)
        beginning = file_source(Path(file.path)).head() if data is None else data
        if is_container(file.path, beginning):
            return FoundContainer(file)
    except FileNotFoundError:
        return FailedFile(file.path, message("it was gone before it could be read"))
    except (OSError, ValueError) as exc:
        return FailedFile(file.path, system_reason(exc))
    record = FileRecord(
        file.path,
        status.st_size,
        status.st_mtime_ns,
        "",
        Status.REJECTED,
        extractor=extraction_version(outlets),
    )
    if data is None:
        return record._replace(
            reason=message(
                "larger than --max-file-size, which is {largest}", largest=_format_size(largest)
            )
        )
    record = record._replace(digest=blake2b(data, digest_size=16).hexdigest())
    # Only workers need it: it takes 0.2 seconds, most of them to compile patterns.
    from newsgrep.extraction.pipeline import extract_article

    try:
        article = extract_article(file.path, data, outlets=outlets, mtime=status.st_mtime)
    except NoArticle as exc:
        return record._replace(reason=str(exc))
    sketch = article.url is not None
    return make_document(article, _indexed_record(record, article), sketch=sketch, user=user)


def read_file(path: str, largest: int) -> tuple[os.stat_result, bytes | None]:
    """Return the status and the bytes of a file, ``None`` instead of bytes if it is too large.

    A file may have become a pipe since it was found, which must not block, and it may change
    while it is read: size and time are those of the bytes. Raises :class:`ValueError` for
    special files and for a file that keeps changing.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(_READ_ATTEMPTS):
        with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123  (no path but a number)
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(describe_special_file(status.st_mode))
            if status.st_size > largest:
                return status, None
            if 0 <= time.time_ns() - status.st_mtime_ns < _MTIME_TICK_NS:
                time.sleep(_MTIME_TICK_NS / 1e9)
            # Some file systems report size 0.
            data = stream.read((status.st_size or largest) + 1)
            after = os.fstat(stream.fileno())
        if len(data) > largest:
            return status, None
        same = (status.st_size, status.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if same and len(data) == (status.st_size or len(data)):
            return status, data
    raise ValueError(message("it changed while it was read: try again when nobody writes to it"))


def _format_size(size: int) -> str:
    for step, unit in ((2**30, "G"), (2**20, "M"), (2**10, "K")):
        if size % step == 0:
            return f"{size // step}{unit}"
    return message("{size} bytes", size=size)


def _prepare_record(
    task: RecordTask, outlets: Outlets, largest: int, user: UserDictionary | None
) -> Prepared:
    """Extract the article in a record; never raises for its content."""
    file, record = task.file, task.record
    file_record = FileRecord(
        file.path + record.locator,
        file.size,
        file.mtime_ns,
        task.digest,
        Status.REJECTED,
        extractor=extraction_version(outlets),
        locator=record.locator,
    )
    if len(record.data) > largest:
        reason = message(
            "larger than --max-file-size, which is {largest}", largest=_format_size(largest)
        )
        return file_record._replace(reason=reason)
    from newsgrep.extraction.pipeline import extract_record  # as above

    try:
        article = extract_record(
            record, file.path, outlets=outlets, mtime=file.mtime_ns / 1e9, fields=task.fields
        )
    except NoArticle as exc:
        return file_record._replace(reason=str(exc))
    # Texts are compared where several may have one address, or where a record is edited that its
    # bytes identify.
    identity = record.identity
    sketch = bool(article.url or (identity and article.id == article_id(None, identity)))
    indexed = _indexed_record(file_record, article)
    return make_document(article, indexed, sketch=sketch, user=user)


def _indexed_record(record: FileRecord, article: Article) -> FileRecord:
    # Of two files with one article, the one fetched later is preferred, then the longer one.
    key = (article.fetched or "", len(article.body))
    return record._replace(status=Status.INDEXED, article_id=article.id, version_key=key)


def ignore_bytes(_count: int) -> None:
    """Count nothing."""


class _Rules(NamedTuple):
    outlets_file: Path | None
    largest: int
    user: UserDictionary | None


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How to read files.

    ``outlets_file`` has the user's own outlet rules. Files and records of more than ``largest``
    bytes are not read. ``read`` says how to read records, and ``known`` is what the index
    knows of files of many records, by path: what has not changed is not extracted again, unless
    ``again``.
    ``all_known`` has the file records of the whole index by path.
    ``on_read`` is called with the number of bytes of files that were read. ``user`` is the user's
    dictionary of the index.
    """

    outlets_file: Path | None = None
    largest: int = MAX_RECORD_BYTES
    read: ReadOptions = DEFAULT_OPTIONS
    known: Mapping[str, KnownFile] = field(default_factory=dict)
    again: bool = False
    all_known: Mapping[str, FileRecord] = field(default_factory=dict)
    on_read: Callable[[int], None] = ignore_bytes
    user: UserDictionary | None = None

    @property
    def rules(self) -> _Rules:
        """Return what workers need."""
        return _Rules(self.outlets_file, self.largest, self.user)


def prepare_files(files: Iterable[File], options: PrepareOptions, jobs: int) -> Iterator[Prepared]:
    """Yield the results for each file and each record, with ``jobs`` processes.

    Files of one article come first, each of the others follows with its records in their order
    and a :class:`~newsgrep.indexing.containers.ContainerEnd`. The result does not depend on
    ``jobs``.
    """
    containers: list[File] = []
    located: dict[str, list[str]] = {}

    def documents() -> Iterator[File]:
        for file in files:
            if file.locator:
                located.setdefault(file.path, []).append(file.locator)
            elif is_container(file.path):
                containers.append(file)
            else:
                yield file
                options.on_read(file.size)

    for found in map_in_order(_preparer, options.rules, documents(), jobs, _size_of):
        if isinstance(found, FoundContainer):
            containers.append(found.file)
        elif not isinstance(found, list):
            yield found
    if containers or located:
        items = chain(_read_all(containers, options), _read_located(located, options))
        for found in map_in_order(_preparer, options.rules, items, jobs, _size_of):
            if isinstance(found, list):
                yield from found
            elif not isinstance(found, FoundContainer):
                yield found


def prepare_stream(
    items: Iterable[StreamItem], options: PrepareOptions, jobs: int
) -> Iterator[Prepared]:
    """Yield the results for each record of a stream (:mod:`newsgrep.indexing.stream`)."""
    for found in map_in_order(_preparer, options.rules, items, jobs, _size_of):
        if not isinstance(found, FoundContainer | list):
            yield found


def _size_of(item: _Item) -> int:
    """Return how many bytes an item has, or how many a worker reads for it."""
    match item:
        case RecordTask():
            return len(item.record.data)
        case File():
            return item.size
        case _Document():
            return item.file.size
        case _:
            return 0


def _read_all(files: Iterable[File], options: PrepareOptions) -> Iterator[_Item]:
    extractor = extraction_version(load_outlets(options.outlets_file))

    def order(file: File) -> tuple[bool, bytes]:
        # What was moved from a known file to a new one is found before it is missing.
        return file.path in options.known, path_key(file.path)

    for file in sorted(files, key=order):
        known = options.known.get(file.path)
        if known is None and has_document_name(file.path):
            yield _Document(file, options.read)
            options.on_read(file.size)
            continue
        position, read = Position(), 0
        try:
            for item in read_container(
                file,
                known,
                extractor=extractor,
                options=options.read,
                again=options.again,
                position=position,
            ):
                yield item
                options.on_read(count := position.advance())
                read += count
        except FileNotFoundError:
            yield FailedFile(file.path, message("it was gone before it could be read"))
        except (OSError, ValueError) as exc:
            yield FailedFile(file.path, system_reason(exc))
        options.on_read(file.size - read)


def _read_located(located: Mapping[str, Sequence[str]], options: PrepareOptions) -> Iterator[_Item]:
    for path, locators in located.items():
        try:
            status = os.stat(path)  # noqa: PTH116  (any bytes)
            file = File(path, status.st_size, status.st_mtime_ns)
            read = read_as_before(options.all_known.get(path), options.read)
            for record, digest in read_located(path, locators, read):
                yield RecordTask(file, record, digest, read.fields)
        except (OSError, ValueError) as exc:
            yield FailedFile(path, system_reason(exc))


def _prepare_document(
    document: _Document, outlets: Outlets, largest: int, user: UserDictionary | None
) -> list[Prepared]:
    """Read all records of a file that no index knows."""
    file, extractor = document.file, extraction_version(outlets)
    try:
        items = read_container(file, None, extractor=extractor, options=document.read)
        return [
            _prepare_record(each, outlets, largest, user) if isinstance(each, RecordTask) else each
            for each in items
        ]
    except FileNotFoundError:
        return [FailedFile(file.path, message("it was gone before it could be read"))]
    except (OSError, ValueError) as exc:
        return [FailedFile(file.path, system_reason(exc))]


_Item = (
    File
    | RecordTask
    | KnownRecord
    | KnownBeginning
    | FileRecord
    | ContainerEnd
    | FailedFile
    | _Document
)

_Found = Prepared | FoundContainer | list[Prepared]


def _preparer(rules: _Rules) -> Callable[[_Item], _Found]:
    outlets_file, largest, user = rules
    outlets = load_outlets(outlets_file)

    def prepare(item: _Item) -> _Found:
        match item:
            case _Document():
                return _prepare_document(item, outlets, largest, user)
            case File():
                return prepare_file(item, outlets, largest, user)
            case RecordTask():
                return _prepare_record(item, outlets, largest, user)
            case _:
                return item

    return prepare
