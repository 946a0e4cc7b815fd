"""Search: a query goes to an engine, ranked hits with snippets come back.

A result page ends at a :class:`Cursor`. Its token continues the result after that page: in an
order by date the token stays valid whatever is indexed meanwhile; in an order by score it is
valid for one commit, because every commit changes the scores.
"""

from __future__ import annotations

import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from newsgrep.analysis.characters import fold
from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import Engine, EngineRequest, FacetCounts, Order, ResultPage, ScoredDoc
from newsgrep.errors import UsageError
from newsgrep.models import Article, Hit, Snippet
from newsgrep.query.ast import (
    COMPOSITE_FIELDS,
    PASSAGE_FIELDS,
    And,
    DateRange,
    Field,
    MatchAll,
    NameContains,
    NameField,
    Node,
    Not,
    Or,
    TextNode,
    Versions,
    conditions,
    describe,
    in_all_versions,
    positive_texts,
    scoring_terms,
    searches,
)
from newsgrep.query.match import find_matches, merge_spans
from newsgrep.query.parser import (
    LoadCollections,
    LoadSaved,
    Query,
    name_contains,
    no_collections,
    no_saved_queries,
    parse,
    parse_literal,
    parse_regex_query,
)
from newsgrep.search.highlight import MAX_SNIPPETS, SNIPPET_WIDTH, make_snippets
from newsgrep.search.rerank import (
    RERANK_DEPTH,
    FoldedText,
    RerankFeatures,
    rerank,
    should_rerank,
)

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary
    from newsgrep.query.dates import Calendar
    from newsgrep.search.diagnose import ClosestArticle, Diagnosis, Explanation


_BATCH_SIZE: Final = 50
"""Hits whose articles are read at once."""


class Cursor(NamedTuple):
    """The end of a page: after the first ``rank`` hits, or after the document ``last``."""

    rank: int = 0
    last: ScoredDoc | None = None


_START: Final = Cursor()


class SearchRequest(NamedTuple):
    """A query, and which page of its hits to return in which order.

    ``after`` is the ``next`` token of a previous page; ``offset`` skips hits after it.
    ``snippet_width`` is in terminal cells. Example::

        search(engine, SearchRequest(parse("渔业 source:青石湖"), Order.NEWEST, limit=20))
    """

    query: Query
    order: Order = Order.RELEVANCE
    limit: int = 10
    offset: int = 0
    facets: Sequence[str] = ()
    snippet_width: int = SNIPPET_WIDTH
    max_snippets: int = MAX_SNIPPETS
    recency: Recency | None = None
    after: str = ""


class SearchResult(NamedTuple):
    """A page of hits, the exact total, and the parsed query.

    ``features`` are the reranking features by article id, for the hits that were reranked.
    ``offset`` is the number of hits before the page, ``next`` the token of the page after it,
    or ``None``. ``undated`` is how many articles without a date match otherwise, ``None`` if the
    query has no filter by date. :func:`search` leaves ``explanation``, ``diagnosis`` and
    ``closest`` empty: see :func:`newsgrep.search.diagnose.explain`,
    :func:`newsgrep.search.diagnose.diagnose` and :func:`newsgrep.search.diagnose.find_closest`.
    """

    request: SearchRequest
    parsed: str
    total: int
    hits: tuple[Hit, ...]
    took_ms: float
    facets: Mapping[str, FacetCounts] = MappingProxyType({})
    features: Mapping[str, RerankFeatures] = MappingProxyType({})
    offset: int = 0
    next: str | None = None
    undated: int | None = None
    explanation: Explanation | None = None
    diagnosis: Diagnosis | None = None
    closest: tuple[ClosestArticle, ...] = ()


class RankedPage(NamedTuple):
    """A page in its final order.

    ``folded`` are the folded texts that were read for reranking, and ``features`` the
    reranking features, both by article id. ``end`` is where the page ends.
    """

    page: ResultPage
    folded: dict[str, FoldedText]
    features: dict[str, RerankFeatures]
    end: Cursor


