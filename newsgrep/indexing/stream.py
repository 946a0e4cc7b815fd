"""Records from standard input: JSON objects, one on each line, that are in no file.

A record is named by what identifies it, not by its line, so that a later run updates it. Its path
is ``stdin!/`` followed by its address, its id, or the digest of its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import chain, islice
from typing import BinaryIO, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.formats import FIELDS_FORMAT
from newsgrep.extraction.formats.fields import record_key
from newsgrep.extraction.records.base import BadRecord, ReadOptions, Record, Source
from newsgrep.extraction.records.json_lines import read
from newsgrep.extraction.walk import File
from newsgrep.indexing.containers import KnownRecord, RecordTask, digests_of
from newsgrep.indexing.known import KnownFile
from newsgrep.indexing.plan import STREAM
from newsgrep.indexing.preparing import FailedFile, StreamItem

_MAX_KEY: Final = 2000

_MANY: Final = 300
"""Records that are read before worker processes are started."""


def read_stream(stream: BinaryIO, known: KnownFile, options: ReadOptions) -> Iterator[StreamItem]:
    """Yield what each line of ``stream`` is: a record to extract, a known one, or an error.

    ``known`` is what the index knows of earlier records.
    """
    changed: set[int] = set()
    for record in read(Source(STREAM, lambda: stream), options):
        place = STREAM + record.locator
        if isinstance(record, BadRecord):
            yield FailedFile(place, record.reason)
            continue
        try:
            key = record_key(record.data, options.fields)
        except NoArticle as exc:
            yield FailedFile(place, str(exc))
            continue
        yield _item(record, key, known, changed, options.fields)


def _item(
    line: Record,
    key: str,
    known: KnownFile,
    changed: set[int],
    fields: Mapping[str, str],
) -> RecordTask | KnownRecord:
    if not key.isprintable() or not 0 < len(key) <= _MAX_KEY:
        key = blake2b(key.encode() or line.data, digest_size=16).hexdigest()
    record = Record(f"!/{key}", line.data, FIELDS_FORMAT)
    digest = digests_of(record, fields)[0]
    path = STREAM + record.locator
    # An earlier line of this stream may have replaced what the index knows.
    if hash(path) not in changed and known.is_unchanged(path, digest):
        return KnownRecord(path)
    changed.add(hash(path))
    return RecordTask(File(STREAM, len(line.data), 0), record, digest, fields)


def read_ahead(items: Iterator[StreamItem]) -> tuple[Iterator[StreamItem], bool]:
    """Return ``items``, and whether they are so many that worker processes take less time."""
    first = list(islice(items, _MANY))
    return chain(first, items), len(first) == _MANY
