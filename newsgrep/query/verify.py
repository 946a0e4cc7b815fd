"""Which candidates of an engine match: their packed texts are read, and no more than is needed.

:mod:`newsgrep.query.match` says what matches. Here are the shortcuts: a word of the index that
decides without a text, a literal that is searched for in the encoded text, and a text that is
inflated in steps.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from threading import Lock
from typing import Final, Generic, Protocol, TypeVar

from newsgrep.analysis import codec, packed_texts
from newsgrep.analysis.characters import CharKind, fold, kind_of
from newsgrep.errors import UsageError
from newsgrep.query.ast import Field, Fuzzy, Near, Phrase, Regex, TextPattern, Wildcard
from newsgrep.query.match import contains_pattern, distance_unit, find_literal, find_wildcard

MAX_REGEX_SECONDS: Final = 60.0
"""How long a regular expression may read texts, unless the query allows it to read them all."""

_CHECK_INTERVAL: Final = 1 << 18
"""Bytes of packed texts between two looks at the clock."""

_MAX_KNOWN_NOTICES: Final = 4096
"""Left-out texts whose result is remembered: an outlet puts one notice into all its articles."""

_FIRST_STEP: Final = 4000
"""Bytes of a text that are searched before more of it is inflated.

They are a little less than a block of Zstandard: for the last byte of one, the next is inflated.
"""

_MAX_INFLATED: Final = 1 << 18
"""Bytes of a text that is remembered; a longer one is read in steps, which is mostly less of it."""

_MOST_BYTES_OF_CHARACTER: Final = 4

_BYTES_OF_WORD: Final = 8
"""Bytes of a text between two literals that are decoded, for each word of their distance."""

_CHECKED_ENDS: Final = 1000
"""Occurrences of a literal in a text that are compared one by one before all of it is decoded."""

_CHECKED_PLACES: Final = 16
"""Places in a text that are compared one by one before all of it is decoded."""

_FOLDED_FIELDS: Final = frozenset((Field.TEXT, Field.TITLE, Field.BODY, Field.CAPTION))

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
            from newsgrep.query.patterns import word_prefix  # few queries need it

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
    return next(find_wildcard(word, wildcard), None) == (0, len(word))


def matching_documents(
    pattern: TextPattern,
    texts: Iterable[tuple[Document, bytes]],
    count: Callable[[], int],
    *,
    are_checked: bool = False,
    inflated: InflatedTexts[Document] | None = None,
) -> set[Document]:
    """Return which candidates match ``pattern``; ``count`` returns how many candidates there are.

    ``texts`` has the key of each document, of any kind, and its packed texts: those of left-out
    text or of earlier versions if that is the pattern's field
    (:func:`newsgrep.analysis.codec.pack_left_out`,
    :func:`newsgrep.analysis.versions.pack_earlier`), else the folded ones
    (:func:`newsgrep.analysis.packed_texts.pack_folded`). If they ``are_checked``, as those of an
    engine that has compared them with its own checksums, theirs need not be compared again. Texts
    that :func:`folded_verifier` has read are added to ``inflated``.

    Raises :class:`UsageError` where a regular expression takes longer than
    :data:`MAX_REGEX_SECONDS`.
    """
    deadline = time.monotonic() + MAX_REGEX_SECONDS if _is_limited(pattern) else float("inf")
    matches = verifier(pattern, are_checked=are_checked)
    if inflated is not None and isinstance(matches, FoldedVerifier):
        return set(inflated.read(texts, matches))
    if pattern.field is Field.LEFT_OUT:
        matches = lru_cache(_MAX_KNOWN_NOTICES)(matches)
    found: set[Document] = set()
    unchecked = 0
    for number, (document, packed) in enumerate(texts):
        unchecked += len(packed) + 1
        if unchecked > _CHECK_INTERVAL:
            unchecked = 0
            if time.monotonic() > deadline:
                raise _too_slow(number, count())
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


def verifier(pattern: TextPattern, *, are_checked: bool = False) -> Callable[[bytes], bool]:
    """Return a function that says whether packed texts match ``pattern`` in its field."""
    found = folded_verifier(pattern, are_checked=are_checked)
    return found or partial(_matches_packed, pattern)


def folded_verifier(pattern: TextPattern, *, are_checked: bool = False) -> FoldedVerifier | None:
    """Return what verifies a string, or two strings near each other, in folded texts.

    ``None`` for other patterns and fields, whose texts have to be decoded.
    """
    match pattern:
        case Phrase(field=field) if field in _FOLDED_FIELDS:
            return LiteralVerifier(pattern, are_checked=are_checked)
        case Near(Phrase(left), Phrase(right), field=field) if field in _FOLDED_FIELDS:
            return NearVerifier(pattern, left, right, are_checked=are_checked)
        case _:
            return None


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
    texts = _texts_of_field(*packed_texts.unpack_folded(packed), pattern.field)
    return any(contains_pattern(text, pattern) for text in texts)


def _texts_of_field(title: str, body: str, captions: str, field: Field) -> list[str]:
    match field:
        case Field.TITLE:
            return [title]
        case Field.BODY:
            return [body]
        case Field.CAPTION:
            return captions.split(packed_texts.CAPTION_BREAK)
        case _:
            return [title, body]


def _earlier_texts(pattern: TextPattern, packed: bytes) -> Iterator[str]:
    """Yield the folded texts of earlier versions that decide whether ``pattern`` occurs in them."""
    from newsgrep.analysis.versions import earlier_texts, unpack_earlier  # few queries need it

    versions = unpack_earlier(packed)
    if isinstance(pattern, Regex | Near):
        yield from (fold(text) for each in versions for text in (each.title, each.body))
    else:  # it never occurs across paragraphs, most of which are those of other versions
        yield from map(fold, earlier_texts(versions))


class FoldedVerifier(ABC):
    """Says whether the folded texts of an article match a pattern in its field."""

    def __init__(self, *, are_checked: bool) -> None:
        self._are_checked = are_checked

    def __call__(self, packed: bytes) -> bool:
        """Return whether the texts that ``packed`` has match."""
        return self.matches(self.inflate(packed))

    def inflate(self, packed: bytes) -> bytes:
        """Return what :meth:`matches` takes; raises :class:`packed_texts.DamagedData`."""
        data = packed_texts.inflate_folded(packed, is_checked=self._are_checked)
        if not packed_texts.has_three_texts(data):
            raise packed_texts.DamagedData("an article does not have three folded texts")
        return data

    @abstractmethod
    def matches(self, data: bytes) -> bool:
        """Return whether the three encoded texts of an article match."""


class _EncodedLiteral:
    """A folded literal as it is searched for in encoded texts."""

    def __init__(self, literal: str) -> None:
        self.encoded = packed_texts.encode(literal)
        self._begins_word, self._ends_word = (
            kind_of(literal[at]) is CharKind.WORD for at in (0, -1)
        )

    def is_at(self, data: bytes, at: int, *, is_whole: bool = True) -> bool:
        """Return whether the bytes at ``at`` are the literal, and not parts of words."""
        before = packed_texts.characters_before(data, at)
        if before is None:
            return False
        if self._begins_word and before and kind_of(before[-1]) is CharKind.WORD:
            return False
        if self._ends_word:
            following = packed_texts.character_at(data, at + len(self.encoded))
            return kind_of(following) is not CharKind.WORD if following else is_whole
        return True


def _bounds(data: bytes, field: Field, *, is_whole: bool = True) -> tuple[int, int]:
    """Return where ``field`` begins and ends in ``data``; nothing follows if it is whole."""
    title_end, body_end = packed_texts.text_ends(data)
    size = len(data)
    if is_whole and body_end < 0:
        raise packed_texts.DamagedData("an article does not have three folded texts")
    body_start = size if title_end < 0 else title_end
    match field:
        case Field.TITLE:
            return 0, body_start
        case Field.BODY:
            return body_start, size if body_end < 0 else body_end
        case Field.CAPTION:
            return (size if body_end < 0 else body_end), size
        case _:
            return 0, size if body_end < 0 else body_end


class LiteralVerifier(FoldedVerifier):
    """Says whether packed folded texts contain a phrase in its field.

    It looks for the encoded literal in the encoded texts and decodes them only where that leaves
    a doubt: verification runs for every candidate.
    """

    def __init__(self, phrase: Phrase, *, are_checked: bool = False) -> None:
        super().__init__(are_checked=are_checked)
        self._phrase = phrase
        self._literal = _EncodedLiteral(phrase.literal)

    def __call__(self, packed: bytes) -> bool:
        """Return whether the texts that ``packed`` has contain the phrase."""
        if len(packed) < _FIRST_STEP // 3:  # nearly all of them are one step
            return self.matches(self.inflate(packed))
        # A frequent string is at the beginning of most long texts that contain it.
        encoded = self._literal.encoded
        overlap = len(encoded) + _MOST_BYTES_OF_CHARACTER
        searched = 0
        steps = packed_texts.inflate_in_steps(packed, _FIRST_STEP, is_checked=self._are_checked)
        for data, is_whole in steps:
            is_there = data.find(encoded, max(searched - overlap, 0)) >= 0
            if is_there and self._occurs(data, is_whole=is_whole):
                return True
            searched = len(data)
        return False

    def matches(self, data: bytes) -> bool:
        """Return whether the three encoded texts of an article contain the phrase."""
        at = data.find(self._literal.encoded)
        if at < 0:
            return False
        # Of a frequent string, the first place in a text nearly always decides.
        if (
            self._phrase.field is Field.TEXT
            and at < packed_texts.body_end(data)
            and self._literal.is_at(data, at)
        ):
            return True
        return self._occurs(data, is_whole=True)

    def _occurs(self, data: bytes, *, is_whole: bool) -> bool:
        """Return whether the phrase certainly occurs in ``data``."""
        low, high = _bounds(data, self._phrase.field, is_whole=is_whole)
        encoded = self._literal.encoded
        at = data.find(encoded, low, high)
        for _ in range(_CHECKED_PLACES):
            if at < 0:
                return False
            if self._literal.is_at(data, at, is_whole=is_whole):
                return True
            at = data.find(encoded, at + 1, high)
        # Such places may follow one another endlessly: 啊啊啊 has the bytes of “ everywhere.
        text = packed_texts.decode_folded(data[low:high], is_cut=not is_whole)
        found = find_literal(text, self._phrase.literal)
        return any(is_whole or end < len(text) for _, end in found)


class NearVerifier(FoldedVerifier):
    """Says whether packed folded texts contain two literals near each other.

    The encoded literals are looked for in the encoded texts. Where they are too far apart, the
    texts do not match, and where both are certainly whole and near enough, they do. Only texts
    with other places are decoded and compared as a whole.
    """

    def __init__(self, near: Near, left: str, right: str, *, are_checked: bool = False) -> None:
        super().__init__(are_checked=are_checked)
        self._near = near
        sides = _EncodedLiteral(left), _EncodedLiteral(right)
        self._orders = (sides,) if near.ordered else (sides, sides[::-1])
        # The first characters of a gap: words are rarely longer, so these are usually too many.
        self._decoded = _BYTES_OF_WORD * (near.distance + 1)
        self._is_far = packed_texts.at_least_units(near.distance + 1).match

    def matches(self, data: bytes) -> bool:
        """Return whether the three encoded texts of an article contain both near each other."""
        low, high = _bounds(data, self._near.field)
        is_doubtful = False
        for order in self._orders:
            is_near = self._is_near(data, *order, low, high)
            if is_near:
                return True
            is_doubtful |= is_near is None
        if not is_doubtful:
            return False
        texts = _texts_of_field(*packed_texts.split_folded(data), self._near.field)
        return any(contains_pattern(text, self._near) for text in texts)

    def _is_near(
        self, data: bytes, first: _EncodedLiteral, then: _EncodedLiteral, low: int, high: int
    ) -> bool | None:
        """Return whether ``then`` is near enough after ``first`` somewhere, ``None`` if it may be.

        Both may also be bytes of parts of characters. A gap that begins at one is not text, or any
        number of words; one that ends at it is shorter than that of the next real one.
        """
        at, following = data.find(first.encoded, low, high), 0
        for _ in range(_CHECKED_ENDS):
            if at < 0:
                return False
            end = at + len(first.encoded)
            if following < end:
                following = data.find(then.encoded, end, high)
                if following < 0:
                    return False
            cut = min(following, end + self._decoded)
            if not self._is_far(data, end, cut) and self._is_short(data[end:cut]):
                is_certain = cut == following and self._near.field is not Field.CAPTION
                if is_certain and first.is_at(data, at) and then.is_at(data, following):
                    return True
                return None
            at = data.find(first.encoded, at + 1, high)
        return None

    def _is_short(self, gap: bytes) -> bool:
        """Return whether a gap, or its beginning, may have no more words than the distance."""
        if packed_texts.is_across_texts(gap):
            return False
        try:
            text = packed_texts.decode_folded(gap, is_cut=True)
        except packed_texts.DamagedData:
            return True
        return len(distance_unit().findall(text)) <= self._near.distance


class InflatedTexts(Generic[Document]):
    """The folded texts that earlier strings were searched for in, not packed, by document.

    Most of the time of a string is that of unpacking texts. There are at most ``max_bytes``; the
    text that was added last makes room for another one, because strings are searched for in
    ascending order of documents, and the first ones are needed first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()
        self._texts: dict[Document, bytes] = {}

    def search(
        self, verifier: FoldedVerifier, documents: Iterable[Document]
    ) -> tuple[set[Document], list[Document]]:
        """Return which of ``documents`` match, and those whose texts are not here."""
        matches, known = verifier.matches, self._texts.get
        found, unread = set(), []
        for document in documents:
            data = known(document)
            if data is None:
                unread.append(document)
            elif matches(data):
                found.add(document)
        return found, unread

    def read(
        self, texts: Iterable[tuple[Document, bytes]], verifier: FoldedVerifier
    ) -> Iterator[Document]:
        """Add packed folded texts, and yield the documents that match."""
        for document, packed in texts:
            if len(packed) > _MAX_INFLATED // 3:
                if verifier(packed):
                    yield document
                continue
            data = verifier.inflate(packed)
            self._add(document, data)
            if verifier.matches(data):
                yield document

    def _add(self, document: Document, data: bytes) -> None:
        if len(data) > self._max_bytes:
            return
        with self._lock:  # several threads may search
            self._bytes += len(data) - len(self._texts.pop(document, b""))
            while self._bytes > self._max_bytes:
                _, dropped = self._texts.popitem()
                self._bytes -= len(dropped)
            self._texts[document] = data
