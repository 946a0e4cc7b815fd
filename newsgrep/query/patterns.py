"""The languages of patterns: wildcards, similar words and regular expressions.

Here a pattern as typed is checked, folded and compiled. Where it matches is decided in
:mod:`newsgrep.query.match`, what every match contains in :mod:`newsgrep.query.prefilter`.

Regular expressions are RE2's, whose time grows with the length of the text and never with its
square, so there are no lookarounds and no references to groups. RE2 itself is used if the package
``google-re2`` is installed, :mod:`newsgrep.query.regex_automaton` elsewhere; a test compares them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from newsgrep.analysis.characters import CharKind, fold, kind_of
from newsgrep.errors import UsageError
from newsgrep.query.ast import Field, Regex, Wildcard

_STARS: Final = re.compile(r"\*+")


def is_pattern(text: str) -> bool:
    """Return whether a word as typed is a wildcard pattern.

    It is one if it has a star beside letters or a ``?`` between them. Other stars and question
    marks are punctuation: ``为什么?`` is a word.
    """
    if all(kind_of(character) is CharKind.OTHER for character in text):
        return False
    return "*" in text or any(_is_inside(text, at) for at, c in enumerate(text) if c == "?")


def _is_inside(text: str, at: int) -> bool:
    neighbours = text[at - 1 : at] + text[at + 1 : at + 2]
    return at > 0 and len(neighbours) == 2 and all(map(_may_be_beside, neighbours))


def _may_be_beside(character: str) -> bool:
    return character in "?*" or kind_of(character) is not CharKind.OTHER


def make_wildcard(folded: str, field: Field) -> Wildcard | str:
    """Return the node for a folded pattern, or the literal that it is equivalent to.

    A star beside Han adds nothing: ``联合*`` matches wherever ``联合`` occurs.
    """
    pattern = _STARS.sub("*", folded)
    literal = pattern.strip("*")
    begins_word, ends_word = (kind_of(literal[at]) is CharKind.WORD for at in (0, -1))
    keeps_first = begins_word and pattern.startswith("*")
    keeps_last = ends_word and pattern.endswith("*")
    if not keeps_first and not keeps_last and not set("*?") & set(literal):
        return literal
    return Wildcard(pattern, field)


def word_prefix(pattern: str) -> str | None:
    """Return the letters before the first wildcard of a pattern of one word, else ``None``."""
    letters = pattern.replace("*", "").replace("?", "")
    if not letters or any(kind_of(character) is not CharKind.WORD for character in letters):
        return None
    return re.split(r"[*?]", pattern)[0]


MIN_FUZZY_LENGTH: Final = 3
"""Letters of the shortest word that can be recognised with an edit in it."""

_TWO_EDITS_FROM: Final = 6


def allowed_edits(word: str) -> int:
    """Return how many edits a similar word may have: 1, or 2 from six letters on."""
    return 2 if len(word) >= _TWO_EDITS_FROM else 1


def is_similar_word(word: str, other: str, edits: int) -> bool:
    """Return whether two words have the same first letter and are at most ``edits`` apart.

    The distance is optimal string alignment: an edit inserts, deletes or replaces a letter, or
    swaps two neighbours.
    """
    if word[0] != other[0] or abs(len(word) - len(other)) > edits:
        return False
    # An edit removes at most one letter and adds at most one. This excludes most words.
    if len(set(word).difference(other)) > edits or len(set(other).difference(word)) > edits:
        return False
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(word):
        row = [at + 1]
        for other_at, other_letter in enumerate(other):
            cost = min(
                row[-1] + 1, last[other_at + 1] + 1, last[other_at] + (letter != other_letter)
            )
            if at and other_at and letter == other[other_at - 1] and other_letter == word[at - 1]:
                cost = min(cost, before[other_at - 1] + 1)
            row.append(cost)
        if min(row) > edits and min(last) > edits:
            return False
        before, last = last, row
    return last[-1] <= edits


_REGEX_SPECIAL: Final = frozenset(r"\.^$*+?{}[]()|-")
_REGEX_KEPT: Final = re.compile(
    r"\\(?:[pPx]\{[^}]*\}|[pP].|Q.*?(?:\\E|$)|.)|\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]", re.DOTALL
)
"""Parts of a pattern whose meaning depends on case: escapes, names of groups, flags."""

_REGEX_WORD: Final = r"\p{L}\p{N}\p{M}_"
_REGEX_WIDER: Final = {
    False: {r"\w": f"[{_REGEX_WORD}]", r"\W": f"[^{_REGEX_WORD}]"},
    True: {r"\w": _REGEX_WORD},
}
"""Replacements for RE2's classes, which contain English letters only, outside and inside ``[]``."""


