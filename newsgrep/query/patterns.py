"""Patterns with ``*`` and ``?``: where they stand in a folded text, and which words are like them.

Every text is gone through once, whatever the pattern: what comes first is taken, as in the
matching of file names, and nothing is tried twice.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from newsgrep.analysis.characters import SOLO, CharKind, kind_of, runs, word_run
from newsgrep.analysis.fold import fold
from newsgrep.analysis.segment import query_terms
from newsgrep.errors import UsageError
from newsgrep.query.ast import Field, Regex, Wildcard

_STARS = re.compile(r"\*+")


def is_pattern(text: str) -> bool:
    """Return whether a word as typed is a pattern: a star in or behind it, or a ``?`` inside.

    Other stars and question marks are punctuation.
    """
    if all(kind_of(character) is CharKind.OTHER for character in text):
        return False
    return "*" in text or any(_is_inside(text, at) for at, c in enumerate(text) if c == "?")


def _is_inside(text: str, at: int) -> bool:
    neighbours = text[at - 1 : at] + text[at + 1 : at + 2]
    return at > 0 and len(neighbours) == 2 and all(map(_may_stand_beside, neighbours))


def _may_stand_beside(character: str) -> bool:
    return character in "?*" or kind_of(character) is not CharKind.OTHER


def make_wildcard(folded: str, field: Field) -> Wildcard | str:
    """Return the node for a folded pattern, or the literal that it comes to.

    A star beside Han adds nothing: 联合* is wherever 联合 is.
    """
    pattern = _STARS.sub("*", folded)
    literal = pattern.strip("*")
    begins, ends = (kind_of(literal[at]) is CharKind.WORD for at in (0, -1))
    needs_start = begins and pattern.startswith("*")
    needs_end = ends and pattern.endswith("*")
    if not needs_start and not needs_end and not set("*?") & set(literal):
        return literal
    terms: list[str] = []
    pieces = re.split(r"[*?]", pattern)
    for at, piece in enumerate(pieces):
        terms += required_terms(piece, open_before=at > 0, open_after=at < len(pieces) - 1)
    return Wildcard(pattern, tuple(dict.fromkeys(terms)), field)


def required_terms(piece: str, *, open_before: bool, open_after: bool) -> tuple[str, ...]:
    """Return the terms of every text that holds ``piece``; words at open ends may go on."""
    start, end = 0, len(piece)
    for kind, first, last in runs(piece):
        if kind is CharKind.WORD and first == 0 and open_before:
            start = last
        if kind is CharKind.WORD and last == len(piece) and open_after:
            end = first
    return query_terms(piece[start:end])


def word_prefix(pattern: str) -> str | None:
    """Return the letters before the first wildcard if a pattern is of one word, and else None."""
    letters = pattern.replace("*", "").replace("?", "")
    if not letters or any(kind_of(character) is not CharKind.WORD for character in letters):
        return None
    return re.split(r"[*?]", pattern)[0]


class _Pieces(NamedTuple):
    """A pattern taken apart at its stars; each piece is as long as what it stands for.

    Wildcards of a pattern of one word stand for its letters, others for Han as well.
    """

    pieces: tuple[re.Pattern[str], ...]
    goes_on: bool
    letters: frozenset[CharKind]


@lru_cache(maxsize=64)
def _split_at_stars(pattern: str) -> _Pieces:
    is_word = word_prefix(pattern) is not None
    one = rf"[^\W_{SOLO}]" if is_word else r"[^\W_]"
    as_regex = (
        "".join(one if character == "?" else re.escape(character) for character in piece)
        for piece in pattern.split("*")
        if piece
    )
    letters = {CharKind.WORD} if is_word else {CharKind.WORD, CharKind.HAN, CharKind.SOLO}
    return _Pieces(tuple(map(re.compile, as_regex)), pattern.endswith("*"), frozenset(letters))


def find_wildcard(folded: str, pattern: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans at which ``pattern`` stands, by start; they do not overlap.

    A pattern that begins or ends with a letter of a word matches at the word's edge only.
    """
    known = _split_at_stars(pattern)
    first, *others = known.pieces
    at = start
    while found := first.search(folded, at):
        begin = found.start()
        if pattern.startswith("*"):
            while begin > at and _is_in_word(folded, begin):
                begin -= 1
        elif _is_in_word(folded, begin):
            at = begin + 1
            continue
        end = _end_of(folded, found.end(), others, known)
        if end is None:
            # Further on in the same letters there is no more of what follows than here.
            end = found.end() if not others else _letters_end(folded, found.end(), known.letters)
            at = max(found.start() + 1, end)
        else:
            yield begin, end
            at = max(end, begin + 1)


