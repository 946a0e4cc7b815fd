"""Everything that an index on a server holds is read and compared with what it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from newsgrep.analysis.codec import DamagedData
from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Problem, Stored, Unreadable
from newsgrep.engines.engine_query.fields import (
    BODY,
    CAPTION,
    ID,
    IMPACTS,
    TERMS,
    TITLE,
    index_fields,
)
from newsgrep.engines.engine_query.ir import Clause, Must, Term
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    ServerHit,
    is_article_hit,
    stored_article,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import (
    PACKED_FILE_RECORD,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_URL,
    IndexNames,
    health_problems,
)
from newsgrep.engines.opensearch.query import MAX_CLAUSES
from newsgrep.engines.opensearch.reader import PointInTime
from newsgrep.models import Article, FileRecord

_ARTICLES_AT_ONCE: Final = 50
"""Articles whose terms are asked for at once."""


def find_problems(connection: Client, names: IndexNames, *, deep: bool) -> Iterator[Problem]:
    """Yield what is wrong."""
    found = list(health_problems(connection, names))
    yield from (Problem(each.sentence, in_data=False) for each in found)
    if not any(each.lost for each in found):  # or else no question has an answer
        yield from map(Problem, _document_problems(connection, names, deep=deep))


def _document_problems(connection: Client, names: IndexNames, *, deep: bool) -> Iterator[str]:
    view = PointInTime(connection, names.articles)
    some: list[tuple[Article, FileRecord]] = []
    try:
        for item in iter_stored(connection, names):
            match item:
                case (None, _):
                    continue
                case (Article() as article, stamp):
                    if article.id != stamp.article_id:
                        yield f"The article {article.id} is kept as {stamp.article_id}."
                    elif deep:
                        some.append((article, stamp))
                case (path,):
                    yield f"The article from {path or 'an unknown file'} can't be read."
            if len(some) == _ARTICLES_AT_ONCE:
                yield from _term_problems(view, some)
                some.clear()
        yield from _term_problems(view, some)
    finally:
        view.close()


def _term_problems(
    view: PointInTime, articles: Sequence[tuple[Article, FileRecord]]
) -> Iterator[str]:
    """Ask the server whether each article has every token that its text has."""
    asked: list[tuple[Article, Clause]] = []
    for article, stamp in articles:
        texts = index_fields(make_document(article, stamp)).texts
        tokens = [
            Term(field, token)
            for field in (TITLE, BODY, CAPTION, TERMS, IMPACTS)
            for token in dict.fromkeys(texts[field].split(" "))
            if token
        ]
        own = Term(ID, article.id)
        # At least once, for an article without any text.
        for first in range(0, len(tokens) or 1, MAX_CLAUSES - 1):
            part = tokens[first : first + MAX_CLAUSES - 1]
            asked.append((article, Must((own, *part))))
    counts = view.counts([clause for _, clause in asked])
    wrong = {each.id for (each, _), count in zip(asked, counts, strict=True) if count != 1}
    for article_id in sorted(wrong):
        yield f"The terms of the article {article_id} are not those of its text."


_FILE_RECORDS_PER_REQUEST: Final = 5_000
"""Stamps that come at once."""

_ARTICLES_PER_REQUEST: Final = 200
"""Packed articles that come at once."""


def file_record_hits(connection: Client, names: IndexNames) -> Iterator[ServerHit]:
    """Yield the stamp of every note, then of every article.

    Where both are of one path, which was parted from its note when a run was cut short,
    that of the article comes last and counts.
    """
    for target in (names.notes, names.articles):
        yield from _all_hits(
            PointInTime(connection, target), (PACKED_FILE_RECORD,), _FILE_RECORDS_PER_REQUEST
        )


def iter_stored(connection: Client, names: IndexNames) -> Iterator[Stored | Unreadable]:
    """Yield every article and note, and what can't be read of them."""
    for target in (names.articles, names.notes):
        for hit in _all_hits(
            PointInTime(connection, target),
            (PACKED_TEXTS, PACKED_REST, PACKED_FILE_RECORD, PACKED_URL),
            _ARTICLES_PER_REQUEST,
        ):
            yield _stored_record(hit)


def _all_hits(view: PointInTime, fields: tuple[str, ...], at_once: int) -> Iterator[ServerHit]:
    try:
        yield from view.hits(Must(()), {"stored_fields": fields}, at_once)
    finally:
        view.close()


def _stored_record(hit: ServerHit) -> Stored | Unreadable:
    try:
        stamp = stored_file_record(hit)
    except DamagedData:
        return Unreadable(None)
    try:
        return Stored(stored_article(hit) if is_article_hit(hit) else None, stamp)
    except DamagedData:
        return Unreadable(stamp.path)
