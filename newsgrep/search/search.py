"""Where a page of hits ended, as a token that goes into an address or a script as it is.

A place in an order by date stays good whatever comes into the index; one among scores is
good for one commit, for the scores of the next one are others.
"""

from __future__ import annotations

import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import Engine, EngineRequest, Order, ResultPage, ScoredDoc
from newsgrep.errors import UsageError
from newsgrep.models import Article, Hit, Snippet
from newsgrep.query.ast import (
    And,
    Field,
    NameContains,
    NameField,
    Node,
    Not,
    Or,
    TextNode,
    describe,
    positive_texts,
    scoring_terms,
)
from newsgrep.query.match import highlight_spans, merged_spans, text_matches
from newsgrep.query.parser import Query, name_contains
from newsgrep.search.highlight import MAX_SNIPPETS, SNIPPET_WIDTH, make_snippets
from newsgrep.search.rerank import (
    RERANK_DEPTH,
    FoldedText,
    RerankFeatures,
    rerank,
    should_rerank,
)

if TYPE_CHECKING:
    from newsgrep.query.dates import Calendar


_CURSOR_VERSION: Final = "1"
_MAX_TOKEN_LENGTH: Final = 1000
_KIND_RANK, _KIND_SCORE, _KIND_TIMESTAMP = b"r", b"s", b"m"
_RANK_LAYOUT: Final = struct.Struct(">QI")
_SCORE_LAYOUT: Final = struct.Struct(">Qdd")
_TIMESTAMP_LAYOUT: Final = struct.Struct(">d")
_CHECKSUM: Final = struct.Struct(">I")
_DIGEST_SIZE: Final = 6  # bytes: a token is taken for another query's once in 2^48 mistakes


class Cursor(NamedTuple):
    """Where a page ended: after the first ``rank`` hits, or after the place of ``last``."""

    rank: int = 0
    last: ScoredDoc | None = None


def encode_cursor(cursor: Cursor, root: Node, order: Order, commit: int) -> str:
    """Return what :func:`decode_cursor` takes: letters, digits, ``-`` and ``_``."""
    commit &= 2**64 - 1
    if cursor.last is None:
        kind, place = _KIND_RANK, _RANK_LAYOUT.pack(commit, cursor.rank)
    else:
        article_id, score, moment = cursor.last
        if _depends_on_commit(root, order):
            kind, place = _KIND_SCORE, _SCORE_LAYOUT.pack(commit, score, moment)
        else:
            kind, place = _KIND_TIMESTAMP, _TIMESTAMP_LAYOUT.pack(moment)
        place += article_id.encode()
    data = kind + _query_digest(root, order) + place
    return _CURSOR_VERSION + urlsafe_b64encode(data + _CHECKSUM.pack(crc32(data))).decode().rstrip(
        "="
    )


def decode_cursor(token: str, root: Node, order: Order, commit: int) -> Cursor:
    """Return where ``token`` says to go on.

    Raises :class:`UsageError` for what is no token, for one of another query or order, and
    for one among the scores of another commit than ``commit``.
    """
    if token[:1].isdigit() and token[:1] != _CURSOR_VERSION:
        raise UsageError("This token is of another newsgrep: ask again without --after.")
    kind, asked, place = _unpack_token(token)
    if asked != _query_digest(root, order):
        raise UsageError(
            "This token is of another query or order: ask with those that gave it, or "
            "without --after."
        )
    if kind == _KIND_TIMESTAMP:
        (moment,) = _TIMESTAMP_LAYOUT.unpack_from(place)
        return Cursor(last=ScoredDoc(place[_TIMESTAMP_LAYOUT.size :].decode(), 0.0, moment))
    if kind == _KIND_RANK:
        then, rank = _RANK_LAYOUT.unpack(place)
        cursor = Cursor(rank=rank)
    else:
        then, score, moment = _SCORE_LAYOUT.unpack_from(place)
        cursor = Cursor(last=ScoredDoc(place[_SCORE_LAYOUT.size :].decode(), score, moment))
    if then != commit & 2**64 - 1:
        raise UsageError(
            "The index has changed since this token was given, and every score with it: ask "
            "again without --after, or by --sort date or -date, which go on whatever changes."
        )
    return cursor


def _unpack_token(token: str) -> tuple[bytes, bytes, bytes]:
    try:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        text = token.removeprefix(_CURSOR_VERSION).encode("ascii")
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        if urlsafe_b64encode(data).rstrip(b"=") != text:
            raise ValueError("not as it was given")
        data, check = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
        if check != _CHECKSUM.pack(crc32(data)) or data[:1] not in {
            _KIND_RANK,
            _KIND_SCORE,
            _KIND_TIMESTAMP,
        }:
            raise ValueError("not as it was given")
    except (ValueError, struct.error) as exc:
        raise UsageError(
            "What follows --after is no token: copy the whole “next” of the page before, or "
            "ask without --after."
        ) from exc
    return data[:1], data[1 : 1 + _DIGEST_SIZE], data[1 + _DIGEST_SIZE :]


