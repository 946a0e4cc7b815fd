"""Whether and where a folded text matches: the only module that decides it.

Candidates of an engine are verified here, and highlighting, snippets and concordances use the
same functions, so that what is found is what is shown. All texts are folded; all offsets count
characters of the text that is passed in, and of the article's own text as well, since folding
keeps length.

**Word boundaries.** Han characters, and others of scripts without spaces, match anywhere. Where
a literal or pattern begins or ends with a letter or digit of another script, it matches only at
the edge of a word: ``gpt`` occurs in ``gpt-4``, but not in ``gpts``.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeVar

from newsgrep.analysis import codec
from newsgrep.analysis.characters import SOLO, SOLO_KINDS, CharKind, kind_of, word_run
from newsgrep.analysis.fold import fold
from newsgrep.errors import UsageError
from newsgrep.models import Span
from newsgrep.query.ast import (
    Field,
    Fuzzy,
    Near,
    Phrase,
    Regex,
    Terms,
    TextNode,
    TextPattern,
    Wildcard,
    covers,
    describe,
)

Offsets = tuple[int, int]
"""Start and end of an occurrence, in characters of the text."""


# Occurrences


def find_pattern(folded: str, pattern: TextPattern) -> Iterator[Offsets]:
    """Yield the occurrences of ``pattern`` in ``folded``, by start.

    Only those of :class:`~newsgrep.query.ast.Near` may overlap.
    """
    match pattern:
        case Phrase(literal):
            yield from find_literal(folded, literal)
        case Wildcard(wildcard):
            yield from _find_wildcard(folded, wildcard)
        case Fuzzy(word, edits):
            yield from _find_similar(folded, word, edits)
        case Regex(regex):
            yield from _find_regex(folded, regex)
        case Near():
            yield from sorted(set(islice(_find_near(folded, pattern), _MAX_PAIRS)))


def contains_pattern(folded: str, pattern: TextPattern) -> bool:
    """Return whether ``pattern`` occurs anywhere in ``folded``."""
    found = (
        _find_near(folded, pattern) if isinstance(pattern, Near) else find_pattern(folded, pattern)
    )
    return next(found, None) is not None


def contains_literal(folded: str, literal: str) -> bool:
    """Return whether the folded string ``literal`` occurs in ``folded``."""
    return next(find_literal(folded, literal), None) is not None


def is_inside_word(folded: str, at: int) -> bool:
    """Return whether the same word is before and after ``at``: no match begins or ends there.

    This is the rule for word boundaries that everything here follows.
    """
    return (
        0 < at < len(folded)
        and kind_of(folded[at - 1]) is CharKind.WORD
        and kind_of(folded[at]) is CharKind.WORD
    )


def find_literal(folded: str, literal: str, start: int = 0) -> Iterator[Offsets]:
    """Yield the occurrences of ``literal`` from ``start`` on, in order and without overlaps.

    Both strings are folded. An empty literal occurs nowhere.

    >>> list(find_literal("gpts, gpt-4", "gpt"))
    [(6, 9)]
    """
    size = len(literal)
    if not size:
        return
    # Only such a literal can begin or end inside a word: for Han the rule is not evaluated.
    begins_word, ends_word = (kind_of(literal[at]) is CharKind.WORD for at in (0, -1))
    at = folded.find(literal, start)
    while at >= 0:
        end = at + size
        if begins_word and is_inside_word(folded, at):
            # So is every other occurrence in this word, which may be as long as the text.
            at = folded.find(literal, _end_of_letters(folded, at, _WORD_ONLY))
        elif ends_word and is_inside_word(folded, end):
            at = folded.find(literal, at + 1)
        else:
            yield at, end
            at = folded.find(literal, end)


_WORD_ONLY: Final = frozenset((CharKind.WORD,))
_LETTERS: Final = frozenset((CharKind.WORD, CharKind.HAN, CharKind.SOLO))


def _end_of_letters(folded: str, at: int, kinds: frozenset[CharKind]) -> int:
    """Return where the run of characters of these kinds ends that contains or begins at ``at``."""
    while at < len(folded) and kind_of(folded[at]) in kinds:
        at += 1
    return at


class _Wildcard(NamedTuple):
    """A pattern split at its stars; each piece matches as many characters as it has.

    Wildcards in a pattern of one word match letters of that word, others also match Han.
    """

    pieces: tuple[re.Pattern[str], ...]
    begins_open: bool
    ends_open: bool
    letters: frozenset[CharKind]


@lru_cache(maxsize=64)
def _compile_wildcard(pattern: str) -> _Wildcard:
    from newsgrep.query.patterns import word_prefix  # most queries are words

    is_word = word_prefix(pattern) is not None
    any_letter = rf"[^\W_{SOLO}]" if is_word else r"[^\W_]"
    pieces = (
        "".join(any_letter if each == "?" else re.escape(each) for each in piece)
        for piece in pattern.split("*")
        if piece
    )
    return _Wildcard(
        tuple(map(re.compile, pieces)),
        pattern.startswith("*"),
        pattern.endswith("*"),
        _WORD_ONLY if is_word else _LETTERS,
    )


def _find_wildcard(folded: str, pattern: str) -> Iterator[Offsets]:
    """Yield the occurrences of a pattern with ``*`` and ``?``, without overlaps.

    Every text is read once, whatever the pattern: the first occurrence of each piece is taken,
    as in matching file names, and nothing is tried twice.
    """
    wildcard = _compile_wildcard(pattern)
    first, *others = wildcard.pieces
    at = reached = 0
    while found := first.search(folded, at):
        begin = found.start()
        if not wildcard.begins_open and is_inside_word(folded, begin):
            at = begin + 1
            continue
        end = _wildcard_end(folded, found.end(), others, wildcard)
        if end is None:
            # Further on in the same letters there is no more of what follows than here.
            end = found.end()
            if others:
                end = _end_of_letters(folded, end, wildcard.letters)
            at = max(found.start() + 1, end)
        else:
            while wildcard.begins_open and begin > reached and is_inside_word(folded, begin):
                begin -= 1
            yield begin, end
            at = reached = max(end, begin + 1)


def _wildcard_end(
    folded: str, at: int, others: Sequence[re.Pattern[str]], wildcard: _Wildcard
) -> int | None:
    """Return where an occurrence ends whose first piece ends at ``at``; else ``None``."""
    for number, piece in enumerate(others):
        is_last = number == len(others) - 1
        limit = _end_of_letters(folded, at, wildcard.letters)
        following = piece.search(folded, at)
        while following and following.start() <= limit:
            if not is_last or wildcard.ends_open or not is_inside_word(folded, following.end()):
                break
            following = piece.search(folded, following.start() + 1)
        else:
            return None
        at = following.end()
    if wildcard.ends_open:
        while is_inside_word(folded, at):
            at += 1
        return at
    return None if is_inside_word(folded, at) else at


def _find_similar(folded: str, word: str, edits: int) -> Iterator[Offsets]:
    """Yield the words of ``folded`` that are at most ``edits`` edits from ``word``."""
    from newsgrep.query.patterns import is_similar_word  # likewise

    for run in word_run().finditer(folded):
        if is_similar_word(word, run[0], edits):
            yield run.span()


def _find_regex(folded: str, regex: str) -> Iterator[Offsets]:
    """Yield the matches of a folded regular expression that are not empty."""
    from newsgrep.query.patterns import compile_regex  # likewise

    for found in compile_regex(regex).finditer(folded):
        start, end = found.span()
        if start < end:
            yield start, end


_MAX_PAIRS: Final = 100_000
"""Pairs in one text: one that repeats a word endlessly has that many of it with itself."""


def _find_near(folded: str, near: Near) -> Iterator[Offsets]:
    """Yield the spans from one side to the other, wherever they are near enough."""
    left, right = list(_overlapping(folded, near.left)), list(_overlapping(folded, near.right))
    if not left or not right:
        return
    yield from _near_pairs(folded, left, right, near.distance)
    if not near.ordered:
        yield from _near_pairs(folded, right, left, near.distance)


def _near_pairs(
    folded: str, before: list[Offsets], after: list[Offsets], distance: int
) -> Iterator[Offsets]:
    starts = [start for start, _ in after]
    for start, end in before:
        for other_start, other_end in after[bisect_left(starts, end) :]:
            if not _is_within(folded, end, other_start, distance):
                break
            yield start, other_end


def _is_within(folded: str, start: int, end: int, distance: int) -> bool:
    """Return whether there are at most ``distance`` characters and words from start to end."""
    if end - start <= distance:
        return True
    between = islice(distance_unit().finditer(folded, start, end), distance + 1)
    return sum(1 for _ in between) <= distance


@cache
def distance_unit() -> re.Pattern[str]:
    """Return the pattern of what counts one in a distance: a Han character or another word."""
    return re.compile(rf"[{SOLO}]|[^\W_{SOLO}]+")


def _overlapping(folded: str, pattern: TextPattern) -> Iterator[Offsets]:
    """Yield also the overlapping occurrences of a literal: each of them may be the near one."""
    if not isinstance(pattern, Phrase):
        yield from find_pattern(folded, pattern)
        return
    at = 0
    while (found := next(find_literal(folded, pattern.literal, at), None)) is not None:
        yield found
        at = found[0] + 1


# Highlighting

MAX_MATCHES: Final = 500
"""Occurrences of each string that are looked at: more say nothing new about where to look."""

MAX_ALL_MATCHES: Final = 20_000
"""Occurrences of all strings of a query that are looked at, but a few of each: a query of 3,000
characters has 300,000 in an article of a megabyte."""

_FEWEST_MATCHES: Final = 8

_WHOLE, _WORD, _SINGLE = 4.0, 2.0, 1.0
"""Weights: of a whole literal or pattern, of one of several terms, of a single character."""


class Match(NamedTuple):
    """An occurrence of ``text``, a literal, term or pattern; a greater ``weight`` says more."""

    start: int
    end: int
    text: str
    weight: float


def find_matches(
    folded: str, texts: Iterable[TextNode], field: Field, *, most: int | None = MAX_MATCHES
) -> list[Match]:
    """Return where in ``folded``, which is a ``field`` of an article, parts of a query occur.

    By start; they may overlap. Of each string at most ``most`` occurrences are returned, and
    fewer for more than :data:`MAX_ALL_MATCHES` together, unless ``most`` is ``None``. Where a
    whole literal occurs, its single characters are not marked elsewhere.
    """
    found: dict[Offsets, Match] = {}
    patterns: list[Match] = []
    texts = list(texts)
    if most is not None:
        strings = sum(1 + len(text.terms) for text in texts)
        most = min(most, max(MAX_ALL_MATCHES // max(strings, 1), _FEWEST_MATCHES))
    for text in texts:
        if not covers(text.field, field):
            continue
        if not isinstance(text, Terms | Phrase):
            patterns += _pattern_matches(folded, text, most)
            continue
        whole = _literal_matches(folded, text.literal, _WHOLE, most)
        found |= {(match.start, match.end): match for match in whole}
        for term in text.terms if isinstance(text, Terms) else ():
            is_single = len(term) == 1 and kind_of(term) in SOLO_KINDS
            if term == text.literal or (whole and is_single):
                continue
            for match in _literal_matches(folded, term, _SINGLE if is_single else _WORD, most):
                found.setdefault((match.start, match.end), match)
    return sorted((*found.values(), *patterns), key=lambda match: (match.start, -match.end))


def _literal_matches(folded: str, literal: str, weight: float, most: int | None) -> list[Match]:
    spans = islice(find_literal(folded, literal), most)
    return [Match(start, end, literal, weight) for start, end in spans]


def _pattern_matches(folded: str, pattern: TextPattern, most: int | None) -> list[Match]:
    """Return the occurrences of a pattern; of NEAR, those of its sides that are near enough."""
    spans = list(islice(find_pattern(folded, pattern), most))
    if isinstance(pattern, Near):
        sides = (
            match
            for side in (pattern.left, pattern.right)
            for match in _pattern_matches(folded, side, most)
        )
        return [m for m in sides if any(start <= m.start and m.end <= end for start, end in spans)]
    return [Match(start, end, describe(pattern), _WHOLE) for start, end in spans]


def merge_spans(matches: Iterable[Match], offset: int = 0) -> tuple[Span, ...]:
    """Return sorted matches as spans that neither overlap nor touch, moved left by ``offset``."""
    spans: list[Span] = []
    for match in matches:
        if spans and match.start - offset <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, match.end - offset))
        else:
            spans.append(Span(match.start - offset, match.end - offset))
    return tuple(spans)


def highlight_spans(text: str, texts: Iterable[TextNode], field: Field) -> tuple[Span, ...]:
    """Return what to highlight in ``text``, which is not folded and a ``field`` of an article."""
    return merge_spans(find_matches(fold(text), texts, field))


def occurrence_spans(folded: str, texts: Iterable[TextNode], field: Field) -> list[Span]:
    """Return every occurrence of the query's texts in ``folded``, each apart, by start.

    A literal counts each time, also where it follows itself. Where several words do not occur
    together as typed, runs of their terms count, as they are highlighted. An occurrence inside
    another one does not count.
    """
    texts = list(texts)
    # Everything but one of several terms occurs as a whole.
    wholes = {
        text.literal if isinstance(text, Terms | Phrase) else describe(text) for text in texts
    }
    whole: list[Span] = []
    parts: list[Match] = []
    for match in find_matches(folded, texts, field, most=None):
        if match.text in wholes:
            whole.append(Span(match.start, match.end))
        else:
            parts.append(match)
    distinct: list[Span] = []
    reached = 0
    for span in sorted((*whole, *merge_spans(parts)), key=lambda span: (span.start, -span.end)):
        if span.end > reached:
            distinct.append(span)
            reached = span.end
    return distinct


# Verification

MAX_REGEX_SECONDS: Final = 60.0
"""How long a regular expression may read texts, unless the query allows it to read them all."""

_CHECK_INTERVAL: Final = 1 << 18
"""Bytes of packed texts between two looks at the clock."""

_MAX_KNOWN_NOTICES: Final = 4096
"""Left-out texts whose result is remembered: an outlet puts one notice into all its articles."""

_FIRST_STEP: Final = 2048
"""Bytes of a text that are searched before the rest of it is inflated."""

_CHECKED_PLACES: Final = 16
"""Places in a text that are compared one by one before all of it is decoded."""

Document = TypeVar("Document", int, str)


class TermDictionary(Protocol):
    """The words of an index, which an engine looks up."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of ``field`` that begin with ``prefix``; title and body are one."""


