"""What a text must contain to match a pattern, so that few texts have to be read.

A :data:`Requirement` is a condition that every matching text meets: a literal, two characters
with a small gap between them, or several of these joined by *and* and *or*. The same idea
narrows down regular expressions in Google Code Search and in ripgrep's index. An engine turns
the requirement into postings or clauses; the stored texts of the candidates that are left decide
(:mod:`newsgrep.query.match`). An engine may ignore any part of it: that costs time, no matches.

Example: ``/(美国|日本).{0,3}总统/`` requires
``And((Or((Literal("美国"), Literal("日本"))), Literal("总统")))``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from newsgrep.analysis.characters import SOLO_KINDS, kind_of
from newsgrep.analysis.segment import inner_terms, query_terms, trim_open_words
from newsgrep.models import Value
from newsgrep.query import ast
from newsgrep.query.patterns import parse_regex
from newsgrep.query.verify import TermDictionary, matching_words

MAX_GAP: Final = 100
"""Characters of a gap; a longer one hardly narrows anything down."""

_MAX_GAPS: Final = 8
"""Gaps of one requirement that are used: the first ones narrow it down enough."""

_IGNORE_CASE: Final = re.compile(r"\(\?[A-Za-z]*i")


class Literal(Value):
    """The text contains this folded string (:func:`newsgrep.query.match.contains_literal`)."""

    text: str

    def terms(self) -> tuple[str, ...]:
        """Return the terms that the string is cut into: every text that contains it has them."""
        return query_terms(self.text)

    def inner_terms(self) -> tuple[str, ...]:
        """Return other terms of every such text, the longest first, which the fewest texts have.

        Finding them takes longer, so they are for where many candidates are left.
        """
        return inner_terms(self.text) if len(self.terms()) > 1 else ()


class CharGap(Value):
    """``second`` follows ``first`` with at most ``max_gap`` other characters in between.

    Both are Han characters or others that are terms by themselves, so that an engine with
    positions can look for them; a gap has never more tokens than characters.
    """

    first: str
    second: str
    max_gap: int


class And(Value):
    """All parts are met. Without parts, every text meets it."""

    parts: tuple[Requirement, ...]


class Or(Value):
    """At least one part is met. Without parts, no text meets it."""

    parts: tuple[Requirement, ...]


Requirement = Literal | CharGap | And | Or

ALWAYS: Final = And(())
"""Nothing is required: every text has to be read."""


def all_of(parts: Iterable[Requirement]) -> Requirement:
    """Return the conjunction of ``parts``: flat, without duplicates, and with few gaps."""
    flat: dict[Requirement, None] = {}
    for part in parts:
        flat |= dict.fromkeys(part.parts if isinstance(part, And) else (part,))
    gaps = [part for part in flat if isinstance(part, CharGap)]
    for gap in gaps[_MAX_GAPS:]:
        del flat[gap]
    return next(iter(flat)) if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Iterable[Requirement]) -> Requirement:
    """Return the disjunction of ``parts``; one that is always met makes it so as well."""
    distinct = tuple(dict.fromkeys(parts))
    if ALWAYS in distinct:
        return ALWAYS
    return distinct[0] if len(distinct) == 1 else Or(distinct)


def requirement(pattern: ast.TextPattern, dictionary: TermDictionary | None) -> Requirement:
    """Return what every text that matches ``pattern`` contains.

    ``dictionary`` has the words of the index: patterns of one word and similar words require
    one of those that match. It is ``None`` if the words of the pattern's field are not listed.
    """
    words = matching_words(dictionary, pattern) if dictionary else None
    if words is not None:
        return any_of(map(Literal, words))
    match pattern:
        case ast.Phrase(literal):
            return Literal(literal)
        case ast.Wildcard(wildcard):
            return all_of(_in_sequence(_wildcard_steps(wildcard)))
        case ast.Regex(regex):
            return _regex_requirement(regex)
        case ast.Near(left, right):
            return all_of((requirement(left, dictionary), requirement(right, dictionary)))
        case _:  # a similar word, for which there are words
            return ALWAYS


def is_narrow(node: ast.Node) -> bool:
    """Return whether ``node`` can be answered without reading every article.

    Only regular expressions in which no Chinese character (or another one that is a term by
    itself) must occur can not.
    """
    match node:
        case ast.Regex(regex):
            return _has_solo(_regex_requirement(regex))
        case ast.Near(left, right):
            return is_narrow(left) or is_narrow(right)
        case ast.Or(children):
            return all(map(is_narrow, children))
        case ast.And(children):
            # What is excluded, and everything, narrows nothing; a regular expression is
            # evaluated after the others.
            others = [
                child
                for child in children
                if not isinstance(child, ast.Regex | ast.Not | ast.MatchAll)
            ]
            return any(map(is_narrow, others)) or all(map(is_narrow, children))
        case ast.Not(child):
            return is_narrow(child)
        case _:
            return True


def _has_solo(required: Requirement) -> bool:
    """Return whether every text that meets ``required`` has one of certain solo characters."""
    match required:
        case Literal(text):
            return any(kind_of(character) in SOLO_KINDS for character in text)
        case CharGap():
            return True
        case And(parts):
            return any(map(_has_solo, parts))
        case Or(parts):
            return all(map(_has_solo, parts))


_Step = str | int | None | Requirement
"""A character, at most so many arbitrary ones, any number of them, or what such a part requires."""


def _in_sequence(steps: Iterable[_Step]) -> Iterator[Requirement]:
    """Yield what is required of a text in which ``steps`` follow one another.

    Characters in a row are a literal. At a side where other steps follow, a word at its end may
    go on there and is left out. Solo characters on both sides of a part of known greatest width
    are a gap.
    """
    groups = [(is_text, list(each)) for is_text, each in groupby(steps, _is_character)]
    last, width = "", 0  # the last solo character, and how many others follow it at most
    for number, (is_text, group) in enumerate(groups):
        if is_text:
            text = "".join(map(str, group))
            literal = trim_open_words(
                text, open_before=number > 0, open_after=number < len(groups) - 1
            )
            if literal:
                yield Literal(literal)
            solo = [at for at, character in enumerate(text) if kind_of(character) in SOLO_KINDS]
            if solo and last and width + solo[0] <= MAX_GAP:
                yield CharGap(last, text[solo[0]], width + solo[0])
            if solo:
                last, width = text[solo[-1]], len(text) - 1 - solo[-1]
            else:
                width += len(text)
        for step in group:
            if isinstance(step, int):
                width += step
            elif step is None:
                last = ""
            elif not isinstance(step, str):
                yield step
        if width > MAX_GAP:
            last = ""


def _is_character(step: _Step) -> bool:
    return isinstance(step, str)


def _wildcard_steps(wildcard: str) -> Iterator[_Step]:
    special: dict[str, _Step] = {"*": None, "?": 1}
    return (special.get(character, character) for character in wildcard)


@lru_cache(maxsize=64)
def _regex_requirement(regex: str) -> Requirement:
    return _of_regex(parse_regex(regex), ignores_case=bool(_IGNORE_CASE.search(regex)))


def _of_regex(tree: Any, *, ignores_case: bool) -> Requirement:
    # A match may begin and end inside a word: a step without width on both sides leaves it open.
    return all_of(_in_sequence((0, *_regex_steps(tree, ignores_case), 0)))


def _regex_steps(tree: Any, ignores_case: bool) -> Iterator[_Step]:
    """Yield the steps of every match of a parsed regular expression."""
    for number, (code, value) in enumerate(tree):
        inner: Requirement = ALWAYS
        match str(code):
            case "LITERAL":
                character = chr(value)
                # Letters that are equal but for their case need not be folded to one.
                yield 1 if ignores_case and kind_of(character) not in SOLO_KINDS else character
                continue
            case "SUBPATTERN":
                yield from _regex_steps(value[-1], ignores_case)
                continue
            case "IN" if all(str(kind) == "LITERAL" for kind, _ in value):
                characters = [[each] for each in value]
                inner = any_of(_of_regex(each, ignores_case=ignores_case) for each in characters)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT" if value[0] > 0:
                inner = _of_regex(value[2], ignores_case=ignores_case)
            case "BRANCH":
                inner = any_of(_of_regex(each, ignores_case=ignores_case) for each in value[1])
            case _:
                pass
        if inner != ALWAYS:
            yield inner
        _, widest = tree[number : number + 1].getwidth()
        yield int(widest) if widest <= MAX_GAP else None