def _depends_on_commit(root: Node, order: Order) -> bool:
    """Return whether the places of hits are those of one commit only."""
    return order is Order.RELEVANCE and bool(scoring_terms(root))


def _query_digest(root: Node, order: Order) -> bytes:
    return sha256(f"{order.value} {root!r}".encode("utf-8", "surrogatepass")).digest()[
        :_DIGEST_SIZE
    ]


class SourceCount(NamedTuple):
    """A source: its most frequent spelling (empty: none is known), all of them, its articles."""

    name: str
    spellings: tuple[str, ...]
    articles: int


def group_sources(facet: Iterable[tuple[str, int]]) -> list[SourceCount]:
    """Return the sources in a facet, the most frequent first, then by name."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, count in facet:
        found.setdefault(fold(name), []).append((name, count))
    sources = []
    for spellings in found.values():
        spellings.sort(key=lambda item: (-item[1], item[0]))
        names = tuple(name for name, _ in spellings)
        sources.append(SourceCount(names[0], names, sum(count for _, count in spellings)))
    return sorted(sources, key=lambda source: (-source.articles, source.name))


def only_source(source: SourceCount, names: Sequence[str]) -> Node:
    """Return the query for the articles of ``source`` and no other, where ``names`` are all."""
    wanted = fold(source.name)
    if not wanted:
        return Not(NameContains(NameField.SOURCE, ""))  # every name holds the empty one
    # Distinct, and not by hash, so that one question is always the same.
    others = dict.fromkeys(map(fold, names))
    longer = [name for name in others if wanted in name and name != wanted]
    # What holds a longer name is excluded by the shortest that it holds.
    least = [name for name in longer if not any(o in name and o != name for o in longer)]
    here = NameContains(NameField.SOURCE, wanted)
    if not least:
        return here
    return And((here, Not(Or(tuple(NameContains(NameField.SOURCE, name) for name in least)))))


_FROM_START: Final = Cursor()


class SearchRequest(NamedTuple):
    """What is asked: a query, and which part of the answer in which order.

    ``after`` is the ``next`` of a page before; ``offset`` hits are passed over beyond it.
    """

    query: Query
    order: Order = Order.RELEVANCE
    limit: int = 10
    offset: int = 0
    facets: Sequence[str] = ()
    snippet_width: int = SNIPPET_WIDTH
    most_snippets: int = MAX_SNIPPETS
    recency: Recency | None = None
    after: str = ""


class SearchResult(NamedTuple):
    """The answer: the exact total, the hits of the page, and the query as it was parsed.

    ``features`` says by id what the second look saw in the best articles, where there was one.
    ``offset`` hits stand before the page; with ``next`` the page after it is asked for.
    """

    request: SearchRequest
    parsed: str
    total: int
    hits: tuple[Hit, ...]
    took_ms: float
    facets: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType({})
    features: Mapping[str, RerankFeatures] = MappingProxyType({})
    offset: int = 0
    next: str | None = None


class RankedPage(NamedTuple):
    """A page in its final order, the texts read for it, what was seen in them, where it ends."""

    page: ResultPage
    folded: dict[str, FoldedText]
    features: dict[str, RerankFeatures]
    end: Cursor


def search(engine: Engine, request: SearchRequest) -> SearchResult:
    """Return the page of hits that ``request`` asks for.

    Raises :class:`UsageError` where ``request.after`` is not for this query and index.
    """
    started = time.perf_counter()
    root, order, commit = request.query.root, request.order, engine.commit()
    if request.after and request.recency:
        raise UsageError(
            "--after does not go with --recency, whose scores change while time goes by: use "
            "--offset."
        )
    cursor = decode_cursor(request.after, root, order, commit) if request.after else Cursor()
    page, folded, features, end = fetch_page(engine, request, cursor)
    hits = make_hits(engine, page.candidates, request, page.before + 1, folded)
    offset = page.before if request.after else request.offset
    more = bool(hits) and page.before + len(hits) < page.total and not request.recency
    following = encode_cursor(end, root, order, commit) if more else None
    took = (time.perf_counter() - started) * 1000
    parsed = describe(root)
    return SearchResult(
        request, parsed, page.total, hits, took, page.facets, features, offset, following
    )


def make_hits(
    engine: Engine,
    candidates: Sequence[ScoredDoc],
    request: SearchRequest,
    first_rank: int = 1,
    folded: Mapping[str, FoldedText] = MappingProxyType({}),
) -> tuple[Hit, ...]:
    """Return ``candidates`` as hits for ``request``; ``folded`` are texts that are known."""
    wanted = positive_texts(request.query.root)
    ids = [candidate.id for candidate in candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    texts = {**folded, **dict(zip(missing, engine.folded(missing), strict=True))}
    return tuple(
        make_hit(rank, candidate.score, article, texts[article.id], wanted, request)
        for rank, (candidate, article) in enumerate(
            zip(candidates, engine.get(ids), strict=True), first_rank
        )
    )


def fetch_page(engine: Engine, request: SearchRequest, cursor: Cursor = _FROM_START) -> RankedPage:
    """Return the page in its final order, from ``cursor`` and the request's offset on."""
    root, order, recency = request.query.root, request.order, request.recency
    wanted = positive_texts(root)
    offset = cursor.rank + request.offset
    end = offset + request.limit
    reranks = order is Order.RELEVANCE and request.limit > 0 and should_rerank(wanted)
    if not reranks or cursor.last or not 0 <= offset < RERANK_DEPTH:
        page = engine.search(
            EngineRequest(root, order, request.limit, offset, request.facets, recency, cursor.last)
        )
        last = page.candidates[-1] if page.candidates else None
        return RankedPage(page, {}, {}, Cursor(last=last))
    # Always the same hundred, so that pages neither repeat nor skip.
    page = engine.search(
        EngineRequest(root, order, max(end, RERANK_DEPTH), 0, request.facets, recency)
    )
    best, rest = page.candidates[:RERANK_DEPTH], page.candidates[RERANK_DEPTH:]
    ids = [candidate.id for candidate in best]
    texts = engine.folded(ids)
    looked = rerank(best, texts, wanted)
    shown = (*(each.candidate for each in looked), *rest)[offset:end]
    # Beyond the hundred the first order holds, and there the place is that of its last one.
    first = page.candidates[:end]
    return RankedPage(
        ResultPage(page.total, shown, page.facets, min(offset, page.total)),
        dict(zip(ids, texts, strict=True)),
        {each.candidate.id: each.features for each in looked},
        Cursor(last=first[-1]) if len(first) >= RERANK_DEPTH else Cursor(rank=len(first)),
    )