def _end_of(folded: str, at: int, others: list[re.Pattern[str]], known: _Pieces) -> int | None:
    goes_on = known.goes_on
    for number, piece in enumerate(others):
        is_last = number == len(others) - 1
        limit = _letters_end(folded, at, known.letters)
        following = piece.search(folded, at)
        while following and following.start() <= limit:
            if not is_last or goes_on or not _is_in_word(folded, following.end()):
                break
            following = piece.search(folded, following.start() + 1)
        else:
            return None
        at = following.end()
    if goes_on:
        while at < len(folded) and at > 0 and _is_in_word(folded, at):
            at += 1
        return at
    return None if _is_in_word(folded, at) else at


def _letters_end(folded: str, at: int, letters: frozenset[CharKind]) -> int:
    while at < len(folded) and kind_of(folded[at]) in letters:
        at += 1
    return at


def _is_in_word(folded: str, at: int) -> bool:
    """Return whether letters of one word stand before and behind ``at``."""
    return (
        0 < at < len(folded)
        and kind_of(folded[at - 1]) is CharKind.WORD
        and kind_of(folded[at]) is CharKind.WORD
    )


MIN_FUZZY_LENGTH = 3
"""Letters of a word that can be misspelled and still be known."""

_TWO_EDITS_FROM = 6


def allowed_edits(word: str) -> int:
    """Return how many letters may be off: one, or two for words of six letters and more."""
    return 2 if len(word) >= _TWO_EDITS_FROM else 1


def is_similar_word(word: str, other: str, edits: int) -> bool:
    """Return whether two words begin alike and are at most ``edits`` apart.

    The distance is the one of optimal string alignment: neighbours that are exchanged are
    one edit.
    """
    if word[0] != other[0] or abs(len(word) - len(other)) > edits:
        return False
    from rapidfuzz.distance import OSA  # most queries have no use for it

    return OSA.distance(word, other, score_cutoff=edits) <= edits