def search(engine: Engine, request: SearchRequest) -> SearchResult:
    """Return the page of hits for ``request``.

    Raises :class:`UsageError` if ``request.after`` belongs to another query or commit.
    """
    started = time.perf_counter()
    root, order, commit = request.query.root, request.order, engine.commit()
    ranked = find_page(engine, request)
    page = ranked.page
    hits = tuple(iter_hits(engine, ranked, request))
    more = bool(hits) and page.before + len(hits) < page.total and not request.recency
    return SearchResult(
        request=request,
        parsed=describe(root),
        total=page.total,
        hits=hits,
        took_ms=(time.perf_counter() - started) * 1000,
        facets=page.facets,
        features=ranked.features,
        offset=page.before if request.after else request.offset,
        next=encode_cursor(ranked.end, root, order, commit) if more else None,
        undated=_count_undated(engine, root),
    )


def find_page(engine: Engine, request: SearchRequest) -> RankedPage:
    """Return the candidates of the page for ``request``, without reading their articles.

    Raises what :func:`search` does.
    """
    if not request.after:
        return fetch_page(engine, request)
    if request.recency:
        raise UsageError(
            "--after cannot be combined with --recency, because its scores change over time. "
            "Use --offset."
        )
    root, order = request.query.root, request.order
    return fetch_page(engine, request, decode_cursor(request.after, root, order, engine.commit()))


def iter_hits(engine: Engine, ranked: RankedPage, request: SearchRequest) -> Iterator[Hit]:
    """Yield the hits of a page while their articles are read."""
    candidates = ranked.page.candidates
    for start in range(0, len(candidates), _BATCH_SIZE):
        batch = candidates[start : start + _BATCH_SIZE]
        yield from make_hits(engine, batch, request, ranked.page.before + 1 + start, ranked.folded)


def iter_paths(engine: Engine, ranked: RankedPage) -> Iterator[str]:
    """Yield the paths of the articles of a page, without computing snippets."""
    ids = [candidate.id for candidate in ranked.page.candidates]
    for start in range(0, len(ids), _BATCH_SIZE):
        yield from (article.path for article in engine.get(ids[start : start + _BATCH_SIZE]))


def _count_undated(engine: Engine, root: Node) -> int | None:
    if not any(isinstance(part, DateRange) for part in conditions(root)):
        return None
    from newsgrep.search.bins import count_undated  # most queries have no dates

    return count_undated(engine, root)


def fetch_page(engine: Engine, request: SearchRequest, cursor: Cursor = _START) -> RankedPage:
    """Return the page of ``request`` in its final order, starting at ``cursor``."""
    root, order, recency = request.query.root, request.order, request.recency
    texts = positive_texts(root)
    offset = cursor.rank + request.offset
    end = offset + request.limit
    reranks = order is Order.RELEVANCE and request.limit > 0 and should_rerank(texts)
    if not reranks or cursor.last or not 0 <= offset < RERANK_DEPTH:
        page = engine.search(
            EngineRequest(root, order, request.limit, offset, request.facets, recency, cursor.last)
        )
        last = page.candidates[-1] if page.candidates else None
        return RankedPage(page, {}, {}, Cursor(last=last))
    # Always rerank the same hundred, so that pages neither repeat nor skip hits.
    page = engine.search(
        EngineRequest(root, order, max(end, RERANK_DEPTH), 0, request.facets, recency)
    )
    best, rest = page.candidates[:RERANK_DEPTH], page.candidates[RERANK_DEPTH:]
    ids = [candidate.id for candidate in best]
    folded = engine.folded_texts(ids)
    reranked = rerank(best, folded, texts)
    shown = (*(each.doc for each in reranked), *rest)[offset:end]
    # After the hundred, hits keep the engine's order, so that the page ends at the engine's
    # last document.
    first = page.candidates[:end]
    return RankedPage(
        ResultPage(page.total, shown, page.facets, min(offset, page.total)),
        dict(zip(ids, folded, strict=True)),
        {each.doc.id: each.features for each in reranked},
        Cursor(last=first[-1]) if len(first) >= RERANK_DEPTH else Cursor(rank=len(first)),
    )


def ranked_page(engine: Engine, root: Node, order: Order, limit: int, offset: int) -> ResultPage:
    """Return a page of candidates, in the order in which :func:`search` returns their hits."""
    return fetch_page(engine, SearchRequest(Query("", root), order, limit, offset)).page


# Hits