def matching_words(dictionary: TermDictionary, pattern: TextPattern) -> list[str] | None:
    """Return the words of an index that a pattern of one word, or a similar word, matches.

    A document matches if it has one of them; its text need not be read. ``None`` for any other
    pattern.
    """
    match pattern:
        case Wildcard(wildcard, field):
            from newsgrep.query.patterns import word_prefix  # likewise

            prefix = word_prefix(wildcard)
            if prefix is None:
                return None
            words = dictionary.terms(prefix, field)
            return [word for word in words if _is_whole(word, wildcard)]
        case Fuzzy(word, edits, field):
            from newsgrep.query.patterns import is_similar_word  # likewise

            words = dictionary.terms(word[0], field)
            return [other for other in words if is_similar_word(word, other, edits)]
        case _:
            return None


def _is_whole(word: str, wildcard: str) -> bool:
    return next(_find_wildcard(word, wildcard), None) == (0, len(word))


def matching_documents(
    pattern: TextPattern, texts: Iterable[tuple[Document, bytes]], total: int
) -> set[Document]:
    """Return which of ``total`` candidates match ``pattern``.

    ``texts`` has the key of each document, of any kind, and its packed texts: those of left-out
    text or of earlier versions if that is the pattern's field
    (:func:`newsgrep.analysis.codec.pack_left_out`,
    :func:`newsgrep.analysis.versions.pack_earlier`), else the folded ones
    (:func:`newsgrep.analysis.codec.pack_folded`).

    Raises :class:`UsageError` where a regular expression takes longer than
    :data:`MAX_REGEX_SECONDS`.
    """
    deadline = time.monotonic() + MAX_REGEX_SECONDS if _is_limited(pattern) else float("inf")
    matches = verifier(pattern)
    if pattern.field is Field.LEFT_OUT:
        matches = lru_cache(_MAX_KNOWN_NOTICES)(matches)
    found: set[Document] = set()
    unchecked = 0
    for number, (document, packed) in enumerate(texts):
        unchecked += len(packed) + 1
        if unchecked > _CHECK_INTERVAL:
            unchecked = 0
            if time.monotonic() > deadline:
                raise _too_slow(number, total)
        if matches(packed):
            found.add(document)
    return found