def find_fuzzy(folded: str, word: str, edits: int, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans of the words of a folded text that are like ``word``."""
    for run in word_run().finditer(folded, start):
        if is_similar_word(word, run[0], edits):
            yield run.span()


_REGEX_SPECIAL: Final = frozenset(r"\.^$*+?{}[]()|-")
_REGEX_KEPT: Final = re.compile(
    r"\\(?:[pPx]\{[^}]*\}|[pP].|Q.*?(?:\\E|$)|.)|\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]", re.DOTALL
)
"""What of a pattern means something else in other letters: escapes, names, flags."""


_REGEX_CLASS: Final = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\[:\^?[a-z]+:\]")
_REGEX_WORD: Final = r"\p{L}\p{N}\p{M}_"
_REGEX_WIDER: Final = {
    False: {r"\w": f"[{_REGEX_WORD}]", r"\W": f"[^{_REGEX_WORD}]"},
    True: {r"\w": _REGEX_WORD},
}
"""Of RE2's, which know the letters of English only; what stands in brackets has none around it."""


def make_regex(pattern: str, field: Field = Field.TEXT, *, scan: bool = False) -> Regex:
    """Return the node for ``pattern``; raises :class:`UsageError` for one that makes no sense."""
    folded = fold_pattern(pattern)
    compile_regex(folded)
    return Regex(folded, tuple(_required_literals(folded)), field, scan)


def fold_pattern(pattern: str) -> str:
    """Return ``pattern`` with what it looks for folded, and its escapes as they are."""
    parts: list[str] = []
    at = 0
    in_class = False
    while at < len(pattern):
        if kept := _REGEX_KEPT.match(pattern, at):
            parts.append(_REGEX_WIDER[in_class].get(kept[0], kept[0]))
            at = kept.end()
            continue
        character = pattern[at]
        # A bracket that closes at once is one of the class itself.
        opens = character == "[" and not in_class
        if opens and (empty := re.compile(r"\[\^?\]").match(pattern, at)):
            parts.append(empty[0])
            at = empty.end()
            in_class = True
            continue
        in_class = opens or (in_class and character != "]")
        narrow = fold(character)
        # A full-width bracket is a character to look for, and no bracket.
        is_made_special = narrow != character and narrow in _REGEX_SPECIAL
        parts.append(f"\\{narrow}" if is_made_special else narrow)
        at += 1
    return "".join(parts)


@lru_cache(maxsize=64)
def compile_regex(folded: str) -> Any:
    """Return the RE2 of a folded pattern, in which ``^`` and ``$`` match at every line."""
    import re2  # type: ignore[import-untyped]  # most queries have no use for it

    options = re2.Options()
    options.log_errors = False
    wrapped = f"(?m:{folded})"
    try:
        found = re2.compile(wrapped, options=options)
    except re2.error as exc:
        said = exc.args[0] if exc.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        why = why.replace(wrapped, folded)
        raise UsageError(
            f"This regular expression can't be read ({why}): mend it, or put a backslash before "
            "what is meant literally. Lookarounds and references to groups are not known."
        ) from exc
    if found.search("") is not None:
        raise UsageError(
            "This regular expression finds nothing at all in every text: let it ask for at least "
            "one character."
        )
    return found


def find_regex(folded: str, pattern: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans that a folded pattern finds in a folded text, but for empty ones."""
    for match in compile_regex(pattern).finditer(folded, start):
        first, last = match.span()
        if first < last:
            yield first, last


def parse_regex(folded: str) -> Any:
    """Return a folded pattern as the standard library's own parser reads it.

    It knows all of RE2's language that matters here. What it can't read has nothing in it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of brackets in brackets
            return re._parser.parse(_REGEX_CLASS.sub(r"\\w", folded))  # type: ignore[attr-defined]  # noqa: SLF001
    except (re.error, OverflowError, RecursionError):
        return ()


def _required_literals(folded: str) -> Iterator[tuple[str, ...]]:
    """Yield groups of texts of which every match holds one: what comes before and behind them."""
    for group in _literal_groups(parse_regex(folded)):
        usable = [text for text in group if _has_solo_character(text)]
        if len(usable) == len(group):
            yield tuple(dict.fromkeys(usable))


def _has_solo_character(text: str) -> bool:
    """Return whether a text can be looked up: a word at its edge may go on beyond it."""
    return any(kind in {CharKind.HAN, CharKind.SOLO} for kind, _, _ in runs(text))


def _literal_groups(tree: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, ...]]:
    run = ""
    for code, value in tree:
        match str(code):
            case "LITERAL":
                run += chr(value)
                continue
            case "IN" if all(str(kind) == "LITERAL" for kind, _ in value):
                inner = [tuple(chr(each) for _, each in value)]
            case "SUBPATTERN":
                inner = list(_literal_groups(value[-1]))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                inner = list(_literal_groups(value[2])) if value[0] > 0 else []
            case "BRANCH":
                inner = _branch_groups(value[1])
            case _:
                inner = []
        if run:
            yield (run,)
            run = ""
        yield from inner
    if run:
        yield (run,)


def _branch_groups(branches: Iterable[Any]) -> list[tuple[str, ...]]:
    """Return one group with a text of every branch, the longest, where each has one."""
    chosen: list[str] = []
    for branch in branches:
        groups = [
            group for group in _literal_groups(branch) if all(map(_has_solo_character, group))
        ]
        if not groups:
            return []
        chosen += max(groups, key=lambda group: min(map(len, group)))
    return [tuple(chosen)]
