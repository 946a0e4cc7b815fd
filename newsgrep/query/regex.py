"""Regular expressions: folded like the texts they look through, and what they can't do without.

They are RE2's, whose time grows with the text and never with its square, so there are no
lookarounds and no references to groups.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from newsgrep.errors import UsageError
from newsgrep.query.tree import Field, Regex
from newsgrep.text.characters import Kind, runs
from newsgrep.text.fold import fold

_SPECIAL: Final = frozenset(r"\.^$*+?{}[]()|-")
_KEPT: Final = re.compile(
    r"\\(?:[pPx]\{[^}]*\}|[pP].|Q.*?(?:\\E|$)|.)|\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]", re.DOTALL
)
"""What of a pattern means something else in other letters: escapes, names, flags."""


_CLASS: Final = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\[:\^?[a-z]+:\]")
_WORD: Final = r"\p{L}\p{N}\p{M}_"
_WIDER: Final = {
    False: {r"\w": f"[{_WORD}]", r"\W": f"[^{_WORD}]"},
    True: {r"\w": _WORD},
}
"""Of RE2's, which know the letters of English only; what stands in brackets has none around it."""


def regex(pattern: str, field: Field = Field.TEXT, *, scan: bool = False) -> Regex:
    """Return the node for ``pattern``; raises :class:`UsageError` for one that makes no sense."""
    folded = fold_pattern(pattern)
    compiled(folded)
    return Regex(folded, tuple(_needs(folded)), field, scan)


def fold_pattern(pattern: str) -> str:
    """Return ``pattern`` with what it looks for folded, and its escapes as they are."""
    parts: list[str] = []
    at = 0
    in_class = False
    while at < len(pattern):
        if kept := _KEPT.match(pattern, at):
            parts.append(_WIDER[in_class].get(kept[0], kept[0]))
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
        is_made_special = narrow != character and narrow in _SPECIAL
        parts.append(f"\\{narrow}" if is_made_special else narrow)
        at += 1
    return "".join(parts)


@lru_cache(maxsize=64)
def compiled(folded: str) -> Any:
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
    for match in compiled(pattern).finditer(folded, start):
        first, last = match.span()
        if first < last:
            yield first, last


def parsed(folded: str) -> Any:
    """Return a folded pattern as the standard library's own parser reads it.

    It knows all of RE2's language that matters here. What it can't read has nothing in it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of brackets in brackets
            return re._parser.parse(_CLASS.sub(r"\\w", folded))  # type: ignore[attr-defined]  # noqa: SLF001
    except (re.error, OverflowError, RecursionError):
        return ()


def _needs(folded: str) -> Iterator[tuple[str, ...]]:
    """Yield groups of texts of which every match holds one: what comes before and behind them."""
    for group in _groups(parsed(folded)):
        usable = [text for text in group if _is_usable(text)]
        if len(usable) == len(group):
            yield tuple(dict.fromkeys(usable))


def _is_usable(text: str) -> bool:
    """Return whether a text can be looked up: a word at its edge may go on beyond it."""
    return any(kind in {Kind.HAN, Kind.SOLO} for kind, _, _ in runs(text))


def _groups(tree: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, ...]]:
    run = ""
    for code, value in tree:
        match str(code):
            case "LITERAL":
                run += chr(value)
                continue
            case "IN" if all(str(kind) == "LITERAL" for kind, _ in value):
                inner = [tuple(chr(each) for _, each in value)]
            case "SUBPATTERN":
                inner = list(_groups(value[-1]))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                inner = list(_groups(value[2])) if value[0] > 0 else []
            case "BRANCH":
                inner = _of_branches(value[1])
            case _:
                inner = []
        if run:
            yield (run,)
            run = ""
        yield from inner
    if run:
        yield (run,)


def _of_branches(branches: Iterable[Any]) -> list[tuple[str, ...]]:
    """Return one group with a text of every branch, the longest, where each has one."""
    chosen: list[str] = []
    for branch in branches:
        groups = [group for group in _groups(branch) if all(map(_is_usable, group))]
        if not groups:
            return []
        chosen += max(groups, key=lambda group: min(map(len, group)))
    return [tuple(chosen)]