def make_hits(
    engine: Engine,
    candidates: Sequence[ScoredDoc],
    request: SearchRequest,
    first_rank: int = 1,
    folded: Mapping[str, FoldedText] = MappingProxyType({}),
) -> tuple[Hit, ...]:
    """Return ``candidates`` as hits; ``folded`` are folded texts that were read already."""
    texts = positive_texts(request.query.root)
    ids = [candidate.id for candidate in candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    known = {**folded, **dict(zip(missing, engine.folded_texts(missing), strict=True))}
    return tuple(
        _make_hit(rank, candidate.score, article, known[article.id], texts, request)
        for rank, (candidate, article) in enumerate(
            zip(candidates, engine.get(ids), strict=True), first_rank
        )
    )


def _make_hit(
    rank: int,
    score: float,
    article: Article,
    folded: FoldedText,
    texts: Sequence[TextNode],
    request: SearchRequest,
) -> Hit:
    title, body = folded
    in_title = find_matches(title, texts, Field.TITLE)
    in_body = find_matches(body, texts, Field.BODY)
    snippets = make_snippets(
        article.body,
        body,
        in_body,
        width=request.snippet_width,
        limit=request.max_snippets,
    )
    if any(text.field in PASSAGE_FIELDS | COMPOSITE_FIELDS for text in texts):
        shown = {match.text for match in (*in_title, *in_body)}
        snippets = (*snippets, *_passage_snippets(article, texts, shown, request))
        if article.versions and searches(texts, Field.EARLIER):
            snippets = (*snippets, *_version_snippets(article, texts, shown, request))
    return Hit(
        rank=rank,
        score=score,
        article=article,
        title_spans=merge_spans(in_title),
        snippets=snippets,
    )


def _passage_snippets(
    article: Article, texts: Sequence[TextNode], shown: set[str], request: SearchRequest
) -> Iterator[Snippet]:
    """Yield the captions and the first passages of left-out text in which ``texts`` occur.

    Where everything is searched, only those with a match that is not ``shown`` already. A page
    may have thousands of comments.
    """
    left = request.max_snippets
    passages = (
        *((Field.CAPTION, caption) for caption in article.captions),
        *((Field.LEFT_OUT, passage.text) for passage in article.left_out),
    )
    for field, passage in passages:
        folded = fold(passage)
        matches = find_matches(folded, texts, field)
        found = {match.text for match in matches}
        if not found or (found <= shown and not any(text.field is field for text in texts)):
            continue
        shown |= found
        if field is Field.CAPTION:
            yield Snippet(passage, merge_spans(matches), 0, False, False, field.label)
            continue
        if not left:
            return
        left -= 1
        for snippet in make_snippets(
            passage, folded, matches, width=request.snippet_width, limit=1
        ):
            yield snippet._replace(field=field.label)


def _version_snippets(
    article: Article, texts: Sequence[TextNode], shown: set[str], request: SearchRequest
) -> Iterator[Snippet]:
    """Yield snippets from titles and bodies of earlier versions, the last version first.

    Where all versions are searched, only those with a match that is not ``shown`` already. Most of
    a text is in several versions, so no snippet is repeated.
    """
    all_shown = not any(text.field is Field.EARLIER for text in texts)
    known: set[str] = set()
    for version in reversed(article.versions):
        for text in (version.title, version.body):
            folded = fold(text)
            matches = find_matches(folded, texts, Field.EARLIER)
            found = {match.text for match in matches}
            if not found or (all_shown and found <= shown):
                continue
            shown |= found
            for snippet in make_snippets(
                text, folded, matches, width=request.snippet_width, limit=1
            ):
                if snippet.text in known:
                    continue
                if len(known) == request.max_snippets:
                    return
                known.add(snippet.text)
                yield snippet._replace(field=Field.EARLIER.label, captured=version.captured)


# Queries with options


def build_query(
    text: str | None,
    *,
    any_word: bool = False,
    regex: bool = False,
    literal: bool = False,
    scan: bool = False,
    everything: bool = False,
    versions: Versions = Versions.NEWEST,
    variants: str = "off",
    sources: Iterable[str] = (),
    since: str = "",
    until: str = "",
    calendar: Calendar | None = None,
    saved: LoadSaved = no_saved_queries,
    collections: LoadCollections = no_collections,
    user: UserDictionary | None = None,
) -> Query:
    """Return the query ``text`` with filters; every article matches ``None``.

    ``text`` is in the query language, or with ``regex`` or ``literal`` one expression or string.
    ``any_word``, ``scan``, ``saved``, ``collections`` and ``user`` are described at
    :func:`newsgrep.query.parser.parse`. ``everything`` also searches captions and left-out text,
    ``versions`` says which texts of an article, and ``variants`` is a value of
    :class:`newsgrep.query.variants.Variants`. ``sources``, ``since`` and ``until`` are filters;
    dates are days of ``calendar``, by default that of China. Raises :class:`UsageError`.

    >>> describe(build_query("渔业", sources=["青石湖", "汀海"], since="2024-05").root)
    '渔业 AND (source:"青石湖" OR source:"汀海") AND date:2024-05-01..'
    """
    if regex and literal:
        raise UsageError("--regex and --literal exclude each other. Use one of them.")
    field = Field.EVERYTHING if everything else Field.TEXT
    if text is None:
        query = Query("", MatchAll())
    elif literal:
        query = parse_literal(text, field=field, user=user)
    elif regex:
        query = parse_regex_query(text, scan=scan, field=field)
    else:
        query = parse(
            text,
            any_word=any_word,
            scan=scan,
            calendar=calendar,
            saved=saved,
            collections=collections,
            field=field,
            user=user,
        )
    if variants != "off":
        query = expand_variants(query, variants)
    if versions is Versions.ALL:
        query = query._replace(root=in_all_versions(query.root))
    return with_filters(query, build_filters(sources, since, until, calendar))


def expand_variants(query: Query, chosen: str) -> Query:
    """Return ``query`` with regional spellings, of ``words`` or of ``all`` texts.

    Raises :class:`UsageError` if a string has too many spellings.
    """
    from newsgrep.query.variants import Variants, with_variants  # few queries use them

    return with_variants(query, Variants(chosen))


def build_filters(
    sources: Iterable[str] = (), since: str = "", until: str = "", calendar: Calendar | None = None
) -> list[Node]:
    """Return filters for any of ``sources`` and for the days from ``since`` to ``until``.

    Empty arguments add no filter. ``calendar`` defaults to the one of China. Raises
    :class:`UsageError` for an invalid date.
    """
    filters: list[Node] = []
    if names := tuple(name_contains(NameField.SOURCE, name) for name in sources):
        filters.append(Or(names) if len(names) > 1 else names[0])
    if since or until:
        from newsgrep.query.dates import calendar_in, date_filter

        filters.append(date_filter(since, until, calendar or calendar_in()))
    return filters


def with_filters(query: Query, filters: Iterable[Node]) -> Query:
    """Return ``query`` combined with ``filters``, all of which must match."""
    children = (query.root, *filters)
    return query._replace(root=And(children)) if len(children) > 1 else query


# Sources


class SourceCount(NamedTuple):
    """A source with its number of articles.

    ``name`` is its most frequent spelling (empty for articles without a source) and
    ``spellings`` are all of them: names that fold to the same text are one source.
    """

    name: str
    spellings: tuple[str, ...]
    articles: int


def group_sources(facet: Iterable[tuple[str, int]]) -> list[SourceCount]:
    """Return the sources in a ``source`` facet, the most frequent first, then by name."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for name, count in facet:
        grouped.setdefault(fold(name), []).append((name, count))
    sources = []
    for spellings in grouped.values():
        spellings.sort(key=lambda item: (-item[1], item[0]))
        names = tuple(name for name, _ in spellings)
        sources.append(SourceCount(names[0], names, sum(count for _, count in spellings)))
    return sorted(sources, key=lambda source: (-source.articles, source.name))


def only_source(source: SourceCount) -> Node:
    """Return the filter for ``source`` alone, and not for names that contain its name."""
    folded = fold(source.name)
    if not folded:
        return Not(NameContains(NameField.SOURCE, ""))  # every name contains the empty text
    return NameContains(NameField.SOURCE, folded, whole=True)


# Tokens of pages

_CURSOR_VERSION: Final = "2"
_MAX_TOKEN_LENGTH: Final = 1000
_BY_RANK, _BY_SCORE, _BY_TIMESTAMP = b"r", b"s", b"m"
_RANK_LAYOUT: Final = struct.Struct(">QI")
_SCORE_LAYOUT: Final = struct.Struct(">Qdd")
_TIMESTAMP_LAYOUT: Final = struct.Struct(">d")
_CHECKSUM: Final = struct.Struct(">I")
_DIGEST_LAYOUT: Final = struct.Struct(">IH")
"""CRC-32 and length of the query: one wrong query in 2^32 goes unnoticed. Loading the library of a
cryptographic hash would take 3 ms, and a token is no secret."""


def encode_cursor(cursor: Cursor, root: Node, order: Order, commit: int) -> str:
    """Return the token for :func:`decode_cursor`: letters, digits, ``-`` and ``_``."""
    commit &= 2**64 - 1
    if cursor.last is None:
        kind, position = _BY_RANK, _RANK_LAYOUT.pack(commit, cursor.rank)
    else:
        article_id, score, timestamp = cursor.last
        if _depends_on_commit(root, order):
            kind, position = _BY_SCORE, _SCORE_LAYOUT.pack(commit, score, timestamp)
        else:
            kind, position = _BY_TIMESTAMP, _TIMESTAMP_LAYOUT.pack(timestamp)
        position += article_id.encode()
    data = kind + _query_digest(root, order) + position
    encoded = urlsafe_b64encode(data + _CHECKSUM.pack(crc32(data))).decode()
    return _CURSOR_VERSION + encoded.rstrip("=")


def decode_cursor(token: str, root: Node, order: Order, commit: int) -> Cursor:
    """Return the cursor in ``token``.

    Raises :class:`UsageError` if the token is invalid, belongs to another query or order, or
    depends on the scores of another commit than ``commit``.
    """
    if token[:1].isdigit() and token[:1] != _CURSOR_VERSION:
        raise UsageError(
            "This token is from another version of newsgrep. Search again without --after."
        )
    kind, digest, position = _unpack_token(token)
    if digest != _query_digest(root, order):
        raise UsageError(
            "This token belongs to another query or sort order. Use the same ones, or search "
            "without --after."
        )
    if kind == _BY_TIMESTAMP:
        (timestamp,) = _TIMESTAMP_LAYOUT.unpack_from(position)
        article_id = position[_TIMESTAMP_LAYOUT.size :].decode()
        return Cursor(last=ScoredDoc(article_id, 0.0, timestamp))
    if kind == _BY_RANK:
        token_commit, rank = _RANK_LAYOUT.unpack(position)
        cursor = Cursor(rank=rank)
    else:
        token_commit, score, timestamp = _SCORE_LAYOUT.unpack_from(position)
        article_id = position[_SCORE_LAYOUT.size :].decode()
        cursor = Cursor(last=ScoredDoc(article_id, score, timestamp))
    if token_commit != commit & 2**64 - 1:
        raise UsageError(
            "The index has changed since this token was returned, and with it every score. "
            "Search again without --after, or use --sort date or -date, whose tokens stay valid."
        )
    return cursor


def _unpack_token(token: str) -> tuple[bytes, bytes, bytes]:
    try:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        text = token.removeprefix(_CURSOR_VERSION).encode("ascii")
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        if urlsafe_b64encode(data).rstrip(b"=") != text:
            raise ValueError("not canonical")
        data, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
        kinds = (_BY_RANK, _BY_SCORE, _BY_TIMESTAMP)
        if checksum != _CHECKSUM.pack(crc32(data)) or data[:1] not in kinds:
            raise ValueError("wrong checksum or kind")
    except (ValueError, struct.error) as exc:
        raise UsageError(
            "--after needs a token: copy the whole “next” of the previous page, or search "
            "without --after."
        ) from exc
    return data[:1], data[1 : 1 + _DIGEST_LAYOUT.size], data[1 + _DIGEST_LAYOUT.size :]


def _depends_on_commit(root: Node, order: Order) -> bool:
    """Return whether hits are ordered by scores, which are those of one commit."""
    return order is Order.RELEVANCE and bool(scoring_terms(root))


def _query_digest(root: Node, order: Order) -> bytes:
    query = f"{order.value} {root!r}".encode("utf-8", "surrogatepass")
    return _DIGEST_LAYOUT.pack(crc32(query), len(query) & 0xFFFF)
