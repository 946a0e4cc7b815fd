"""Verifying a tantivy index, and salvaging what can be read of a damaged one."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from tantivy import Document, Index

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import FACET_FIELDS, Order, Stored, Unreadable
from newsgrep.engines.commits import (
    Commit,
    CommitFolder,
    FileChecksum,
    checksum_file,
    file_problem,
    open_regular,
)
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import (
    EVEN,
    ID,
    IMPACTS,
    TERMS,
    index_fields,
)
from newsgrep.engines.tantivy.damaged import (
    MAX_SECONDS,
    READABLE,
    STARTED,
    find_hazard,
    limit_resources,
    open_index,
    read_damaged,
)
from newsgrep.engines.tantivy.files import (
    ENGINE,
    META,
    MIN_HEAP_BYTES,
    OWN_FILES,
    SPARE_SUFFIXES,
    commit_meta,
    deletes_file,
    footer_problem,
    is_panic,
    linked_folder,
    segment_files,
    segment_name,
    temporary_folder,
    translate_errors,
)
from newsgrep.engines.tantivy.query import TopDocs
from newsgrep.engines.tantivy.reader import CommitReader, open_files
from newsgrep.engines.tantivy.schema import (
    ARTICLE_KIND,
    KIND,
    PACKED_CHECKSUM,
    TEXT_FIELDS,
    stored_article,
    stored_file_record,
    verify_stored,
)
from newsgrep.engines.tantivy.verified import is_verified
from newsgrep.errors import IndexDamaged
from newsgrep.messages import message

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_TOKEN_FIELDS: Final = (*TEXT_FIELDS, TERMS, IMPACTS)

_PREVIOUS_IN_FORMAT_5: Final = "before"
_OLD_META_ERRORS: Final = (
    *(FileNotFoundError, NotADirectoryError, RecursionError),
    *(ValueError, LookupError, TypeError, AttributeError),
)
_MAX_META_BYTES: Final = 16 << 20
_READ_BYTES: Final = 1 << 20
_TRIED_DOCUMENTS: Final = 50_000
"""Documents that are read before the first use of an index, which takes some seconds."""

_TRIED_TERMS: Final = 200

_MAX_LISTED: Final = 1_000_000
"""Unreadable documents of a segment that are listed."""


def find_problems(
    commits: CommitFolder,
    commit: Commit,
    reader: CommitReader,
    *,
    deep: bool,
    user: UserDictionary | None = None,
) -> Iterator[str]:
    """Yield what is wrong with ``commit``, which ``reader`` has open, one sentence each.

    Compares every file of it and of the previous commit with its checksum, reads every document,
    and with ``deep`` compares the index's terms with those of the articles' texts, which depend on
    ``user``, its user's dictionary. May raise what damaged data raises (:func:`translate_errors`).
    """
    damaged = commits.file_problems(commit)
    yield from damaged
    yield from commits.other_problems(commit)
    if damaged:
        return  # the content of damaged files may mean anything
    yield from _document_problems(reader, user, deep=deep)


def _document_problems(
    reader: CommitReader, user: UserDictionary | None, *, deep: bool
) -> Iterator[str]:
    expected: dict[str, Counter[str]] = {field: Counter() for field in _TOKEN_FIELDS}
    for document in reader.documents():
        verify_stored(document)
        record = stored_file_record(document)
        if document.get_first(KIND) != ARTICLE_KIND:
            continue
        article = stored_article(document)
        if article.id != document.get_first(ID):
            yield message(
                "The article {id} is stored as {article_id}.",
                id=article.id,
                article_id=document.get_first(ID),
            )
        if deep:
            texts = index_fields(make_document(article, record, user=user)).texts
            for field in _TOKEN_FIELDS:
                expected[field].update(set(texts[field].split()))
    if deep:
        for field in _TOKEN_FIELDS:
            terms = reader.searcher.terms_with_prefix(field, "", reader.builder.articles)
            found = {token: count for token, count in terms if count}
            # Articles that were indexed before November 2026 do not have this marker.
            is_marked = found.pop(EVEN, 0) <= expected[field].pop(EVEN, 0)
            if found != expected[field] or not is_marked:
                yield message("The terms of {field} do not match the articles' texts.", field=field)


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield all that is stored, each article and file record once, and what is unreadable.

    Only what is stored is read, so damage to terms or postings loses nothing. What the last
    commit can't provide may be in another segment of the previous commit. Reads formats 4 to 7.
    Raises :class:`IndexDamaged` if no commit can be read, and ``OSError`` for what the operating
    system refuses, which is no loss.
    """
    sources = _sources(folder)
    last = next(sources, None)
    if last is None:
        raise IndexDamaged(
            "Nothing can be recovered from {folder}: its commit files are missing or damaged. "
            "Delete the folder of the index and index again.",
            folder=folder,
        )
    seen: set[tuple[bool, str]] = set()
    lost: list[tuple[str, str | None]] = [] if last.is_last else [("", None)]
    for name, item in _salvage_commit(last):
        if isinstance(item, Unreadable):
            lost.append((name, item.path))
        elif (key := _stored_key(item)) not in seen:
            seen.add(key)
            yield item
    previous = next(sources, None) if lost else None
    shared = segment_files(previous.meta).keys() if previous else set[str]()
    yield from (Unreadable(path) for name, path in lost if name in shared)
    # A lost document of a segment that only the last commit has may have replaced an older one.
    # An unreadable document of a shared segment is unreadable in both commits.
    wanted = [path for name, path in lost if name not in shared]
    unknown = wanted.count(None)
    for _, item in _salvage_commit(previous) if previous and wanted else ():
        if isinstance(item, Unreadable) or (key := _stored_key(item)) in seen:
            continue
        if (path := item.file_record.path) in wanted:
            wanted.remove(path)
        elif unknown:
            unknown -= 1  # perhaps another document is lost, so the loss is still reported
        else:
            continue
        seen.add(key)
        yield item
    yield from map(Unreadable, wanted)


