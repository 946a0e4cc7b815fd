r"""The syntax of RE2: a pattern becomes a tree.

This is what :mod:`newsgrep.query.regex_automaton` matches where the package ``google-re2`` is not
installed. Patterns mean the same in both; tests compare them. Groups are not captured. Of scripts,
``\p{...}`` knows those in :data:`_SCRIPTS`, and ``\C`` is not supported.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Final, NamedTuple

Ranges = tuple[tuple[int, int], ...]
"""Code points, as sorted ranges that include both ends."""

MAX_REPEAT: Final = 1000
"""How often an expression may be repeated by numbers, nested ones multiplied."""

_MAX_DEPTH: Final = 200
_MAX_CODE: Final = sys.maxunicode


class InvalidRegex(ValueError):
    """A pattern that RE2 rejects, or that is too large for this implementation."""


class Characters(NamedTuple):
    """One character out of ``ranges``."""

    ranges: Ranges


class Sequence(NamedTuple):
    """All parts, one after the other."""

    parts: tuple[Node, ...]


class Alternatives(NamedTuple):
    """One of the parts; an earlier one is preferred."""

    parts: tuple[Node, ...]


class Repeat(NamedTuple):
    """``least`` to ``most`` times ``part``; ``most`` is -1 for any number."""

    part: Node
    least: int
    most: int
    greedy: bool


class Position(NamedTuple):
    """An empty string at a position: ``^``, ``$``, ``A``, ``z``, ``b`` or ``B``."""

    kind: str


Node = Characters | Sequence | Alternatives | Repeat | Position

EMPTY: Final = Sequence(())

_ANY: Final[Ranges] = ((0, _MAX_CODE),)
_NOT_NEWLINE: Final[Ranges] = ((0, 9), (11, _MAX_CODE))
_PERL: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "s": ((9, 10), (12, 13), (32, 32)),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
}
_POSIX: Final[dict[str, Ranges]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": ((48, 57),),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _PERL["w"],
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_ESCAPES: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_SCRIPTS: Final = {
    "Bopomofo": "2ea-2eb 3105-312f 31a0-31bf",
    "Cyrillic": (
        "400-484 487-52f 1c80-1c88 1d2b 1d78 2de0-2dff a640-a69f fe2e-fe2f 1e030-1e06d 1e08f"
    ),
    "Greek": (
        "370-373 375-377 37a-37d 37f 384 386 388-38a 38c 38e-3a1 3a3-3e1 3f0-3ff "
        "1d26-1d2a 1d5d-1d61 1d66-1d6a 1dbf 1f00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d "
        "1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fc4 1fc6-1fd3 1fd6-1fdb "
        "1fdd-1fef 1ff2-1ff4 1ff6-1ffe 2126 ab65 10140-1018e 101a0 1d200-1d245"
    ),
    "Han": (
        "2e80-2e99 2e9b-2ef3 2f00-2fd5 3005 3007 3021-3029 3038-303b 3400-4dbf 4e00-9fff "
        "f900-fa6d fa70-fad9 16fe2-16fe3 16ff0-16ff1 20000-2a6df 2a700-2b739 2b740-2b81d "
        "2b820-2cea1 2ceb0-2ebe0 2ebf0-2ee5d 2f800-2fa1d 30000-3134a 31350-323af"
    ),
    "Hangul": (
        "1100-11ff 302e-302f 3131-318e 3200-321e 3260-327e a960-a97c ac00-d7a3 d7b0-d7c6 "
        "d7cb-d7fb ffa0-ffbe ffc2-ffc7 ffca-ffcf ffd2-ffd7 ffda-ffdc"
    ),
    "Hiragana": "3041-3096 309d-309f 1b001-1b11f 1b132 1b150-1b152 1f200",
    "Katakana": (
        "30a1-30fa 30fd-30ff 31f0-31ff 32d0-32fe 3300-3357 ff66-ff6f ff71-ff9d "
        "1aff0-1aff3 1aff5-1affb 1affd-1affe 1b000 1b120-1b122 1b155 1b164-1b167"
    ),
    "Latin": (
        "41-5a 61-7a aa ba c0-d6 d8-f6 f8-2b8 2e0-2e4 1d00-1d25 1d2c-1d5c 1d62-1d65 "
        "1d6b-1d77 1d79-1dbe 1e00-1eff 2071 207f 2090-209c 212a-212b 2132 214e 2160-2188 "
        "2c60-2c7f a722-a787 a78b-a7ca a7d0-a7d1 a7d3 a7d5-a7d9 a7f2-a7ff ab30-ab5a "
        "ab5c-ab64 ab66-ab69 fb00-fb06 ff21-ff3a ff41-ff5a 10780-10785 10787-107b0 "
        "107b2-107ba 1df00-1df1e 1df25-1df2a"
    ),
}
"""Code points of scripts in hexadecimal, as in Unicode 15."""

_CATEGORY: Final = re.compile("L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfos]?")
_ASSIGNED: Final = (range(0x40000), range(0xE0000, 0xE1000))
"""Code points among which all are that have a category, but for those of private use."""

_PRIVATE: Final[Ranges] = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))

_REPETITION: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_GROUP_NAME: Final = re.compile(r"P?<([^>]*)>")
_FLAGS: Final = re.compile(r"([imsU]*)(?:-([imsU]+))?([:)])")


class _Flags(NamedTuple):
    ignore_case: bool = False
    lines: bool = False
    dot_all: bool = False
    ungreedy: bool = False


def parse(pattern: str) -> Node:
    """Return the tree of a pattern in RE2's syntax; raises :class:`InvalidRegex`.

    >>> parse("水|[0-9]")
    Alternatives(parts=(Characters(ranges=((27700, 27700),)), Characters(ranges=((48, 57),))))
    """
    parser = _Parser(pattern)
    tree, _ = parser.alternatives(_Flags(), 0)
    if parser.at < len(pattern):
        raise InvalidRegex(f"unexpected ): {pattern}")
    _check_repeats(tree, MAX_REPEAT)
    return tree


def _check_repeats(tree: Node, left: int) -> None:
    match tree:
        case Repeat(part, least, most, _):
            times = max(least, most)
            if times >= 2:
                left //= times
            if left == 0:
                raise InvalidRegex(f"bad repetition operator: more than {MAX_REPEAT} repetitions")
            _check_repeats(part, left)
        case Sequence(parts) | Alternatives(parts):
            for part in parts:
                _check_repeats(part, left)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def _peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        self.at += len(text) * found
        return found

    def alternatives(self, flags: _Flags, depth: int) -> tuple[Node, _Flags]:
        """Read up to the end of a group; ``flags`` may change until there."""
        if depth > _MAX_DEPTH:
            raise InvalidRegex("expression nests too deeply")
        branches: list[Node] = []
        parts: list[Node] = []
        while self.at < len(self.pattern) and not self._peek(")"):
            if self._take("|"):
                branches.append(_sequence(parts))
                parts = []
            elif self._take(r"\Q"):
                quoted, _, _ = self.pattern[self.at :].partition(r"\E")
                self.at = min(self.at + len(quoted) + 2, len(self.pattern))
                literals = [_literal(ord(c), flags) for c in quoted]
                # A repetition after the end belongs to the last character.
                parts += literals[:-1]
                if literals:
                    parts.append(self._repeated(literals[-1], flags))
            elif (found := self._flags_only(flags)) is not None:
                flags = found
                if parts:  # a repetition here belongs to what comes before
                    parts[-1] = self._repeated(parts[-1], flags)
            else:
                parts.append(self._repeated(self._atom(flags, depth), flags))
        branches.append(_sequence(parts))
        return (branches[0] if len(branches) == 1 else Alternatives(tuple(branches))), flags

    def _flags_only(self, flags: _Flags) -> _Flags | None:
        """Read ``(?i)`` and the like, and return the flags that hold from there on."""
        if not self._peek("(?") or self._peek("(?P") or self._peek("(?<"):
            return None
        found = _FLAGS.match(self.pattern, self.at + 2)
        if found is None:
            raise InvalidRegex(f"invalid or unsupported Perl syntax: {self.pattern[self.at :][:4]}")
        if found[3] == ":":
            return None
        self.at = found.end()
        return _changed(flags, found)

    def _atom(self, flags: _Flags, depth: int) -> Node:
        character = self.pattern[self.at]
        if character == "(":
            return self._group(flags, depth)
        if character == "[":
            return self._bracket(flags)
        if character == "\\":
            return self._escape(flags)
        if character in "*+?" or (character == "{" and _REPETITION.match(self.pattern, self.at)):
            raise InvalidRegex(f"no argument for repetition operator: {character}")
        self.at += 1
        match character:
            case ".":
                return Characters(_ANY if flags.dot_all else _NOT_NEWLINE)
            case "^":
                return Position("^" if flags.lines else "A")
            case "$":
                return Position("$" if flags.lines else "z")
        return _literal(ord(character), flags)

    def _group(self, flags: _Flags, depth: int) -> Node:
        start = self.at
        self.at += 1
        if self._take("?"):
            if named := _GROUP_NAME.match(self.pattern, self.at):
                if not re.fullmatch(r"\w+", named[1]):
                    raise InvalidRegex(f"invalid named capture group: (?{named[0]}")
                self.at = named.end()
            elif found := _FLAGS.match(self.pattern, self.at):
                flags = _changed(flags, found)
                self.at = found.end()
            else:
                raise InvalidRegex(
                    f"invalid or unsupported Perl syntax: {self.pattern[start : self.at + 1]}"
                )
        inner, _ = self.alternatives(flags, depth + 1)
        if not self._take(")"):
            raise InvalidRegex(f"missing ): {self.pattern}")
        return inner

    def _repeated(self, node: Node, flags: _Flags) -> Node:
        """Return ``node`` with the repetition that follows it, if one does."""
        repeated = False
        while self.at < len(self.pattern):
            start, character = self.at, self.pattern[self.at]
            if character in "*+?":
                least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[character]
                self.at += 1
            elif character == "{" and (found := _REPETITION.match(self.pattern, self.at)):
                if max(len(found[1]), len(found[3] or "")) > 5:
                    raise InvalidRegex(f"invalid repetition size: {found[0]}")
                least = int(found[1])
                most = int(found[3]) if found[3] else -1 if found[2] else least
                if least > MAX_REPEAT or most > MAX_REPEAT or -1 < most < least:
                    raise InvalidRegex(f"invalid repetition size: {found[0]}")
                self.at = found.end()
            else:
                break
            greedy = self._take("?") == flags.ungreedy
            if repeated:
                raise InvalidRegex(f"bad repetition operator: {self.pattern[start - 1 : self.at]}")
            node, repeated = Repeat(node, least, most, greedy), True
        return node

    def _escape(self, flags: _Flags) -> Node:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter in ("A", "z", "b", "B") and letter:
            self.at += 2
            return Position(letter)
        if found := self._class_escape(flags):
            return Characters(found)
        return _literal(self._escaped_code(), flags)

    def _class_escape(self, flags: _Flags) -> Ranges:
        r"""Read ``\d``, ``\p{Han}`` and the like; return nothing for another escape."""
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter.lower() in _PERL and letter:
            self.at += 2
            ranges = _PERL[letter.lower()]
            return negated(ranges) if letter.isupper() else ranges
        if letter not in ("p", "P"):
            return ()
        found = re.compile(r"\\[pP](?:\{([^}]*)\}|([^{]))").match(self.pattern, self.at)
        if found is None:
            raise InvalidRegex(f"invalid character class range: {self.pattern[self.at :]}")
        self.at = found.end()
        name = found[1] if found[2] is None else found[2]
        ranges = property_ranges(name.removeprefix("^"))
        if flags.ignore_case:
            ranges = folded_ranges(ranges)
        return negated(ranges) if (letter == "P") != name.startswith("^") else ranges

    def _escaped_code(self) -> int:
        """Read an escape of one character and return its code point."""
        rest = self.pattern[self.at + 1 :]
        if not rest:
            raise InvalidRegex("trailing \\ at end of regular expression")
        if found := re.match(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})", rest):
            code = int(found[1] or found[2], 16)
        elif found := re.match(r"0[0-7]{0,2}|[1-7][0-7]{1,2}", rest):
            code = int(found[0], 8)
        elif (letter := rest[0]) in _ESCAPES:
            self.at += 2
            return _ESCAPES[letter]
        elif letter < "\x80" and not letter.isalnum() and letter != "_":
            self.at += 2
            return ord(letter)
        else:
            raise InvalidRegex(f"invalid escape sequence: \\{letter}")
        if code > _MAX_CODE:
            raise InvalidRegex(f"invalid escape sequence: \\{found[0]}")
        self.at += 1 + found.end()
        return code

    def _bracket(self, flags: _Flags) -> Node:
        start = self.at
        self.at += 1
        negate = self._take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._peek("]"):
            if self.at >= len(self.pattern):
                raise InvalidRegex(f"missing ]: {self.pattern[start:]}")
            first = False
            if found := re.compile(r"\[:(\^?)(\w*):\]").match(self.pattern, self.at):
                if found[2] not in _POSIX:
                    raise InvalidRegex(f"invalid character class range: {found[0]}")
                self.at = found.end()
                posix = _POSIX[found[2]]
                ranges += negated(posix) if found[1] else posix
            elif self._peek("\\") and (escaped := self._class_escape(flags)):
                ranges += escaped
            else:
                ranges.append(self._range())
        self.at += 1
        merged = _merged(ranges)
        if flags.ignore_case:
            merged = folded_ranges(merged)
        return Characters(negated(merged) if negate else merged)

    def _range(self) -> tuple[int, int]:
        start = self.at
        low = high = self._class_character()
        if self._peek("-") and self.at + 1 < len(self.pattern) and not self._peek("-]"):
            self.at += 1
            high = self._class_character()
            if high < low:
                raise InvalidRegex(
                    f"invalid character class range: {self.pattern[start : self.at]}"
                )
        return low, high

    def _class_character(self) -> int:
        if self.at >= len(self.pattern):
            raise InvalidRegex(f"missing ]: {self.pattern}")
        if self._peek("\\"):
            return self._escaped_code()
        self.at += 1
        return ord(self.pattern[self.at - 1])


def _changed(flags: _Flags, found: re.Match[str]) -> _Flags:
    names = dict(zip("imsU", _Flags._fields, strict=True))
    on = {names[letter]: True for letter in found[1]}
    return flags._replace(**on, **{names[letter]: False for letter in found[2] or ""})


def _sequence(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _literal(code: int, flags: _Flags) -> Characters:
    ranges = ((code, code),)
    return Characters(folded_ranges(ranges) if flags.ignore_case else ranges)


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def negated(ranges: Ranges) -> Ranges:
    """Return all other code points."""
    outside, start = [], 0
    for low, high in (*ranges, (_MAX_CODE + 1, 0)):
        if start < low:
            outside.append((start, low - 1))
        start = high + 1
    return tuple(outside)


@cache
def _case_orbits() -> tuple[list[int], dict[int, tuple[int, ...]]]:
    """Return the code points that have another case, sorted, and all cases of each."""
    groups: dict[str, set[int]] = {}
    for code in range(0x1E944):
        if code in (0x130, 0x131):  # the i of Turkish is not another case of i
            continue
        character = chr(code)
        for other in (character.lower(), character.upper(), character.casefold()):
            if other != character and len(other) == 1:
                root = min(other.casefold(), other, key=len)
                groups.setdefault(root, {ord(other)}).add(code)
    orbits: dict[int, tuple[int, ...]] = {}
    for group in groups.values():
        everyone = group.union(*(orbits.get(code, ()) for code in group))
        for code in everyone:
            orbits[code] = tuple(everyone)
    return sorted(orbits), orbits


def folded_ranges(ranges: Ranges) -> Ranges:
    """Return code points and those that differ from them in case only."""
    codes, orbits = _case_orbits()
    others = [
        (other, other)
        for low, high in ranges
        for code in codes[bisect_right(codes, low - 1) : bisect_right(codes, high)]
        for other in orbits[code]
    ]
    return _merged((*ranges, *others))


@cache
def property_ranges(name: str) -> Ranges:
    """Return the code points of a category or script; raises :class:`InvalidRegex`.

    >>> property_ranges("Zl")
    ((8232, 8232),)
    """
    if name == "Any":
        return _ANY
    if script := _SCRIPTS.get(name):
        ends = (each.partition("-") for each in script.split(" "))
        return tuple((int(low, 16), int(high or low, 16)) for low, _, high in ends)
    if not _CATEGORY.fullmatch(name):
        raise InvalidRegex(f"invalid character class range: \\p{{{name}}}")
    return _merged(
        each
        for known, ranges in _category_ranges().items()
        if known.startswith(name)
        for each in ranges
    )


@cache
def _category_ranges() -> dict[str, Ranges]:
    """Return the code points of each category. What is not assigned is in none."""
    from unicodedata import category

    found: dict[str, list[tuple[int, int]]] = {}
    for codes in _ASSIGNED:
        at = codes.start
        for name, group in groupby(map(category, map(chr, codes))):
            end = at + sum(1 for _ in group)
            found.setdefault(name, []).append((at, end - 1))
            at = end
    del found["Cn"]
    found["Co"] += _PRIVATE
    return {name: _merged(ranges) for name, ranges in found.items()}
