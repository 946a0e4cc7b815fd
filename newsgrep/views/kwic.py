"""Keywords in context: every occurrence of the query's texts, with the text around it.

Occurrences are produced while articles are read, a few at a time, so that memory stays small
for an archive of any size. Only sorting by context reads all of them first.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.analysis.words import placed_words
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.models import PARAGRAPH_BREAK, Article, Span
from newsgrep.query.ast import And, Field, Node, TextNode, describe, positive_texts, searches
from newsgrep.query.match import occurrence_spans
from newsgrep.search.search import group_sources, only_source
from newsgrep.search.selection import in_batches, iter_ids
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    bar,
    display_width,
    fitting_prefix,
    fitting_suffix,
    one_line,
    pad,
    truncate,
)
from newsgrep.views import SCHEMA_VERSION, FilePath
from newsgrep.views.article import web_link

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

MIN_WIDTH: Final = 20
"""Cells of the narrowest line."""

MAX_SORTED: Final = 500_000
"""Occurrences that are sorted by context, which takes some 1.5 KB each; ``limit`` allows more."""


class KwicOrder(StrEnum):
    """The order of occurrences: that of their articles, or by the text on one side."""

    RELEVANCE = "relevance"
    OLDEST = "date"
    NEWEST = "-date"
    SOURCE = "source"
    LEFT = "left"
    RIGHT = "right"


_ORDERS: Final = {
    KwicOrder.RELEVANCE: Order.RELEVANCE,
    KwicOrder.OLDEST: Order.OLDEST,
    KwicOrder.NEWEST: Order.NEWEST,
}


class KwicLine(NamedTuple):
    """One occurrence of a keyword with its context, in the article's unchanged text.

    ``field`` is ``title``, ``body``, ``caption``, ``left out`` or ``earlier version``, which is one
    title or paragraph; ``start`` and ``end`` count its
    characters. ``left`` and ``right`` are the text before and after the keyword.
    """

    id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    path: str
    field: str
    start: int
    end: int
    left: str
    keyword: str
    right: str


@dataclass(slots=True)
class Tally:
    """How much of a concordance has been read so far.

    ``occurrences`` are read, in ``articles``, and ``shown`` of them returned. ``has_more`` says
    whether there are occurrences that were not read, which is known once all lines are returned.
    """

    occurrences: int = 0
    articles: int = 0
    shown: int = 0
    has_more: bool = False


class Concordance(NamedTuple):
    """All occurrences, read while they are printed, for lines of ``width`` cells.

    ``parsed`` is the query as it was understood.
    """

    lines: Iterator[KwicLine]
    width: int
    tally: Tally
    parsed: str


def check_text(root: Node) -> None:
    """Raise :class:`UsageError` if ``root`` has no text that could be shown in context."""
    if not positive_texts(root):
        raise UsageError(
            "QUERY contains no text to show in context. Add a word, or use newsgrep search."
        )


def make_concordance(
    engine: Engine, root: Node, order: KwicOrder, *, width: int, limit: int | None = None
) -> Concordance:
    """Return every occurrence of the texts of ``root`` in the articles that match it.

    At most ``limit`` occurrences are returned. ``LEFT`` and ``RIGHT`` compare folded context
    without white space; they keep all occurrences in memory, or ``limit`` of them, and leave
    equal ones in the order of ``RELEVANCE``. Reading the lines raises :class:`UsageError` for
    more than :data:`MAX_SORTED` of them without ``limit``.
    """
    tally = Tally()
    lines = _find_lines(engine, root, order, width, limit, tally)
    return Concordance(lines, width, tally, describe(root))


def _find_lines(
    engine: Engine, root: Node, order: KwicOrder, context: int, limit: int | None, tally: Tally
) -> Iterator[KwicLine]:
    """Yield the occurrences, with ``context`` characters on each side, and count them."""
    match order:
        case KwicOrder.LEFT | KwicOrder.RIGHT:
            key = _left_key if order is KwicOrder.LEFT else _right_key
            found = _counted(_in_hit_order(engine, root, Order.RELEVANCE, context), tally)
            if limit is None:
                chosen = sorted(_limited(found), key=key)
            else:
                chosen = heapq.nsmallest(limit, found, key=key)
            for line in chosen:
                tally.shown += 1
                yield line
            return
        case KwicOrder.SOURCE:
            lines = _by_source(engine, root, context)
        case _:
            lines = _in_hit_order(engine, root, _ORDERS[order], context)
    # One more is read than returned, to know whether there are more.
    for line in _counted(itertools.islice(lines, limit), tally):
        tally.shown += 1
        yield line
    tally.has_more = next(lines, None) is not None


def _counted(lines: Iterator[KwicLine], tally: Tally) -> Iterator[KwicLine]:
    """Yield ``lines``, in which those of an article follow one another, and count them."""
    article_id = ""
    for line in lines:
        tally.occurrences += 1
        tally.articles += line.id != article_id
        article_id = line.id
        yield line


def _limited(lines: Iterator[KwicLine]) -> Iterator[KwicLine]:
    """Yield ``lines``; raises :class:`UsageError` for more than :data:`MAX_SORTED`."""
    for number, line in enumerate(lines):
        if number == MAX_SORTED:
            raise UsageError(
                "More than {max_sorted:,} occurrences can be sorted by context only with -n. "
                "Add it, or narrow the query.",
                max_sorted=MAX_SORTED,
            )
        yield line


def _left_key(line: KwicLine) -> str:
    return "".join(fold(line.left).split())[::-1]


def _right_key(line: KwicLine) -> str:
    return "".join(fold(line.right).split())


def _by_source(engine: Engine, root: Node, context: int) -> Iterator[KwicLine]:
    """Yield the occurrences source by source, those without a source last."""
    facet = engine.search(EngineRequest(root, limit=0, facets=("source",))).facets["source"]
    for source in sorted(group_sources(facet), key=lambda source: (not source.name, source.name)):
        of_source = And((root, only_source(source)))
        yield from _in_hit_order(engine, of_source, Order.RELEVANCE, context)


def _in_hit_order(engine: Engine, root: Node, order: Order, context: int) -> Iterator[KwicLine]:
    texts = positive_texts(root)
    for batch in in_batches(iter_ids(engine, root, order)):
        folded_texts = engine.folded_texts(batch)
        for article, folded in zip(engine.get(batch), folded_texts, strict=True):
            yield from lines_of_article(article, folded, texts, context)


def lines_of_article(
    article: Article, folded: tuple[str, str], texts: Sequence[TextNode], context: int
) -> Iterator[KwicLine]:
    """Yield the occurrences in one article: title, body, and what else ``texts`` search.

    ``folded`` are its folded title and body, ``context`` the characters on each side. What
    counts as one occurrence is defined by :func:`newsgrep.query.match.occurrence_spans`.
    """
    fields = [
        (Field.TITLE, article.title, folded[0]),
        (Field.BODY, article.body, folded[1]),
    ]
    if searches(texts, Field.CAPTION):
        fields += [(Field.CAPTION, caption, fold(caption)) for caption in article.captions]
    if searches(texts, Field.LEFT_OUT):
        left_out = (passage.text for passage in article.left_out)
        fields += [(Field.LEFT_OUT, passage, fold(passage)) for passage in left_out]
    if article.versions and searches(texts, Field.EARLIER):
        passages = earlier_passages(article, texts)
        fields += [(Field.EARLIER, passage, fold(passage)) for passage in passages]
    for field, text, folded_text in fields:
        for span in occurrence_spans(folded_text, texts, field):
            yield _make_line(article, field, text, span, context)


def earlier_passages(article: Article, texts: Sequence[TextNode]) -> Iterator[str]:
    """Yield titles and paragraphs of earlier versions, each once.

    What the newest version has as well is left out, unless a text is searched for in earlier ones
    only.
    """
    from newsgrep.analysis.versions import earlier_texts  # likewise

    own: set[str] = set()
    if not any(text.field is Field.EARLIER for text in texts):
        own = {article.title, *article.paragraphs}
    return (passage for passage in earlier_texts(article.versions) if passage not in own)


def _make_line(article: Article, field: Field, text: str, span: Span, context: int) -> KwicLine:
    return KwicLine(
        id=article.id,
        title=article.title,
        source=article.source,
        published=article.published.iso if article.published else None,
        url=article.url,
        path=article.path,
        field=field.label,
        start=span.start,
        end=span.end,
        left=text[max(span.start - context, 0) : span.start],
        keyword=text[span.start : span.end],
        right=text[span.end : span.end + context],
    )


# Groups


class KwicGroup(StrEnum):
    """What occurrences are grouped by: the word before or after, the source, the year."""

    LEFT = "left"
    RIGHT = "right"
    SOURCE = "source"
    YEAR = "year"


class GroupCount(NamedTuple):
    """The occurrences with one ``value``, ``None`` for those without one, and their articles."""

    value: str | None
    occurrences: int
    articles: int


class Groups(NamedTuple):
    """All groups of a concordance, the most frequent first."""

    by: KwicGroup
    groups: tuple[GroupCount, ...]
    tally: Tally
    parsed: str


_GROUP_CONTEXT: Final = 60
"""Characters on each side that are segmented to find the adjacent word."""


def group_occurrences(engine: Engine, root: Node, by: KwicGroup) -> Groups:
    """Return how often each group occurs; every occurrence is in one group.

    Values that fold to the same string are one group, in their most frequent spelling. The word
    before or after an occurrence is in the same paragraph; what is not a word is passed over.
    """
    tally = Tally()
    occurrences, articles = Counter[str](), Counter[str]()
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seen: set[str] = set()
    article_id = ""
    lines = _counted(_in_hit_order(engine, root, Order.NEWEST, _GROUP_CONTEXT), tally)
    for line in lines:
        if line.id != article_id:
            article_id, seen = line.id, set()
        value = _group_value(line, by, engine.user_dictionary)
        folded = fold(value)
        occurrences[folded] += 1
        spellings[folded][value] += 1
        if folded not in seen:
            seen.add(folded)
            articles[folded] += 1
    tally.shown = tally.occurrences
    groups = (
        GroupCount(
            min(spellings[value], key=lambda each: (-spellings[value][each], each)) or None,
            count,
            articles[value],
        )
        for value, count in sorted(occurrences.items(), key=lambda each: (-each[1], each[0]))
    )
    return Groups(by, tuple(groups), tally, describe(root))


def _group_value(line: KwicLine, by: KwicGroup, user: UserDictionary | None) -> str:
    match by:
        case KwicGroup.SOURCE:
            return line.source or ""
        case KwicGroup.YEAR:
            return (line.published or "")[: len("2024")]
        case KwicGroup.LEFT:
            context = line.left.rpartition(PARAGRAPH_BREAK)[2]
            at = -1
        case KwicGroup.RIGHT:
            context = line.right.partition(PARAGRAPH_BREAK)[0]
            at = 0
    words = placed_words(fold(context), user)
    return context[words[at].start :][: len(words[at].text)] if words else ""


def groups_to_text(found: Groups, screen: Screen) -> Iterator[StyledLine]:
    """Yield a line with a bar for each group."""
    if not found.groups:
        return
    names = [
        truncate(one_line(each.value or _("(none)")), _MAX_GROUP_NAME) for each in found.groups
    ]
    width = max(map(display_width, names))
    digits = len(f"{found.groups[0].occurrences:,}")
    most = found.groups[0].occurrences
    space = max(min(screen.width - width - digits - 4, 60), 5)
    for name, each in zip(names, found.groups, strict=True):
        drawn = bar(each.occurrences, most, space, blocks=screen.blocks)
        text = f"  {each.occurrences:>{digits},}  "
        yield StyledLine(
            [StyledText(pad(name, width), "mark"), StyledText(text), StyledText(drawn, "source")]
        )


def groups_to_json(found: Groups, *, query: str) -> dict[str, Any]:
    """Return all groups as one object; ``query`` is the query as typed."""
    return {
        "version": SCHEMA_VERSION,
        "query": query,
        "parsed": found.parsed,
        "group": found.by.value,
        "occurrences": found.tally.occurrences,
        "articles": found.tally.articles,
        "groups": [each._asdict() for each in found.groups],
    }


def groups_to_jsonl(found: Groups) -> Iterator[dict[str, Any]]:
    """Yield an object for each group."""
    for each in found.groups:
        yield {"version": SCHEMA_VERSION, "group": found.by.value, **each._asdict()}


def groups_to_csv(found: Groups) -> Iterator[Sequence[object]]:
    """Yield a row for each group."""
    yield ("group", *GroupCount._fields)
    for each in found.groups:
        yield (found.by.value, each.value or "", each.occurrences, each.articles)


# Forms

_MAX_GROUP_NAME: Final = 40
_SOURCE_FROM: Final = 60
"""Cells from which a line has a source."""

_DATE_FROM: Final = 40
"""Cells from which a line has a date."""

_DATE_WIDTH: Final = 10
_SOURCE_WIDTH: Final = 12
_COLUMN_GAP: Final = 2
_MAX_KEYWORD_SHARE: Final = 3
"""A keyword takes at most a third of the space for text."""


def to_text(concordance: Concordance, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a line for each occurrence: date, source, and keyword in context.

    A paragraph break is shown as ¶. Keywords begin in the same column, as near to the middle of
    the text as the first keyword allows; a long keyword is truncated. Narrow lines have no source,
    and still narrower ones no date.
    """
    has_source, has_date = concordance.width >= _SOURCE_FROM, concordance.width >= _DATE_FROM
    space = concordance.width
    space -= (_SOURCE_WIDTH + _COLUMN_GAP) * has_source + (_DATE_WIDTH + _COLUMN_GAP) * has_date
    before = 0
    for line in concordance.lines:
        keyword = truncate(_on_one_line(line.keyword), space // _MAX_KEYWORD_SHARE)
        if not before:
            before = (space - 2 - display_width(keyword)) // 2
        after = space - 2 - before - display_width(keyword)
        left = pad(fitting_suffix(_on_one_line(line.left), before), before, right=True)
        pieces = []
        if has_date:
            date = pad((line.published or "")[:_DATE_WIDTH], _DATE_WIDTH + _COLUMN_GAP)
            pieces.append(StyledText(date, "dim"))
        if has_source:
            source = pad(truncate(one_line(line.source or ""), _SOURCE_WIDTH), _SOURCE_WIDTH)
            pieces.append(StyledText(source, "source", web_link(line.url)))
            pieces.append(StyledText(" " * _COLUMN_GAP))
        pieces.append(StyledText(left + " "))
        pieces.append(StyledText(keyword, "mark"))
        pieces.append(StyledText(" " + fitting_prefix(_on_one_line(line.right), after)))
        yield StyledLine(pieces)


def to_json(concordance: Concordance, *, query: str) -> dict[str, Any]:
    """Return the occurrences as one object; ``query`` is the query as typed."""
    lines = [fit_context(line, concordance.width // 2)._asdict() for line in concordance.lines]
    tally = concordance.tally
    return {
        "version": SCHEMA_VERSION,
        "query": query,
        "parsed": concordance.parsed,
        "occurrences": tally.occurrences,
        "articles": tally.articles,
        "has_more": tally.has_more or tally.shown < tally.occurrences,
        "lines": lines,
    }


def to_jsonl(concordance: Concordance) -> Iterator[dict[str, Any]]:
    """Yield an object for each occurrence; docs/kwic.schema.json describes it.

    The context on each side has at most half the width.
    """
    for line in concordance.lines:
        yield {"version": SCHEMA_VERSION, **fit_context(line, concordance.width // 2)._asdict()}


def to_csv(concordance: Concordance) -> Iterator[Sequence[object]]:
    """Yield a row for each occurrence, with ¶ for a paragraph break; context as in JSON."""
    yield KwicLine._fields
    for line in concordance.lines:
        cut = fit_context(line, concordance.width // 2)
        flat = cut._replace(
            path=FilePath(cut.path),
            left=_without_breaks(cut.left),
            keyword=_without_breaks(cut.keyword),
            right=_without_breaks(cut.right),
        )
        yield tuple("" if cell is None else cell for cell in flat)


def fit_context(line: KwicLine, width: int) -> KwicLine:
    """Return ``line`` with at most ``width`` cells of context on each side."""
    return line._replace(
        left=fitting_suffix(line.left, width), right=fitting_prefix(line.right, width)
    )


def _without_breaks(text: str) -> str:
    return text.replace(PARAGRAPH_BREAK, "¶").replace("\n", " ")


def _on_one_line(text: str) -> str:
    return one_line(_without_breaks(text))