def make_regex(pattern: str, field: Field = Field.TEXT, *, scan: bool = False) -> Regex:
    """Return the node for ``pattern``; raises :class:`UsageError` for an invalid one."""
    folded = fold_pattern(pattern)
    compile_regex(folded)
    return Regex(folded, field, scan)


def fold_pattern(pattern: str) -> str:
    """Return a regular expression with its literal characters folded and its escapes unchanged."""
    parts: list[str] = []
    at = 0
    in_class = False
    while at < len(pattern):
        if kept := _REGEX_KEPT.match(pattern, at):
            parts.append(_REGEX_WIDER[in_class].get(kept[0], kept[0]))
            at = kept.end()
            continue
        character = pattern[at]
        # A bracket right after the opening one is a member of the class.
        opens = character == "[" and not in_class
        if opens and (empty := re.compile(r"\[\^?\]").match(pattern, at)):
            parts.append(empty[0])
            at = empty.end()
            in_class = True
            continue
        in_class = opens or (in_class and character != "]")
        narrow = fold(character)
        # A full-width bracket is a literal character, not syntax.
        needs_escape = narrow != character and narrow in _REGEX_SPECIAL
        parts.append(f"\\{narrow}" if needs_escape else narrow)
        at += 1
    return "".join(parts)


FindMatches = Callable[[str], Iterator[tuple[int, int]]]
"""Yields where each match in a text starts and ends; matches may be empty."""


@lru_cache(maxsize=64)
def compile_regex(folded: str) -> FindMatches:
    """Return what finds the matches of a folded pattern; ``^`` and ``$`` match at every line.

    Raises :class:`UsageError` for an invalid pattern, and for one that matches the empty string:
    it would match every text.
    """
    if any("\ud800" <= character <= "\udfff" for character in folded):
        # Bytes of the command line that are not UTF-8.
        raise UsageError(
            "The regular expression is not valid UTF-8: type it in a terminal that uses UTF-8."
        )
    wrapped = f"(?m:{folded})"
    try:
        find = _compile_re2(wrapped)
    except ImportError:
        find = _compile_linear(wrapped)
    if next(find(""), None) is not None:
        raise UsageError(
            "This regular expression matches the empty string, so it matches every text: make it "
            "require at least one character."
        )
    return find


def _compile_re2(pattern: str) -> FindMatches:
    """Compile with RE2; raises :class:`ImportError` if it is not installed."""
    import re2  # type: ignore[import-untyped]  # most queries don't need it

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as exc:
        message = exc.args[0] if exc.args else ""
        reason = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
        raise _invalid_regex(reason, pattern) from exc
    return lambda text: (found.span() for found in compiled.finditer(text))


def _compile_linear(pattern: str) -> FindMatches:
    from newsgrep.query.regex_automaton import LinearRegex
    from newsgrep.query.regex_syntax import InvalidRegex

    try:
        return LinearRegex(pattern).finditer
    except InvalidRegex as exc:
        raise _invalid_regex(str(exc), pattern) from exc


def _invalid_regex(reason: str, wrapped: str) -> UsageError:
    """Return the error about a pattern; it quotes the pattern as it was before it was wrapped."""
    return UsageError(
        "Invalid regular expression ({reason}): fix it, or put a backslash before literal "
        "characters. Lookarounds and references to groups are not supported.",
        reason=reason.replace(wrapped, wrapped[len("(?m:") : -1]),
    )


_STDLIB_DIFFERENCES: Final = re.compile(
    r"(?P<class>\\[pP](?:\{[^}]*\}|.)|\[:\^?[a-z]+:\])|\\.|(?P<brace>\{,)", re.DOTALL
)
"""Classes that :mod:`re` does not know, and ``{,``, which is literal text in RE2."""


def parse_regex(folded: str) -> Any:
    """Return a folded pattern as the standard library's own parser reads it.

    That parser knows all of RE2's language that matters to a prefilter. The result for a pattern
    that it cannot read is empty.
    """

    def convert(match: re.Match[str]) -> str:
        if match["class"]:
            return r"\w"
        return r"\{," if match["brace"] else match[0]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about brackets inside brackets
            return re._parser.parse(  # type: ignore[attr-defined]  # noqa: SLF001
                _STDLIB_DIFFERENCES.sub(convert, folded)
            )
    except (re.error, OverflowError, RecursionError):
        return ()
