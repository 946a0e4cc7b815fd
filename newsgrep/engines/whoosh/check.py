"""Everything that a Whoosh index holds is read and compared with what it should be.

Files with their checksums, articles with themselves, and terms with the articles' texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from whoosh.index import TOC

from newsgrep.engines.entry import make_entry
from newsgrep.engines.whoosh.pages import sum_up
from newsgrep.engines.whoosh.schema import CAPTION, INDEX_NAME, TEXT
from newsgrep.engines.whoosh.storage import Folder
from newsgrep.engines.whoosh.store import Store
from newsgrep.engines.whoosh.sums import sums_of

_BITS = (1 << 64) - 1


def problems(storage: Folder, store: Store, *, deep: bool) -> Iterator[str]:
    """Yield what is wrong, one sentence each; may also raise what damaged data raises."""
    harmed = list(_files(storage))
    yield from harmed
    if harmed:
        return  # what they hold need not make any sense
    for document in sorted(store.everything()):
        article = store.article(document)
        if article.id != store.identifier(document):
            yield f"The article {article.id} is kept as {store.identifier(document)}."
    for _ in store.stamps():
        pass
    if deep:
        yield from _terms(store)


def _files(storage: Folder) -> Iterator[str]:
    for segment in TOC.read(storage, INDEX_NAME).segments:
        for name, expected in sums_of(segment).items():
            if not storage.file_exists(name):
                yield f"The file {name} is missing."
            elif storage.file_length(name) != expected.size:
                size = storage.file_length(name)
                yield f"The file {name} has {size} bytes instead of {expected.size}."
            elif sum_up(Path(storage.folder, name)) != expected:
                yield f"The file {name} has other bytes than it was written with."


def _terms(store: Store) -> Iterator[str]:
    """Compare the postings of every document with the terms of its article.

    All at once they would not fit into memory, so each document has one sum over all of
    its terms and counts, of the postings and of the article.
    """
    living = store.everything()
    found = dict.fromkeys(living, 0)
    for field in (TEXT, CAPTION):
        for term, numbers, counts in store.all_postings(field):
            for number, count in zip(numbers, counts, strict=True):
                found[number] = found.get(number, 0) + _sum(field, term, count) & _BITS
    for document in sorted(living):
        article = store.article(document)
        entry = make_entry(article, store.stamp(document))
        pairs: Iterable[tuple[str, str, int]] = (
            *((TEXT, term, count) for term, count in entry.counts.items()),
            *((CAPTION, term, 1) for term in entry.caption_terms),
        )
        if sum(_sum(*pair) for pair in pairs) & _BITS != found.pop(document):
            yield f"The terms of the article {article.id} are not those of its text."
    for document in found:
        yield f"There are terms of a document {document} that is not there."


def _sum(field: str, term: str, count: int) -> int:
    return crc32(f"{field} {term}".encode()) * (2 * count + 1)