def make_hit(
    rank: int,
    score: float,
    article: Article,
    folded: FoldedText,
    wanted: Sequence[TextNode],
    request: SearchRequest,
) -> Hit:
    """Return ``article`` as a hit, with what matched in its title and its snippets."""
    title, body = folded
    windows = make_snippets(
        article.body,
        body,
        text_matches(body, wanted, Field.BODY),
        width=request.snippet_width,
        most=request.most_snippets,
    )
    return Hit(
        rank=rank,
        score=score,
        article=article,
        title_spans=merged_spans(text_matches(title, wanted, Field.TITLE)),
        snippets=(*windows, *_caption_snippets(article, wanted)),
    )


def ranked_page(engine: Engine, root: Node, order: Order, limit: int, offset: int) -> ResultPage:
    """Return the page of candidates in the order in which :func:`search` shows them."""
    return fetch_page(engine, SearchRequest(Query("", root), order, limit, offset)).page


def _caption_snippets(article: Article, wanted: Sequence[TextNode]) -> list[Snippet]:
    if not any(text.field is Field.CAPTION for text in wanted):
        return []
    marked = (
        (caption, highlight_spans(caption, wanted, Field.CAPTION)) for caption in article.captions
    )
    return [
        Snippet(caption, spans, 0, False, False, field="caption")
        for caption, spans in marked
        if spans
    ]


def build_filters(
    sources: Iterable[str] = (), since: str = "", until: str = "", calendar: Calendar | None = None
) -> list[Node]:
    """Return what narrows to one of ``sources`` and to these days of ``calendar``.

    Empty ones do not. Raises :class:`UsageError` for what is no date.
    """
    found: list[Node] = []
    if wanted := tuple(name_contains(NameField.SOURCE, name) for name in sources):
        found.append(Or(wanted) if len(wanted) > 1 else wanted[0])
    if since or until:
        from newsgrep.query.dates import calendar_in, date_filter

        found.append(date_filter(since, until, calendar or calendar_in()))
    return found


def with_filters(query: Query, filters: Iterable[Node]) -> Query:
    """Return ``query`` with ``filters`` that must match as well."""
    children = (query.root, *filters)
    return query._replace(root=And(children)) if len(children) > 1 else query