def _too_slow(number: int, total: int) -> UsageError:
    return UsageError(
        "This regular expression has read {count:,} of {total:,} articles in "
        "{max_regex_seconds:.0f} seconds: add a word to narrow it down, or use --scan "
        "to read them all.",
        count=number,
        total=total,
        max_regex_seconds=MAX_REGEX_SECONDS,
    )


def _is_limited(pattern: TextPattern) -> bool:
    match pattern:
        case Regex():
            return not pattern.scan
        case Near(left, right):
            return _is_limited(left) or _is_limited(right)
        case _:
            return False


def verifier(pattern: TextPattern) -> Callable[[bytes], bool]:
    """Return a function that says whether packed texts match ``pattern`` in its field."""
    if isinstance(pattern, Phrase) and pattern.field not in {Field.LEFT_OUT, Field.EARLIER}:
        return LiteralVerifier(pattern)
    return partial(_matches_packed, pattern)


_ESCAPED: Final = frozenset('"\\' + "".join(map(chr, range(32))))
"""Characters that are not in JSON as they are."""


def _may_be_left_out(packed: bytes, literal: str) -> bool:
    """Return whether ``literal`` may occur in left-out text, whose passages are not divided."""
    # A page may have a hundred of them, and the string is in few.
    return not _ESCAPED.isdisjoint(literal) or literal in fold(codec.inflate_left_out(packed))