def _stored_key(item: Stored) -> tuple[bool, str]:
    return (True, item.article.id) if item.article else (False, item.file_record.path)


class _Source(NamedTuple):
    """A commit to salvage from: its description, and those of its files that are damaged.

    ``is_last`` says that it is the last commit, which is unreadable otherwise. ``longer`` has the
    sizes of files that only have more bytes now.
    """

    folder: Path
    meta: dict[str, Any]
    damaged: frozenset[str]
    is_last: bool
    longer: Mapping[str, int] = {}


def _sources(folder: Path) -> Iterator[_Source]:
    """Yield the last commit and the previous one, as far as they can be read."""
    commits = CommitFolder(folder, ENGINE, OWN_FILES)
    number = commits.expected_number()
    readable = commits.readable_commits()
    for commit in readable:
        with suppress(ValueError):
            meta = commit_meta(commit)
            damaged, longer = set(), {}
            for name, expected in commit.files.items():
                if file_problem(folder, name, expected, deep=True):
                    if _begins_with(folder / name, expected):
                        longer[name] = expected.size
                    else:
                        damaged.add(name)
            yield _Source(folder, meta, frozenset(damaged), commit.number == number, longer)
    if readable or number is not None:
        return
    for older in (folder, folder / _PREVIOUS_IN_FORMAT_5):
        with suppress(*_OLD_META_ERRORS):
            with open_regular(older / META) as stream:
                meta = json.loads(stream.read(_MAX_META_BYTES))
            names = chain.from_iterable(segment_files(meta).values())
            unsound = frozenset(name for name in names if footer_problem(older / name))
            yield _Source(older, meta, unsound, older == folder)


def _begins_with(path: Path, expected: FileChecksum) -> bool:
    """Return whether a file begins with the bytes that a commit names."""
    try:
        return checksum_file(path, expected.size) == expected
    except (FileNotFoundError, ValueError):
        return False


def _salvage_commit(source: _Source) -> Iterator[tuple[str, Stored | Unreadable]]:
    """Yield what is in each segment, with the name of the segment."""
    segments = source.meta["segments"]
    with _spare_segment(source) as spare:
        # Segments with a damaged list of deleted documents come last, since their documents may
        # be older versions of others.
        for segment in sorted(segments, key=lambda each: deletes_file(each) in source.damaged):
            name = segment_name(segment)
            yield from ((name, item) for item in _salvage_segment(source, segment, spare))


@contextmanager
def _spare_segment(source: _Source) -> Iterator[Path]:
    """Create an index of one empty document, and yield the path of its segment without suffix.

    Its files stand in for those that are not needed to read what is stored.
    """

    def fill(folder: Path) -> None:
        meta = {**source.meta, "segments": [], "opstamp": 0}
        (folder / META).write_text(json.dumps(meta), "utf-8")
        with translate_errors(source.folder):
            writer = Index.open(str(folder)).writer(MIN_HEAP_BYTES, 1)
            writer.add_document(Document())
            writer.commit()
            writer.wait_merging_threads()

    with temporary_folder(fill) as folder:
        (name,) = segment_files(json.loads((folder / META).read_bytes()))
        yield folder / name


