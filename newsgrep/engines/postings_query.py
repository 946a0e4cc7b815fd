"""Evaluation of a query tree over posting lists: matching, facets, days in other time zones.

An engine that can read posting lists and columns implements :class:`PostingsReader`, and gets
matching from here and scores and order from :mod:`newsgrep.engines.ranking`. Whoosh is such an
engine. Documents are numbers from 0, given by the reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, Protocol

from newsgrep.analysis.characters import fold
from newsgrep.analysis.scoring import MAX_IN_BODY, TITLE_SHIFT
from newsgrep.analysis.segment import units
from newsgrep.engines.base import FacetCounts, by_frequency, count_years
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query import ast
from newsgrep.query.ast import Field, Node

if TYPE_CHECKING:
    from newsgrep.query import prefilter
    from newsgrep.query.verify import InflatedTexts

UNDATED_DAY: Final = 0
"""The day number of documents without a date; ordinals of real days begin with 1."""


class PostingsReader(Protocol):
    """What :func:`match_documents` and ranking need from an index.

    Deleted documents and file records without an article are never returned. Terms are folded.
    """

    def document_count(self) -> int:
        """Return the number of documents."""

    def all_documents(self) -> set[int]:
        """Return all documents."""

    def undated_documents(self) -> set[int]:
        """Return the documents without a date of publication."""

    def postings(self, term: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the documents with ``term`` in title or body, ascending, and packed counts."""

    def document_frequency(self, term: str) -> int:
        """Return the number of documents with ``term`` in title or body."""

    def posting_count(self, term: str) -> int:
        """Return the length of a list that :meth:`postings` reads, found without reading it."""

    def with_joints(self, text: str, field: Field, candidates: set[int]) -> set[int]:
        """Return ``candidates`` without documents whose ``field`` does not contain ``text``.

        ``field`` is that of left-out text, else title and body are one. Not all of these documents
        are left out, but most of them, by the pairs of neighbouring characters in ``text``
        (:mod:`newsgrep.analysis.joints`).
        """

    def known_matches(self, pattern: ast.TextPattern) -> Iterable[int] | None:
        """Return the documents that match, as :meth:`learn_matches` was given, else ``None``."""

    def learn_matches(self, pattern: ast.TextPattern, documents: set[int]) -> None:
        """Remember which of all documents match: the next page of a result needs them again."""

    def inflated_texts(self) -> InflatedTexts[int] | None:
        """Return the folded texts that strings have been searched for in, and that are not packed.

        ``None`` for the first string: a process that answers one query needs each text once.
        """

    def known_impacts(self, term: str) -> Sequence[int] | None:
        """Return the impacts that :meth:`learn_impacts` was given for a term, else ``None``."""

    def learn_impacts(self, term: str, impacts: Sequence[int]) -> None:
        """Remember the impact of a term in each document: the next query may need it again."""

    def passage_documents(self, term: str, field: Field) -> Sequence[int]:
        """Return the documents with a term in ``field``, or with a unit in left-out text.

        ``field`` is that of captions, of left-out text or of earlier versions.
        """

    def changed_documents(self, keyword: str) -> Sequence[int]:
        """Return the documents with a keyword of :attr:`newsgrep.query.ast.Changed.keywords`."""

    def names(self, kind: ast.NameField) -> Iterable[tuple[str, Sequence[int]]]:
        """Return each distinct name of a kind, as it is written, with its documents."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of ``field`` that begin with ``prefix``; title and body are one."""

    def source_documents(self, term: str) -> Sequence[int]:
        """Return the documents whose source has this folded name."""

    def location(self, kind: ast.LocationField, document: int) -> str:
        """Return the URL or the path of a document, ``""`` if it has none."""

    def find_article(self, article_id: str) -> int | None:
        """Return the document with this article id."""

    def facet_values(self, name: str, documents: Iterable[int]) -> Iterable[str]:
        """Return the ``source`` or the ``month`` of each of ``documents``, ``""`` without one."""

    def publication_days(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return first and last day of publication by document, as proleptic ordinals.

        Days are those of the archive's time zone; both are :data:`UNDATED_DAY` without a date.
        """

    def timestamps(self) -> Sequence[float]:
        """Return the time of publication by document, in seconds since the epoch, or -inf."""

    def field_lengths(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return the number of terms in title, lead and body by document."""

    def packed_texts(self, documents: Sequence[int], field: Field) -> Iterable[bytes]:
        """Return the packed texts of documents, which are in ascending order.

        They are those that :func:`newsgrep.query.verify.matching_documents` needs for ``field``,
        and have been compared with checksums.
        """

    def article_id(self, document: int) -> str:
        """Return the article id of a document."""

    def article(self, document: int) -> Article:
        """Return the stored article of a document."""


def match_documents(reader: PostingsReader, node: Node, within: set[int] | None = None) -> set[int]:
    """Return the documents that match ``node``, of ``within`` or of all."""
    found = _matching(reader, node, within)
    return found if within is None else found & within


def _matching(reader: PostingsReader, node: Node, within: set[int] | None) -> set[int]:
    node = ast.by_part(node) or node
    match node:
        case ast.Terms(_, terms, Field.LEFT_OUT, operator):
            return _in_left_out(reader, terms, operator, within)
        case ast.Terms(_, terms, field, operator):
            return _with_terms(reader, terms, field, operator)
        case ast.Phrase() if _has_postings(node):
            return _with_term(reader, node.literal, node.field)
        case ast.Phrase() | ast.Wildcard() | ast.Fuzzy() | ast.Regex() | ast.Near():
            return _with_pattern(reader, node, within)
        case ast.NameContains(kind, name, whole):
            folded = ((fold(known), documents) for known, documents in reader.names(kind))
            having = (
                documents
                for known, documents in folded
                if (name == known if whole else name in known)
            )
            return set[int]().union(*having)
        case ast.LocationContains(kind, part):
            among = reader.all_documents() if within is None else within
            return {number for number in among if part in fold(reader.location(kind, number))}
        case ast.IdIs(article_id):
            number = reader.find_article(article_id)
            return set() if number is None else {number}
        case ast.IdIn(_, ids):
            return {n for i in ids if (n := reader.find_article(i)) is not None}
        case ast.DateRange():
            return _dated(reader, node, within)
        case ast.Changed():
            return set[int]().union(*map(reader.changed_documents, node.keywords))
        case ast.MatchAll():
            return reader.all_documents()
        case ast.And(children):
            return _with_all(reader, children, within)
        case ast.Or(children):
            return _with_any(reader, children, within)
        case ast.Not(ast.DateRange(None, None)):
            return reader.undated_documents()
        case ast.Not(child):
            among = reader.all_documents() if within is None else within
            return among - _matching(reader, child, within)


_TERMS_IN_TEXTS: Final = ast.COMPOSITE_FIELDS | {Field.LEFT_OUT}
"""Fields for whose terms texts may be read: of left-out text, only units have postings."""

_COST_WITHOUT_TEXTS: Final = 2
"""The highest cost of a node for which no text is read."""


def _cost(node: Node) -> int:
    # Nodes that narrow cheaply are evaluated first, so that fewer texts are read for phrases.
    match node:
        case ast.Terms():
            return 3 if node.field in _TERMS_IN_TEXTS else 0
        case ast.Phrase():
            return 0 if _has_postings(node) and node.field not in ast.COMPOSITE_FIELDS else 3
        case ast.Wildcard() | ast.Fuzzy() | ast.Regex() | ast.Near():
            return 4
        case ast.And() | ast.Or() | ast.DateRange():
            return 1
        case ast.Not() | ast.LocationContains():
            return _COST_WITHOUT_TEXTS
        case _:
            return 0


def _with_all(
    reader: PostingsReader, children: tuple[Node, ...], within: set[int] | None
) -> set[int]:
    for child in sorted(children, key=_cost):
        within = match_documents(reader, child, within)
        if not within:
            return set()
    return within if within is not None else reader.all_documents()


def _with_any(
    reader: PostingsReader, children: tuple[Node, ...], within: set[int] | None
) -> set[int]:
    found: set[int] = set()
    for child in sorted(children, key=_cost):
        if _cost(child) > _COST_WITHOUT_TEXTS:
            # Texts of documents that match already are not read again.
            among = reader.all_documents() if within is None else within
            found |= match_documents(reader, child, among - found)
        else:
            found |= _matching(reader, child, within)
    return found


def _with_term(reader: PostingsReader, term: str, field: Field) -> set[int]:
    if field in ast.PASSAGE_FIELDS:
        return set(reader.passage_documents(term, field))
    documents, counts = reader.postings(term)
    match field:
        case Field.TITLE:
            return {d for d, n in zip(documents, counts, strict=True) if n >> TITLE_SHIFT}
        case Field.BODY:
            return {d for d, n in zip(documents, counts, strict=True) if n & MAX_IN_BODY}
        case _:
            return set(documents)


def _with_terms(
    reader: PostingsReader, terms: tuple[str, ...], field: Field, operator: ast.Operator
) -> set[int]:
    if operator is ast.Operator.OR:
        if field is Field.TEXT:  # without a set for each term
            return set[int]().union(*(reader.postings(term)[0] for term in terms))
        return set[int]().union(*(_with_term(reader, term, field) for term in terms))
    return _intersection(_with_term(reader, term, field) for term in terms)


def _has_postings(phrase: ast.Phrase) -> bool:
    """Return whether one posting list has exactly the documents with ``phrase``."""
    if phrase.field is Field.LEFT_OUT:
        return units(phrase.literal) == (phrase.literal,)
    return phrase.is_one_term


def _in_left_out(
    reader: PostingsReader,
    terms: tuple[str, ...],
    operator: ast.Operator,
    within: set[int] | None,
) -> set[int]:
    """Return the documents with ``terms`` in left-out text, of which only units have postings."""
    phrases = tuple(ast.Phrase(term, (term,), Field.LEFT_OUT) for term in terms)
    if operator is ast.Operator.OR or not phrases:
        return _with_any(reader, phrases, within)
    return _with_all(reader, phrases, within)


def _intersection(groups: Iterable[set[int]]) -> set[int]:
    found: set[int] | None = None
    for group in groups:
        found = group if found is None else found & group
        if not found:
            return set()
    return found or set()


_FEW_CANDIDATES: Final = 50
"""So many candidates are read sooner than another posting list."""

_POSTINGS_PER_TEXT: Final = 40
"""So many postings are read in the time in which one text is read and searched."""


def _with_pattern(
    reader: PostingsReader, pattern: ast.TextPattern, within: set[int] | None
) -> set[int]:
    from newsgrep.query.verify import matching_words  # plain words need none

    if (words := matching_words(reader, pattern)) is not None:
        return set[int]().union(*(_with_term(reader, word, pattern.field) for word in words))
    if (known := reader.known_matches(pattern)) is not None:
        return set(known)
    # Nearly all terms of a text are in its body, so its postings are not taken apart.
    from newsgrep.query import prefilter  # words need none

    field = Field.TEXT if pattern.field is Field.BODY else pattern.field
    required = prefilter.requirement(pattern, reader)
    if isinstance(required, prefilter.Literal) and field not in ast.PASSAGE_FIELDS:
        candidates = _narrow_literal(reader, required, field, within)
    else:
        among = reader.all_documents() if within is None else within
        candidates = _narrow(reader, required, field, among)
    found = _containing(reader, pattern, candidates)
    if within is None:
        reader.learn_matches(pattern, found)
    return found


def _containing(reader: PostingsReader, pattern: ast.TextPattern, candidates: set[int]) -> set[int]:
    """Return the candidates whose texts match ``pattern``."""
    from newsgrep.query.verify import folded_verifier, matching_documents

    found, unread, inflated = set[int](), sorted(candidates), None
    if verifier := folded_verifier(pattern):
        inflated = reader.inflated_texts()
        if inflated is not None:
            found, unread = inflated.search(verifier, unread)
    texts = zip(unread, reader.packed_texts(unread, pattern.field), strict=True)
    return found | matching_documents(
        pattern, texts, lambda: len(unread), are_checked=True, inflated=inflated
    )


def _narrow(
    reader: PostingsReader, required: prefilter.Requirement, field: Field, candidates: set[int]
) -> set[int]:
    """Return the candidates that may meet ``required``, by their postings.

    Gaps are ignored, for these postings have no positions.
    """
    from newsgrep.query import prefilter  # words need none

    match required:
        case prefilter.Literal(text) if field is Field.LEFT_OUT:
            candidates = _with_each(reader, units(text), field, candidates)
            few = len(candidates) < _FEW_CANDIDATES
            return candidates if few else reader.with_joints(text, field, candidates)
        case prefilter.Literal(text) if field in ast.PASSAGE_FIELDS:
            candidates = _with_each(reader, required.terms(), field, candidates)
            if len(candidates) < _FEW_CANDIDATES:
                return candidates
            return _with_each(reader, required.inner_terms(), field, candidates)
        case prefilter.Literal():
            return _narrow_literal(reader, required, field, candidates)
        case prefilter.CharGap():
            return candidates
        case prefilter.And(parts):
            for part in parts:
                if len(candidates) < _FEW_CANDIDATES:
                    break
                candidates = _narrow(reader, part, field, candidates)
            return candidates
        case prefilter.Or(parts):
            each = (_narrow(reader, part, field, candidates) for part in parts)
            return set[int]().union(*each)


def _with_each(
    reader: PostingsReader, terms: Iterable[str], field: Field, candidates: set[int]
) -> set[int]:
    """Return the candidates with each of ``terms``, or few candidates with some of them."""
    for term in terms:
        if len(candidates) < _FEW_CANDIDATES:
            break
        candidates = candidates & _with_term(reader, term, field)
    return candidates


def _narrow_literal(
    reader: PostingsReader, literal: prefilter.Literal, field: Field, candidates: set[int] | None
) -> set[int]:
    """Return the candidates that may contain ``literal`` in title or body, in cheap steps first.

    Without ``candidates``, all documents are. The rarest term leaves the fewest of them, then
    joints leave out nearly all texts in which the string is not, and then a list that is much
    longer than what is left costs more than reading the texts.
    """
    if candidates is not None and len(candidates) < _FEW_CANDIDATES:
        return candidates
    terms = sorted(literal.terms(), key=reader.posting_count)
    if candidates is None:
        candidates = _with_term(reader, terms[0], field) if terms else reader.all_documents()
    else:
        candidates = _with_each(reader, terms[:1], field, candidates)
    if len(candidates) < _FEW_CANDIDATES:
        return candidates
    candidates = reader.with_joints(literal.text, field, candidates)
    for others in (lambda: terms[1:], literal.inner_terms):
        for term in others():
            if len(candidates) < _FEW_CANDIDATES:
                return candidates
            if reader.posting_count(term) < len(candidates) * _POSTINGS_PER_TEXT:
                candidates = candidates & _with_term(reader, term, field)
    return candidates


def _dated(reader: PostingsReader, dates: ast.DateRange, within: set[int] | None) -> set[int]:
    lowest = dates.first.toordinal() if dates.first else 1
    highest = dates.last.toordinal() if dates.last else date.max.toordinal()
    begins, ends = reader.publication_days()
    among = reader.all_documents() if within is None else within
    if dates.zone is ARCHIVE_ZONE:
        return {d for d in among if UNDATED_DAY < begins[d] <= highest and ends[d] >= lowest}
    days = TimezoneDays(reader, dates.zone)
    return {d for d in among if begins[d] > UNDATED_DAY and days.overlaps(d, lowest, highest)}


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_SECONDS_PER_DAY: Final = 86400

_MAX_DAY_SHIFT: Final = 2
"""The most days between the dates of one moment in two zones: offsets are below 24 hours."""


class TimezoneDays:
    """Days of publication in another time zone than the archive's, whose days are stored.

    A timestamp is converted, and an article read, only for days near the ends of a range: all
    other articles are inside or outside of it in both zones.
    """

    def __init__(self, reader: PostingsReader, zone: tzinfo) -> None:
        self._reader = reader
        self._zone = zone
        self._begins, self._ends = reader.publication_days()
        self._timestamps = reader.timestamps()

    def overlaps(self, document: int, lowest: int, highest: int) -> bool:
        """Return whether the days of a dated document overlap a range of ordinals, inclusive."""
        begins, ends = self._begins[document], self._ends[document]
        surely = begins - _MAX_DAY_SHIFT >= lowest and ends + _MAX_DAY_SHIFT <= highest
        maybe = begins - _MAX_DAY_SHIFT <= highest and ends + _MAX_DAY_SHIFT >= lowest
        if begins == ends and maybe and not surely:
            begins = ends = self._day(document, begins)
        return begins <= highest and ends >= lowest

    def _day(self, document: int, stored: int) -> int:
        """Return the day of a document that has a single day, ``stored`` in the archive's zone."""
        timestamp = self._timestamps[document]
        day = _local_day(timestamp, self._zone)
        # An article dated to the day has the timestamp of that day's midnight, and so has one
        # published at that moment, eight o'clock in Shanghai. Only the article says which.
        if day != stored and timestamp == (stored - _EPOCH_DAY) * _SECONDS_PER_DAY:
            published = self._reader.article(document).published
            if published is not None:
                day = published.days(self._zone)[0].toordinal()
        return day


def _local_day(timestamp: float, zone: tzinfo) -> int:
    return (_EPOCH + timedelta(seconds=timestamp)).astimezone(zone).toordinal()


_NAME_FACETS: Final = {"author": ast.NameField.AUTHOR, "tag": ast.NameField.TAG}


def count_facet(reader: PostingsReader, name: str, matched: set[int]) -> FacetCounts:
    """Return how many of ``matched`` have each value of the facet ``name``, ``""`` for none.

    ``name`` is one of :data:`newsgrep.engines.base.FACETS`. Days are in the archive's time zone.
    """
    if name in _NAME_FACETS:
        return by_frequency(_count_names(reader, _NAME_FACETS[name], matched))
    if name == "day":
        return by_frequency(_count_days(reader, matched))
    if name == "year":
        return count_years(count_facet(reader, "month", matched))
    return by_frequency(Counter(reader.facet_values(name, matched)))


def _count_names(reader: PostingsReader, kind: ast.NameField, matched: set[int]) -> Counter[str]:
    """Count the names of a kind of which a document may have several."""
    counts: Counter[str] = Counter()
    without = set(matched)
    for name, documents in reader.names(kind):
        having = matched.intersection(documents)
        if having:
            counts[name] = len(having)
            without -= having
    if without:
        counts[""] = len(without)
    return counts


def _count_days(reader: PostingsReader, matched: set[int]) -> Counter[str]:
    from newsgrep.analysis.document import common_date_part  # a search without facets needs none

    begins, ends = reader.publication_days()
    counts: Counter[str] = Counter()
    for (first, last), count in Counter((begins[d], ends[d]) for d in matched).items():
        day = ""
        if first > UNDATED_DAY:
            day = common_date_part(date.fromordinal(first), date.fromordinal(last))
        counts[day] = count
    return counts
