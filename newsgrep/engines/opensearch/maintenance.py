"""Verifying an index on a server, and reading everything that is stored in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.document import make_document
from newsgrep.analysis.packed_texts import DamagedData
from newsgrep.engines.base import Problem, Stored, Unreadable
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import (
    BODY,
    CAPTION,
    EARLIER,
    ID,
    IMPACTS,
    LEFT_OUT,
    TERMS,
    TITLE,
    index_fields,
)
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    PACKED_ARTICLE_FIELDS,
    PACKED_FILE_RECORD,
    PACKED_FILE_RECORD_IN_FORMAT_4,
    IndexNames,
    ServerHit,
    is_article_hit,
    stored_article,
    stored_file_record,
)
from newsgrep.engines.opensearch.pages import PointInTime
from newsgrep.engines.opensearch.problems import integer, mapping, text
from newsgrep.engines.opensearch.query import MAX_CLAUSES
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_ARTICLES_AT_ONCE: Final = 50
"""Articles whose terms are verified in one request."""

_FILE_RECORDS_PER_REQUEST: Final = 5_000
_ARTICLES_PER_REQUEST: Final = 200


class HealthProblem(NamedTuple):
    """What is wrong with the shards of an index, and whether one of them is unavailable."""

    sentence: str
    unavailable: bool


def health_problems(client: Client, names: IndexNames) -> Iterator[HealthProblem]:
    """Yield what is wrong with the shards of an index."""
    health = client.request(
        "GET", f"/_cluster/health/{names.all_indices}", params={"level": "indices"}
    )
    missing = 0
    for index, each in sorted(mapping(health, "indices").items()):
        if text(each, "status") == "red":
            yield HealthProblem(
                message(
                    "A shard of {index} is not available: start the machines that have it.",
                    index=index,
                ),
                unavailable=True,
            )
        else:
            missing += integer(each, "unassigned_shards")
    # On a single machine there is no place for a replica, and that is not a problem.
    if missing and integer(health, "number_of_data_nodes") > 1:
        yield HealthProblem(
            message(
                "The index {name} lacks {missing} replicas of its shards: start more machines, "
                "or change its number_of_replicas on the server.",
                name=names.name,
                missing=missing,
            ),
            unavailable=False,
        )


def find_problems(
    client: Client, names: IndexNames, *, deep: bool, user: UserDictionary | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with an index: its shards and documents, and with ``deep`` its terms.

    ``user`` is the user's dictionary of the index.
    """
    health = list(health_problems(client, names))
    yield from (Problem(each.sentence, in_data=False) for each in health)
    if not any(each.unavailable for each in health):  # else no search would succeed
        yield from map(Problem, _document_problems(client, names, user, deep=deep))


def _document_problems(
    client: Client, names: IndexNames, user: UserDictionary | None, *, deep: bool
) -> Iterator[str]:
    point_in_time = PointInTime(client, names.articles)
    articles: list[tuple[Article, FileRecord]] = []
    try:
        for item in iter_stored(client, names):
            match item:
                case (None, _):
                    continue
                case (Article() as article, record):
                    if article.id != record.article_id:
                        yield message(
                            "The article {id} is stored as {article_id}.",
                            id=article.id,
                            article_id=record.article_id,
                        )
                    elif deep:
                        articles.append((article, record))
                case (path,):
                    yield message(
                        "The article from {path} can't be read.",
                        path=path or message("an unknown file"),
                    )
            if len(articles) == _ARTICLES_AT_ONCE:
                yield from _term_problems(point_in_time, articles, user)
                articles.clear()
        yield from _term_problems(point_in_time, articles, user)
    finally:
        point_in_time.close()


def _term_problems(
    point_in_time: PointInTime,
    articles: Sequence[tuple[Article, FileRecord]],
    user: UserDictionary | None,
) -> Iterator[str]:
    """Search for each article by all tokens of its text, and yield those that are not found."""
    clauses: list[tuple[Article, ir.Clause]] = []
    for article, record in articles:
        texts = index_fields(make_document(article, record, user=user)).texts
        tokens = [
            ir.Term(field, token)
            for field in (TITLE, BODY, CAPTION, LEFT_OUT, EARLIER, TERMS, IMPACTS)
            for token in dict.fromkeys(texts[field].split(" "))
            if token
        ]
        own_id = ir.Term(ID, article.id)
        # At least once, for an article without any text.
        for first in range(0, len(tokens) or 1, MAX_CLAUSES - 1):
            part = tokens[first : first + MAX_CLAUSES - 1]
            clauses.append((article, ir.Must((own_id, *part))))
    counts = point_in_time.count_all([clause for _, clause in clauses])
    wrong = {each.id for (each, _), count in zip(clauses, counts, strict=True) if count != 1}
    for article_id in sorted(wrong):
        yield message(
            "The terms of the article {article_id} do not match its text.", article_id=article_id
        )


def file_record_hits(client: Client, names: IndexNames) -> Iterator[ServerHit]:
    """Yield the file record of every file without an article, then of every article.

    If an interrupted run has left both for one path, that of the article comes last and counts.
    """
    for target in (names.file_records, names.articles):
        point_in_time = PointInTime(client, target)
        yield from _all_hits(point_in_time, (PACKED_FILE_RECORD,), _FILE_RECORDS_PER_REQUEST)


def iter_stored(client: Client, names: IndexNames) -> Iterator[Stored | Unreadable]:
    """Yield every article and file record, and what can't be read."""
    fields = (*PACKED_ARTICLE_FIELDS, PACKED_FILE_RECORD_IN_FORMAT_4)
    for target in (names.articles, names.file_records):
        for hit in _all_hits(PointInTime(client, target), fields, _ARTICLES_PER_REQUEST):
            yield _stored_record(hit)


def _all_hits(
    point_in_time: PointInTime, fields: tuple[str, ...], per_request: int
) -> Iterator[ServerHit]:
    try:
        yield from point_in_time.hits(ir.Must(()), {"stored_fields": fields}, per_request)
    finally:
        point_in_time.close()


def _stored_record(hit: ServerHit) -> Stored | Unreadable:
    try:
        record = stored_file_record(hit)
    except DamagedData:
        return Unreadable(None)
    try:
        return Stored(stored_article(hit) if is_article_hit(hit) else None, record)
    except DamagedData:
        return Unreadable(record.path)