def _salvage_segment(
    source: _Source, segment: dict[str, Any], spare: Path
) -> Iterator[Stored | Unreadable]:
    name, deletes = segment_name(segment), deletes_file(segment)
    store, data = f"{name}.store", source.folder.resolve()
    links = {f"{name}.{suffix}": spare.with_suffix(f".{suffix}") for suffix in SPARE_SUFFIXES}
    links[store] = data / store
    if deletes in source.damaged:
        segment = {**segment, "deletes": None}
    elif deletes:
        links[deletes] = data / deletes
    meta = {**source.meta, "segments": [segment]}
    count = 0
    if _is_plausible(segment, links[store]):
        has_checksums = any(field["name"] == PACKED_CHECKSUM for field in source.meta["schema"])
        with ExitStack() as copies:
            for file in links.keys() & source.longer.keys():
                copy = copies.enter_context(NamedTemporaryFile(prefix="newsgrep-"))
                _copy_beginning(links[file], source.longer[file], copy)
                links[file] = Path(copy.name)
            is_sound = store not in source.damaged and not _is_hazardous(source.folder, links, meta)
            read = _read_sound if is_sound else _read_damaged
            for document in read(source.folder, links, meta):
                count += 1
                yield _stored(document, source.folder, has_checksums=has_checksums)
    yield from repeat(Unreadable(None), _document_count(segment) - count)


def _copy_beginning(path: Path, size: int, copy: IO[bytes]) -> None:
    """Copy the first ``size`` bytes of a file; tantivy looks for a footer at its end."""
    with open_regular(path) as stream:
        while size > 0 and (part := stream.read(min(size, _READ_BYTES))):
            size -= copy.write(part)
    copy.flush()


def _is_hazardous(folder: Path, links: dict[str, Path], meta: dict[str, Any]) -> bool:
    """Return whether reading may end this process, of files that newsgrep has not read here."""
    own = (name for name, path in links.items() if path.parent == folder.resolve())
    if all(is_verified(folder, name) for name in own):
        return False
    with linked_folder(links, meta) as linked:
        return find_hazard(linked) is not None


def _read_damaged(
    _: Path, links: dict[str, Path], meta: dict[str, Any]
) -> Iterator[Document | None]:
    with linked_folder(links, meta) as folder:
        yield from read_damaged(folder)


def _read_sound(
    data: Path, links: dict[str, Path], meta: dict[str, Any]
) -> Iterator[Document | None]:
    with suppress(IndexDamaged):
        reader = open_files(data, links, meta)
        for address in reader.addresses():
            document = None
            with suppress(IndexDamaged), translate_errors(data):
                document = reader.document(address)
            yield document


def _stored(document: Document | None, data: Path, *, has_checksums: bool) -> Stored | Unreadable:
    """Return what a document contains; its path is known if only the article is unreadable."""
    path = None
    with suppress(IndexDamaged), translate_errors(data):
        if document is None:
            return Unreadable(None)
        record = stored_file_record(document)
        path = record.path
        if has_checksums:
            verify_stored(document)
        is_article = document.get_first(KIND) == ARTICLE_KIND
        return Stored(stored_article(document) if is_article else None, record)
    return Unreadable(path)


def _is_plausible(segment: dict[str, Any], store: Path) -> bool:
    """Return whether there is a file with at least one byte for each document."""
    try:
        with open_regular(store) as stream:
            return 0 <= int(segment["max_doc"]) <= os.fstat(stream.fileno()).st_size
    except (FileNotFoundError, ValueError):
        return False


def _document_count(segment: dict[str, Any]) -> int:
    """Return how many documents a segment has, at most a number that may be listed."""
    deleted = segment["deletes"]["num_deleted_docs"] if segment["deletes"] else 0
    return min(int(segment["max_doc"]) - int(deleted), _MAX_LISTED)


def read_everything(folder: Path) -> None:
    """Read all fields, and up to :data:`_TRIED_DOCUMENTS` documents, as searches do.

    What tantivy raises is ignored, since searches report it, except for a panic, which writes to
    the standard error. It may also end this process. Either is what
    :func:`newsgrep.engines.tantivy.damaged.find_hazard` finds.
    """
    _write(STARTED)
    reader = _try(lambda: CommitReader(folder, open_index(folder)))
    if not reader:
        _write(READABLE)
        return
    searcher, everything = reader.searcher, reader.builder.articles
    is_small = searcher.num_docs <= _TRIED_DOCUMENTS
    for name in FACET_FIELDS:
        _try(reader.facet, name, ir.Must(()))
    for order in Order:
        _try(TopDocs(searcher, everything, order).first, 100)
    for field in _TOKEN_FIELDS:
        prefix, counted = ("", everything) if is_small else ("a", None)
        tokens = _try(searcher.terms_with_prefix, field, prefix, counted)
        for token, _ in tokens[:_TRIED_TERMS] if field in TEXT_FIELDS else ():
            _try(reader.count, ir.Phrase(field, (token, token)))
    for address in _try(reader.addresses, None, _TRIED_DOCUMENTS):
        _try(reader.document, address)
    _write(READABLE)


def _try(function: Callable[..., Any], *arguments: object) -> Any:
    try:
        return function(*arguments)
    except BaseException as exc:
        if isinstance(exc, Exception) and not is_panic(exc):
            return ()
        raise


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    limit_resources(Path(sys.argv[1]), MAX_SECONDS)
    read_everything(Path(sys.argv[1]))
