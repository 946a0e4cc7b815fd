"""Regular expressions in linear time: RE2's algorithm, for where ``google-re2`` is not installed.

A tree of :mod:`newsgrep.query.regex_syntax` becomes a program of instructions, and that a machine
whose states are made while it reads a text: each is an ordered list of instructions, so that of all
matches it finds the one that backtracking would find first, without going back. A second machine
for the reversed tree reads backwards from the end of a match to its start.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from newsgrep.query.regex_syntax import (
    Alternatives,
    Characters,
    InvalidRegex,
    Node,
    Position,
    Ranges,
    Repeat,
    Sequence,
    parse,
)

MAX_INSTRUCTIONS: Final = 5000
"""Instructions of a program. Each character may take as many steps, so it limits the time."""

_MAX_CACHED: Final = 200_000
"""Transitions that a machine keeps, each about 100 bytes."""

_MAX_CODE: Final = 0x10FFFF
_EDGE, _NEWLINE, _WORD, _OTHER = range(4)
"""Kinds of the characters beside a position: the edge of the text, and three for characters."""

_WORD_RANGES: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))
_HOLDS: Final[dict[str, frozenset[tuple[int, int]]]] = {
    "^": frozenset((a, b) for a in (_EDGE, _NEWLINE) for b in range(4)),
    "$": frozenset((a, b) for a in range(4) for b in (_EDGE, _NEWLINE)),
    "A": frozenset((_EDGE, b) for b in range(4)),
    "z": frozenset((a, _EDGE) for a in range(4)),
    "b": frozenset((a, b) for a in range(4) for b in range(4) if (a == _WORD) != (b == _WORD)),
    "B": frozenset((a, b) for a in range(4) for b in range(4) if (a == _WORD) == (b == _WORD)),
}
"""Kinds before and after a position where an assertion is true."""

_MIRRORED: Final = {"^": "$", "$": "^", "A": "z", "z": "A", "b": "b", "B": "B"}


class _Take(NamedTuple):
    """Reads a character of some classes, and continues at ``then``."""

    ranges: Ranges
    then: int


class _Split(NamedTuple):
    """Continues at each of two places; the first is preferred."""

    first: int
    second: int


class _Assert(NamedTuple):
    """Continues at ``then`` where an assertion is true."""

    holds: frozenset[tuple[int, int]]
    then: int


_Instruction = _Take | _Split | _Assert | None
"""``None`` is the end of a match."""


class _Program:
    """Instructions, in the order in which they were added: what continues elsewhere comes later."""

    def __init__(self, tree: Node, *, backwards: bool) -> None:
        self.code: list[_Instruction] = [None]
        self._backwards = backwards
        self.start = self._add(tree, 0)

    def _emit(self, instruction: _Instruction) -> int:
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise InvalidRegex(
                f"it has more than {MAX_INSTRUCTIONS:,} parts; with newsgrep[fast] it may have more"
            )
        self.code.append(instruction)
        return len(self.code) - 1

    def _add(self, node: Node, then: int) -> int:
        """Add the instructions of ``node``, and return where they begin."""
        match node:
            case Characters(ranges):
                return self._emit(_Take(ranges, then))
            case Position(kind):
                kind = _MIRRORED[kind] if self._backwards else kind
                return self._emit(_Assert(_HOLDS[kind], then))
            case Sequence(parts):
                for part in parts if self._backwards else reversed(parts):
                    then = self._add(part, then)
                return then
            case Alternatives(parts):
                starts = [self._add(part, then) for part in parts]
                at = starts.pop()
                for start in reversed(starts):
                    at = self._emit(_Split(start, at))
                return at
        return self._add_repeat(node, then)

    def _add_repeat(self, node: Repeat, then: int) -> int:
        part, least, most, greedy = node
        if most < 0:
            if least:  # x{2,} is xx+, whose end goes back to the last x
                loop = self._emit(None)
                start = self._add(part, loop)
                self.code[loop] = _choice(start, then, greedy=greedy)
                least -= 1
            elif _may_be_empty(part):  # x* is (x+)?, which keeps the order of preference
                return self._add(Repeat(Repeat(part, 1, -1, greedy), 0, 1, greedy), then)
            else:
                start = loop = self._emit(None)
                self.code[loop] = _choice(self._add(part, loop), then, greedy=greedy)
            then = start
        else:
            after = then
            for _ in range(most - least):  # x{0,2} is (x(x)?)?
                then = self._emit(_choice(self._add(part, then), after, greedy=greedy))
        for _ in range(least):
            then = self._add(part, then)
        return then


def _may_be_empty(node: Node) -> bool:
    match node:
        case Characters():
            return False
        case Position():
            return True
        case Sequence(parts):
            return all(map(_may_be_empty, parts))
        case Alternatives(parts):
            return any(map(_may_be_empty, parts))
    return node.least == 0 or _may_be_empty(node.part)


def _choice(first: int, second: int, *, greedy: bool) -> _Split:
    return _Split(first, second) if greedy else _Split(second, first)


class _State(dict[str, "_State"]):
    """The state after each next character, ``""`` for the end of the text; made on demand."""

    __slots__ = ("by_class", "instructions", "is_idle", "kind", "machine", "matched")

    def __init__(
        self, machine: _Machine, instructions: tuple[int, ...], kind: int, matched: bool
    ) -> None:
        super().__init__()
        self.machine = machine
        self.instructions = instructions
        self.kind = kind
        self.matched = matched
        """Whether a match ends before the last character."""
        self.is_idle = instructions in ((), machine.first_instructions)
        """Whether no match that has begun can go on."""
        self.by_class: dict[int, _State] = {}

    def __missing__(self, character: str) -> _State:
        following = self[character] = self.machine.after(self, character)
        return following


class _Machine:
    """Reads characters, and keeps the states that it has been in.

    ``longest`` makes all matches equal; otherwise those that are preferred exclude others.
    """

    def __init__(self, program: _Program, *, longest: bool, anywhere: bool) -> None:
        self._code = list(program.code)
        self._longest = longest
        start = program.start
        if anywhere:
            again = len(self._code)
            self._code += [_Split(program.start, again + 1), _Take(((0, _MAX_CODE),), again)]
            start = again
        self.first_instructions = (start,)
        self._asserts = any(isinstance(each, _Assert) for each in self._code)
        takes = [each.ranges for each in self._code if isinstance(each, _Take)]
        if self._asserts:
            takes += [_WORD_RANGES, ((10, 10),)]
        edges = {edge for ranges in takes for low, high in ranges for edge in (low, high + 1)}
        self._edges = sorted(edges)
        self._states: dict[tuple[tuple[int, ...], int, bool], _State] = {}
        self._cached = 0

    def start(self, before: str) -> _State:
        """Return the state at the beginning, after the character ``before`` or none."""
        return self._state(self.first_instructions, self._kind(before), matched=False)

    def after(self, state: _State, character: str) -> _State:
        """Return the state after ``character``, or after the end of the text for ``""``."""
        self._cached += 1
        if self._cached > _MAX_CACHED:
            for each in self._states.values():
                each.clear()
                each.by_class.clear()
            self._states.clear()
            self._cached = 0
        number = bisect_right(self._edges, ord(character)) if character else -1
        following = state.by_class.get(number)
        if following is None:
            following = state.by_class[number] = self._step(state, character)
        return following

    def _kind(self, character: str) -> int:
        if not self._asserts or not character:
            return _EDGE
        if character == "\n":
            return _NEWLINE
        is_word = character.isascii() and (character.isalnum() or character == "_")
        return _WORD if is_word else _OTHER

    def _state(self, instructions: tuple[int, ...], kind: int, *, matched: bool) -> _State:
        key = instructions, kind, matched
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State(self, instructions, kind, matched)
        return state

    def _step(self, state: _State, character: str) -> _State:
        code, ord_of = self._code, ord(character) if character else -1
        kind = self._kind(character)
        beside = state.kind, kind
        following: dict[int, None] = {}
        matched = False
        seen: set[int] = set()
        for first in state.instructions:
            pending = [first]
            while pending:
                at = pending.pop()
                if at in seen:
                    continue
                seen.add(at)
                match code[at]:
                    case _Take(ranges, then):
                        if ord_of >= 0 and _contains(ranges, ord_of):
                            following[then] = None
                    case _Split(preferred, other):
                        pending += (other, preferred)
                    case _Assert(holds, then):
                        if beside in holds:
                            pending.append(then)
                    case None:
                        matched = True
                        if not self._longest:
                            return self._state(tuple(following), kind, matched=True)
        return self._state(tuple(following), kind, matched=matched)


def _contains(ranges: Ranges, code: int) -> bool:
    at = bisect_right(ranges, (code, _MAX_CODE)) - 1
    return at >= 0 and code <= ranges[at][1]


class LinearRegex:
    """A compiled regular expression; a match takes time in proportion to the text."""

    def __init__(self, pattern: str) -> None:
        """Compile ``pattern``; raises :class:`~newsgrep.query.regex_syntax.InvalidRegex`."""
        tree = parse(pattern)
        forward = _Program(tree, backwards=False)
        self._forward = _Machine(forward, longest=False, anywhere=True)
        self._backward = _Machine(_Program(tree, backwards=True), longest=True, anywhere=False)
        self._first = _first_characters(forward)

    def finditer(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where each match starts and ends, as RE2 finds one after the other.

        >>> list(LinearRegex("水+|a*").finditer("b水水"))
        [(0, 0), (1, 3), (3, 3)]
        """
        at = 0
        while (end := self._end(text, at)) >= 0:
            start = self._start(text, at, end)
            yield start, end
            if at == len(text):
                return
            at = end if end > at else at + 1

    def _end(self, text: str, start: int) -> int:
        """Return where the first match from ``start`` on ends, -1 if there is none."""
        if self._first is not None:
            found = self._first.search(text, start)
            if found is None:
                return -1
            start = found.start()
        state = self._forward.start(text[start - 1 : start] if start else "")
        end, at, size = -1, start, len(text)
        while at < size:
            state = state[text[at]]
            if state.matched:
                end = at
            at += 1
            if state.is_idle:
                if not state.instructions:
                    return end
                if self._first is not None:  # go to where the next match may start
                    if (found := self._first.search(text, at)) is None:
                        return end
                    if found.start() > at:
                        at = found.start()
                        state = self._forward.start(text[at - 1])
        return size if state[""].matched else end

    def _start(self, text: str, first: int, end: int) -> int:
        """Return where the match that ends at ``end`` starts, not before ``first``."""
        state = self._backward.start(text[end : end + 1])
        start = end
        for at in range(end, first, -1):
            state = state[text[at - 1]]
            if state.matched:
                start = at
            if not state.instructions:
                return start
        return first if state[text[first - 1] if first else ""].matched else start


def _first_characters(program: _Program) -> re.Pattern[str] | None:
    """Return the pattern of what matches can begin with, ``None`` if one may be empty."""
    ranges: list[tuple[int, int]] = []
    pending, seen = [program.start], set[int]()
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        match program.code[at]:
            case _Take(taken, _):
                ranges += taken
            case _Split(first, second):
                pending += (first, second)
            case _Assert(_, then):
                pending.append(then)
            case None:
                return None
    listed = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in sorted(set(ranges)))
    return re.compile(f"[{listed}]") if listed else re.compile(r"(?!)")
