"""Lower a query tree to clauses, and its terms to scores, for an engine that evaluates both.

What only a text can decide is verified here: postings narrow down the candidates, as in
:mod:`newsgrep.engines.postings_query`, the stored texts of these are read, and the result is
a clause over ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Protocol

from newsgrep.analysis.characters import fold
from newsgrep.analysis.scoring import MAX_IMPACT, term_weights
from newsgrep.engines.base import TermStatistics
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    CHANGES,
    EARLIER,
    EVEN,
    FIRST_DAY,
    FOLDED_NAMES,
    HAS_TIME,
    ID,
    IMPACTS,
    LAST_DAY,
    LEFT_OUT,
    LONG_ADDRESS,
    LONG_TERM,
    MAX_ADDRESS_LENGTH,
    PASSAGE_END,
    TERMS,
    TIMESTAMP,
    TITLE,
    impact_tokens,
    index_tokens,
    most_tokens,
    term_token,
)
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query import ast, prefilter
from newsgrep.query.ast import Field, LocationField, NameField, Operator
from newsgrep.query.verify import matching_documents, matching_words

MAX_PHRASE_TOKENS: Final = 100
"""Tokens of a literal that an engine compares; a longer literal is verified in the texts."""

MAX_CONTAINS_LENGTH: Final = 100
"""Characters of part of a name or address that an engine compares; likewise."""

_MAX_NEAR: Final = 20
"""The distance up to which, and the tokens of a side for which, positions decide about NEAR."""

_MAX_INNER_TERMS: Final = 8
"""Inner terms of a literal, the longest ones, that narrow down its candidates."""

_PASSAGE_FIELDS: Final = {
    Field.CAPTION: CAPTION,
    Field.LEFT_OUT: LEFT_OUT,
    Field.EARLIER: EARLIER,
}
"""Fields whose terms are not listed; they are found by their tokens only."""

_TEXT_FIELDS: Final = {
    Field.TEXT: (TITLE, BODY),
    Field.TITLE: (TITLE,),
    Field.BODY: (BODY,),
    **{field: (name,) for field, name in _PASSAGE_FIELDS.items()},
}

_DIGIT_VALUES: Final = tuple(8 * digit for digit in range(1, 8)) + tuple(range(1, 8))


class IndexReader(Protocol):
    """What lowering needs from an engine's index."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of titles and bodies that are letters and digits, by ``prefix``."""

    def texts(self, clause: ir.Clause, field: Field) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed texts of every article that matches ``clause``.

        The texts are those that :func:`newsgrep.query.verify.matching_documents` needs for
        ``field``.
        """

    def values(
        self, clause: ir.Clause, kind: NameField | LocationField
    ) -> Iterator[tuple[str, str]]:
        """Yield id and value for each name, or the address, of the articles that match.

        Values are neither folded nor cut off.
        """

    def count(self, clause: ir.Clause) -> int:
        """Return how many articles match ``clause``."""


def lower(reader: IndexReader, node: ast.Node, within: ir.Clause | None = None) -> ir.Clause:
    """Return a clause that matches the same articles as ``node``.

    With ``within``, only among the articles that match it: others may or may not match, so
    the caller combines both. Raises :class:`UsageError` if a regular expression takes too long.
    """
    node = ast.by_part(node) or node
    match node:
        case ast.Terms(_, terms, field, operator):
            return _lower_terms(terms, field, operator)
        case ast.Phrase():
            return _lower_phrase(reader, node, within)
        case ast.Wildcard() | ast.Fuzzy() | ast.Regex() | ast.Near():
            return _lower_pattern(reader, node, within)
        case ast.NameContains(kind, name, whole):
            return ir.Term(FOLDED_NAMES[kind], name) if whole else _lower_name(reader, kind, name)
        case ast.LocationContains(kind, part):
            return _lower_location(reader, kind, part)
        case ast.IdIs(article_id):
            return ir.Term(ID, article_id)
        case ast.IdIn(_, ids):
            return ir.any_of(tuple(ir.AnyTerm(ID, part) for part in _in_parts(ids)))
        case ast.DateRange(first, last, zone):
            return _lower_dates(first, last, zone)
        case ast.Changed():
            return ir.AnyTerm(CHANGES, node.keywords)
        case ast.MatchAll():
            return ir.Must(())
        case ast.And(children):
            return _lower_and(reader, children, within)
        case ast.Or(children):
            return ir.any_of(tuple(lower(reader, child, within) for child in children))
        case ast.Not(child):
            return ir.MustNot(lower(reader, child, within))


_MAX_TERMS: Final = 50_000
"""Values of one clause; OpenSearch takes 65,536 by default."""


def _in_parts(ids: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for at in range(0, max(len(ids), 1), _MAX_TERMS):
        yield ids[at : at + _MAX_TERMS]


def _lower_and(
    reader: IndexReader, children: tuple[ast.Node, ...], within: ir.Clause | None
) -> ir.Clause:
    """Lower the children that need no texts first; they are the candidates for the others."""
    lowered: list[ir.Clause] = []
    for child in sorted(children, key=_reads_texts):
        candidates = ir.all_of(within, *lowered) if _reads_texts(child) else None
        lowered.append(lower(reader, child, candidates))
    return ir.Must(tuple(lowered))


def _reads_texts(node: ast.Node) -> bool:
    match node:
        case ast.Wildcard() | ast.Fuzzy() | ast.Regex() | ast.Near():
            return True
        case ast.And(children) | ast.Or(children):
            return any(map(_reads_texts, children))
        case ast.Not(child):
            return _reads_texts(child)
        case _:
            return False


def term_clause(term: str, field: Field = Field.TEXT) -> ir.Clause:
    """Return a clause that matches the articles with ``term`` in ``field``."""
    match field:
        case Field.BODY:
            # A rare word narrows down better than its characters do.
            return ir.all_of(ir.Term(TERMS, term_token(term)), _token_sequence(BODY, term))
        case Field.TITLE:
            return _token_sequence(TITLE, term)
        case Field.CAPTION | Field.LEFT_OUT | Field.EARLIER:
            return _token_sequence(_PASSAGE_FIELDS[field], term)
        case _:
            return ir.Term(TERMS, term_token(term))


def _token_sequence(field: str, literal: str) -> ir.Clause:
    found = tuple(index_tokens(literal))
    if len(found) == 1:
        return ir.Term(field, found[0])
    return ir.Phrase(field, found[:MAX_PHRASE_TOKENS])


def _lower_terms(terms: tuple[str, ...], field: Field, operator: Operator) -> ir.Clause:
    if field is Field.TEXT and operator is Operator.OR:
        return ir.AnyTerm(TERMS, tuple(map(term_token, terms)))
    clauses = tuple(term_clause(term, field) for term in terms)
    # Without terms, no article matches.
    matches_any = operator is Operator.OR or not clauses
    return ir.any_of(clauses) if matches_any else ir.all_of(*clauses)


def _lower_phrase(reader: IndexReader, phrase: ast.Phrase, within: ir.Clause | None) -> ir.Clause:
    if phrase.is_one_term:
        return term_clause(phrase.literal, phrase.field)
    clause = _lower_literal(prefilter.Literal(phrase.literal), phrase.field)
    if len(index_tokens(phrase.literal)) <= MAX_PHRASE_TOKENS:
        return clause
    return _verified_ids(reader, phrase, ir.all_of(within, clause))


def _lower_pattern(
    reader: IndexReader, pattern: ast.TextPattern, within: ir.Clause | None
) -> ir.Clause:
    if name := _PASSAGE_FIELDS.get(pattern.field):
        required = _lower_requirement(prefilter.requirement(pattern, None), pattern.field)
        has_passage = ir.Term(name, PASSAGE_END)
        return _verified_ids(reader, pattern, ir.all_of(within, has_passage, required))
    # A term that is too long to be indexed is verified in the texts.
    has_long_term = ir.Term(TERMS, LONG_TERM)
    words = matching_words(reader, pattern)
    if words is None:
        required = _lower_requirement(prefilter.requirement(pattern, reader), pattern.field)
        if isinstance(pattern, ast.Near) and (sides := _near_sides(pattern)):
            return _lower_near(reader, pattern, sides, ir.all_of(within, required))
        candidates = ir.all_of(within, ir.any_of((required, has_long_term)))
        return _verified_ids(reader, pattern, candidates)
    others = _verified_ids(reader, pattern, ir.all_of(within, has_long_term))
    fields = {Field.TEXT: TERMS, Field.TITLE: TITLE, Field.BODY: BODY}
    return ir.Should((ir.AnyTerm(fields[pattern.field], tuple(map(term_token, words))), others))


_Sides = tuple[tuple[str, ...], tuple[str, ...]]


def _near_sides(near: ast.Near) -> _Sides | None:
    """Return the tokens of both sides if positions say how far these are apart.

    Not for patterns and groups, and neither for long strings or distances, which take one phrase
    for each token between them.
    """
    if not (isinstance(near.left, ast.Phrase) and isinstance(near.right, ast.Phrase)):
        return None
    sides = tuple(index_tokens(near.left.literal)), tuple(index_tokens(near.right.literal))
    is_short = near.distance <= _MAX_NEAR and 0 < max(map(len, sides)) <= _MAX_NEAR
    return sides if is_short and min(map(len, sides)) else None


def _lower_near(
    reader: IndexReader, near: ast.Near, sides: _Sides, candidates: ir.Clause
) -> ir.Clause:
    """Return a clause for both sides near each other, given one that every match fulfils.

    Punctuation and blanks have positions but do not count, so sides that are near enough by
    position certainly match. Of the others, only those of texts without much punctuation in one
    place can be excluded by position; the remaining texts are read.
    """
    fields, orders = _TEXT_FIELDS[near.field], (sides,) if near.ordered else (sides, sides[::-1])
    pairs = [(name, *order) for name in fields for order in orders]
    certain = ir.any_of(tuple(ir.SequencesNear(*pair, near.distance) for pair in pairs))
    reach = most_tokens(near.distance)
    possible = ir.any_of(
        (*(_near_ends(*pair, reach) for pair in pairs), ir.MustNot(ir.Term(TERMS, EVEN)))
    )
    others = ir.Must((candidates, ir.MustNot(certain), possible))
    found = ir.all_of(candidates, certain)
    return ir.Should((found, _verified_ids(reader, near, others)))


def _near_ends(field: str, first: tuple[str, ...], then: tuple[str, ...], reach: int) -> ir.Clause:
    """Return a clause for the inner and the outer tokens of two sides at most ``reach`` apart.

    The inner ones alone are also near each other in other words, in three times as many texts.
    """
    inner = ir.OrderedNear(field, first[-1], then[0], reach)
    if len(first) == len(then) == 1:
        return inner
    outer = ir.OrderedNear(field, first[0], then[-1], reach + len(first) + len(then) - 2)
    return ir.all_of(inner, outer)


def _lower_requirement(required: prefilter.Requirement, field: Field) -> ir.Clause:
    """Return a clause that matches every article that may meet ``required`` in ``field``."""
    match required:
        case prefilter.Literal():
            return _lower_literal(required, field)
        case prefilter.CharGap():
            return _lower_gaps((required,), field)
        case prefilter.And(parts):
            # A pattern matches in one text, so all gaps are in the same field.
            gaps = tuple(part for part in parts if isinstance(part, prefilter.CharGap))
            others = (part for part in parts if not isinstance(part, prefilter.CharGap))
            return ir.all_of(
                *(_lower_requirement(part, field) for part in others),
                _lower_gaps(gaps, field) if gaps else None,
            )
        case prefilter.Or(parts):
            return ir.any_of(tuple(_lower_requirement(part, field) for part in parts))


def _lower_literal(literal: prefilter.Literal, field: Field) -> ir.Clause:
    """Return a clause for its tokens in sequence, and for terms that narrow down further."""
    if name := _PASSAGE_FIELDS.get(field):
        return _token_sequence(name, literal.text)
    terms = literal.terms()
    if terms == (literal.text,):
        return term_clause(literal.text, field)
    required = (*terms[:MAX_PHRASE_TOKENS], *literal.inner_terms()[:_MAX_INNER_TERMS])
    sequences = (_token_sequence(each, literal.text) for each in _TEXT_FIELDS[field])
    return ir.all_of(*map(term_clause, required), ir.any_of(tuple(sequences)))


def _lower_gaps(gaps: Iterable[prefilter.CharGap], field: Field) -> ir.Clause:
    """Return a clause for all gaps in one text: a gap has no more tokens than characters."""
    if field is Field.EARLIER:  # of all versions together; characters may be in two paragraphs
        return ir.all_of(
            *(ir.Term(EARLIER, each) for gap in gaps for each in (gap.first, gap.second))
        )
    each_field = (
        ir.all_of(*(ir.OrderedNear(name, gap.first, gap.second, gap.max_gap) for gap in gaps))
        for name in _TEXT_FIELDS[field]
    )
    return ir.any_of(tuple(each_field))


def _verified_ids(reader: IndexReader, pattern: ast.TextPattern, clause: ir.Clause) -> ir.AnyTerm:
    """Return the ids of the articles that match ``clause`` and whose text has ``pattern``."""
    texts = reader.texts(clause, pattern.field)
    found = matching_documents(pattern, texts, lambda: reader.count(clause))
    return ir.AnyTerm(ID, tuple(sorted(found)))


def _lower_name(reader: IndexReader, kind: NameField, name: str) -> ir.Clause:
    clause = ir.Contains(FOLDED_NAMES[kind], name[:MAX_CONTAINS_LENGTH])
    if len(name) <= MAX_CONTAINS_LENGTH:
        return clause
    return _value_ids(reader, clause, kind, name)


def _lower_location(reader: IndexReader, kind: LocationField, part: str) -> ir.Clause:
    long_addresses = _value_ids(reader, ir.Term(TERMS, LONG_ADDRESS), kind, part)
    if len(part) > MAX_ADDRESS_LENGTH:
        return long_addresses
    clause: ir.Clause = ir.Contains(ADDRESSES[kind], part[:MAX_CONTAINS_LENGTH])
    if len(part) > MAX_CONTAINS_LENGTH:
        clause = _value_ids(reader, clause, kind, part)
    return ir.Should((clause, long_addresses)) if long_addresses.tokens else clause


def _value_ids(
    reader: IndexReader, clause: ir.Clause, kind: NameField | LocationField, part: str
) -> ir.AnyTerm:
    """Return the ids of the articles that match ``clause`` and have a value with ``part``."""
    values = reader.values(clause, kind)
    found = {article_id for article_id, value in values if part in fold(value)}
    return ir.AnyTerm(ID, tuple(sorted(found)))


def _lower_dates(first: date | None, last: date | None, zone: tzinfo) -> ir.Clause:
    lowest = first.toordinal() if first else 1
    highest = last.toordinal() if last else date.max.toordinal()
    by_day = ir.Must((ir.Range(FIRST_DAY, 1, highest), ir.Range(LAST_DAY, lowest, None)))
    if zone is ARCHIVE_ZONE:
        return by_day
    start = _day_start(first, zone) if first else None
    end = _day_start(last + timedelta(days=1), zone) if last and last < date.max else None
    since = ir.Range(TIMESTAMP, start, None) if start is not None else None
    before = ir.MustNot(ir.Range(TIMESTAMP, end, None)) if end is not None else None
    return ir.Should(
        (
            ir.all_of(ir.Range(HAS_TIME, 0, 0), by_day),
            ir.all_of(ir.Range(HAS_TIME, 1, 1), since, before),
        )
    )


def _day_start(day: date, zone: tzinfo) -> float:
    """Return when a day begins in ``zone``, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def score_clauses(
    terms: Iterable[str],
    count_all: Callable[[Sequence[ir.Clause]], list[int]],
    statistics: TermStatistics | None = None,
) -> list[ir.ScoreClause]:
    """Return what each scoring term adds to a score, as :mod:`newsgrep.engines.ranking` does.

    ``count_all`` returns how many articles match each clause of a sequence. It is called
    once, because each call to a server takes a round trip. ``statistics`` say how rare the terms
    are, if not the articles that are counted do.
    """
    wanted = list(terms)
    source_clauses = [ir.Term(FOLDED_NAMES[NameField.SOURCE], term) for term in wanted]
    term_clauses = [ir.Term(TERMS, term_token(term)) for term in wanted]
    either = map(ir.any_of, zip(source_clauses, term_clauses, strict=True))
    documents, *counts = count_all([ir.Must(()), *source_clauses, *either])
    source_counts, frequencies = counts[: len(wanted)], counts[len(wanted) :]
    sources = dict(zip(wanted, zip(source_clauses, source_counts, strict=True), strict=True))
    own = TermStatistics(documents, dict(zip(wanted, frequencies, strict=True)))
    weights = term_weights(wanted, *(statistics or own))
    clauses = []
    for term, weight in weights.items():
        source, count = sources[term]
        impacts = tuple(
            (ir.Term(IMPACTS, token), value * weight)
            for value in _DIGIT_VALUES
            for token in impact_tokens({term: value})
        )
        clauses.append(ir.ScoreClause(impacts, (source, MAX_IMPACT * weight) if count else None))
    return clauses


def values_of(article: Article, kind: NameField | LocationField) -> tuple[str, ...]:
    """Return the article's names of a kind, or its address; there may be none."""
    match kind:
        case NameField.SOURCE:
            return (article.source,) if article.source else ()
        case NameField.AUTHOR:
            return article.authors
        case NameField.TAG:
            return article.tags
        case LocationField.URL:
            return (article.url,) if article.url else ()
        case LocationField.PATH:
            return (article.path,)