def _matches_packed(pattern: TextPattern, packed: bytes) -> bool:
    if pattern.field is Field.LEFT_OUT:
        if isinstance(pattern, Phrase) and not _may_be_left_out(packed, pattern.literal):
            return False
        passages = codec.unpack_left_out(packed)
        return any(contains_pattern(fold(passage.text), pattern) for passage in passages)
    if pattern.field is Field.EARLIER:
        return any(contains_pattern(text, pattern) for text in _earlier_texts(pattern, packed))
    title, body, captions = codec.unpack_folded(packed)
    match pattern.field:
        case Field.TITLE:
            texts = [title]
        case Field.BODY:
            texts = [body]
        case Field.CAPTION:
            texts = captions.split(codec.CAPTION_BREAK)
        case _:
            texts = [title, body]
    return any(contains_pattern(text, pattern) for text in texts)


def _earlier_texts(pattern: TextPattern, packed: bytes) -> Iterator[str]:
    """Yield the folded texts of earlier versions that decide whether ``pattern`` occurs in them."""
    from newsgrep.analysis.versions import earlier_texts, unpack_earlier  # likewise

    versions = unpack_earlier(packed)
    if isinstance(pattern, Regex | Near):
        yield from (fold(text) for each in versions for text in (each.title, each.body))
    else:  # it never occurs across paragraphs, most of which are those of other versions
        yield from map(fold, earlier_texts(versions))


