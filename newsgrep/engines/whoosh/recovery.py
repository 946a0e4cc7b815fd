"""Checking a Whoosh index: files and their checksums, articles, terms and the texts of articles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from zlib import crc32

from newsgrep.analysis.document import make_document
from newsgrep.engines.commits import CommitFolder
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import (
    CAPTION_FIELD,
    CHANGE_FIELD,
    EARLIER_FIELD,
    LEFT_OUT_FIELD,
    TEXT_FIELD,
)

_64_BITS: Final = (1 << 64) - 1


def find_problems(commits: CommitFolder, reader: WhooshReader, *, deep: bool) -> Iterator[str]:
    """Yield a sentence for each problem; may also raise what damaged data raises.

    With ``deep`` all terms are compared with those of the stored texts.
    """
    damaged = commits.file_problems(reader.commit)
    yield from damaged
    yield from commits.other_problems(reader.commit)
    if damaged:
        return  # the content of such files may be anything
    for document in sorted(reader.all_documents()):
        article, article_id = reader.article(document), reader.article_id(document)
        if article.id != article_id:
            yield f"The article {article.id} is stored as {article_id}."
    for _ in reader.file_records():
        pass
    if deep:
        yield from _term_problems(reader)


def _term_problems(reader: WhooshReader) -> Iterator[str]:
    """Compare the postings of every document with the terms of its article.

    Together they would not fit into memory, so each document has one sum over its terms and
    counts: one from the postings, one from the article.
    """
    living = reader.all_documents()
    sums = dict.fromkeys(living, 0)
    for field in (TEXT_FIELD, CAPTION_FIELD, LEFT_OUT_FIELD, EARLIER_FIELD, CHANGE_FIELD):
        for term, numbers, counts in reader.all_postings(field):
            for number, count in zip(numbers, counts, strict=True):
                sums[number] = sums.get(number, 0) + _term_checksum(field, term, count) & _64_BITS
    for number in sorted(living):
        article = reader.article(number)
        document = make_document(article, reader.file_record(number))
        pairs: Iterable[tuple[str, str, int]] = (
            *((TEXT_FIELD, term, count) for term, count in document.counts.items()),
            *((CAPTION_FIELD, term, 1) for term in document.caption_terms),
            *((LEFT_OUT_FIELD, term, 1) for term in document.left_out_units),
            *((EARLIER_FIELD, term, 1) for term in document.earlier_terms),
            *((CHANGE_FIELD, term, 1) for term in document.changes),
        )
        if sum(_term_checksum(*pair) for pair in pairs) & _64_BITS != sums.pop(number):
            yield f"The terms of the article {article.id} do not match its text."
    for number in sums:
        yield f"There are terms of a document {number} that does not exist."


def _term_checksum(field: str, term: str, count: int) -> int:
    return crc32(f"{field} {term}".encode()) * (2 * count + 1)