class LiteralVerifier:
    """Says whether packed folded texts contain a phrase in its field.

    It looks for the encoded literal in the encoded texts and decodes them only where that leaves
    a doubt: verification runs for every candidate.
    """

    def __init__(self, phrase: Phrase) -> None:
        self._literal = phrase.literal
        self._field = phrase.field
        self._encoded = codec.encode(phrase.literal)
        self._begins_word, self._ends_word = (
            kind_of(phrase.literal[at]) is CharKind.WORD for at in (0, -1)
        )

    def __call__(self, packed: bytes) -> bool:
        """Return whether the texts that ``packed`` has contain the phrase."""
        if len(packed) < _FIRST_STEP // 2:  # nearly all of them are one step
            data = codec.inflate_folded(packed)
            return self._encoded in data and self._occurs(data, is_whole=True)
        # A frequent string is at the beginning of most long texts that contain it.
        for data, is_whole in codec.inflate_in_steps(packed, _FIRST_STEP):
            if self._encoded in data and self._occurs(data, is_whole=is_whole):
                return True
        return False

    def _occurs(self, data: bytes, *, is_whole: bool) -> bool:
        """Return whether the phrase certainly occurs in ``data``."""
        low, high = self._bounds(data, is_whole)
        at = data.find(self._encoded, low, high)
        for _ in range(_CHECKED_PLACES):
            if at < 0:
                return False
            if self._is_at(data, at, is_whole):
                return True
            at = data.find(self._encoded, at + 1, high)
        # Such places may follow one another endlessly: 啊啊啊 has the bytes of “ everywhere.
        text = codec.decode_folded(data[low:high], is_cut=not is_whole)
        return any(is_whole or end < len(text) for _, end in find_literal(text, self._literal))

    def _is_at(self, data: bytes, at: int, is_whole: bool) -> bool:
        """Return whether the bytes at ``at`` are the phrase, and not parts of words."""
        before = codec.characters_before(data, at)
        if before is None:
            return False
        if self._begins_word and before and kind_of(before[-1]) is CharKind.WORD:
            return False
        if self._ends_word:
            following = codec.character_at(data, at + len(self._encoded))
            return kind_of(following) is not CharKind.WORD if following else is_whole
        return True

    def _bounds(self, data: bytes, is_whole: bool) -> tuple[int, int]:
        """Return where the field begins and ends in ``data``; nothing follows if it is whole."""
        title_end, body_end = codec.text_ends(data)
        size = len(data)
        if is_whole and body_end < 0:
            raise codec.DamagedData("an article does not have three folded texts")
        body_start = size if title_end < 0 else title_end
        match self._field:
            case Field.TITLE:
                return 0, body_start
            case Field.BODY:
                return body_start, size if body_end < 0 else body_end
            case Field.CAPTION:
                return (size if body_end < 0 else body_end), size
            case _:
                return 0, size if body_end < 0 else body_end
