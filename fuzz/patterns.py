"""Every regular expression of newsgrep, fed with strings that make bad ones slow.

Each pattern gets strings that match it, with a part of them repeated thousands of times and
the end spoilt, in the way that its module calls it. ``python -m fuzz.run patterns`` measures
how the time grows from one length to its double.
"""

from __future__ import annotations

import ast
import pkgutil
import random
import re
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import newsgrep
from newsgrep.extract.outlets import _line_pattern, load_outlets

_parser: Final[Any] = import_module("re._parser")
"""What ``re`` itself reads patterns with: it says what a pattern wants."""

LIMITS: Final = {
    "bylines._LABEL_BEHIND": 300, "bylines._ENGLISH_OTHERS": 300, "bylines._BRACKETED": 300,
    "bylines._LABEL_BEFORE": 300, "bylines._REPORT_FROM": 300, "bylines._ROLE_TAIL": 300,
    "bylines._SEPARATOR": 300, "bylines._LABEL": 300, "bylines._COUNTRY": 300,
    "bylines._HAN_NAMES": 300, "bylines._OUTLET_LIKE": 300, "bylines._BYLINE": 100,
    "dates._LONE": 100, "dates._LEFT_OVER": 100, "dates._NAMES": 100, "dates._RFC": 200,
    "dates._CLOCK": 60,
    "boilerplate._DROP": 80, "boilerplate._META": 80, "boilerplate._CREDIT": 80,
    "boilerplate._CAPTION": 80, "boilerplate._CHART": 80, "boilerplate._CONTENT": 40,
    "boilerplate._HIDING_STYLE": 2000,
    "clean._LEAD_IN": 41,
    "metadata._UPDATE_LABEL": 40, "metadata._PUBLISHED": 1000, "metadata._UPDATED": 1000,
    "metadata._AUTHOR_CLASS": 300,
    "text._HEADING": 200,
    "boilerplate._NOTICE": 240, "boilerplate._END_NOTE": 240, "boilerplate._PHOTO_CREDIT": 1000,
    "boilerplate._PHOTO_LINE": 400,
}  # fmt: skip
"""Characters of the longest string that a pattern is ever given, where its module sees to that."""

INDIRECT: Final = {
    "dom": ("match",), "boilerplate": ("fullmatch",), "source": ("fullmatch",),
    "dates": ("search", "finditer"), "characters": ("finditer",),
}  # fmt: skip
"""How a module calls patterns that it passes on or keeps in a table, by the module's name."""
METHODS: Final = ("fullmatch", "match", "search", "finditer")
_FINDING: Final = {"sub": "finditer", "findall": "finditer", "split": "finditer"}
_SPOILERS: Final = ("", "\x01", "x", "\n", "。")


class Known(NamedTuple):
    """A pattern of ours, by the name of its module and its own, and how it is called."""

    name: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]

    @property
    def limit(self) -> int | None:
        """Return how long its strings can be, if there is a limit."""
        return LIMITS.get(self.name)

    def runs(self) -> Iterator[Callable[[str], object]]:
        """Yield the ways in which it is called."""
        for method in self.methods:
            yield partial(_consumed, getattr(self.pattern, method))


def _consumed(call: Callable[[Any], Any], text: str) -> object:
    found = call(text)
    return sum(1 for _ in found) if hasattr(found, "__next__") else found


@cache
def all_patterns() -> tuple[Known, ...]:
    """Return every pattern that a module of newsgrep keeps, and those of the outlets' rules."""
    found: dict[re.Pattern[Any], Known] = {}
    for module_info in pkgutil.walk_packages(newsgrep.__path__, "newsgrep."):
        if module_info.name.endswith("__main__"):
            continue
        module = import_module(module_info.name)
        used = _methods_used(Path(module.__file__ or "").read_text("utf-8"))
        for name, value in vars(module).items():
            for pattern in _patterns_in(value):
                short = f"{module_info.name.rpartition('.')[2]}.{name}"
                methods = tuple(
                    sorted(used.get(name, INDIRECT.get(short.partition(".")[0], METHODS)))
                )
                if pattern not in found or name in used:
                    known = found.get(pattern)
                    methods = tuple(sorted({*methods, *(known.methods if known else ())}))
                    found[pattern] = Known(known.name if known else short, pattern, methods)
    for site in load_outlets().all:
        pattern_of_site = _line_pattern(site.drop_lines)
        if pattern_of_site is not None:
            found[pattern_of_site] = Known(f"outlets.{site.name}", pattern_of_site, ("fullmatch",))
    return tuple(known for known in found.values() if isinstance(known.pattern.pattern, str))


def _patterns_in(value: object) -> list[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return (
        [v for v in value if isinstance(v, re.Pattern)] if isinstance(value, tuple | list) else []
    )


def _methods_used(source: str) -> dict[str, set[str]]:
    """Return which methods a module calls on which of its names."""
    used: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            method = _FINDING.get(node.attr, node.attr)
            if method in METHODS:
                used.setdefault(node.value.id, set()).add(method)
    return used


def pumped(known: Known, number: int, size: int) -> Iterator[str]:
    """Yield ``number`` strings of about ``size`` characters, the same each time."""
    rng = random.Random(known.name)  # noqa: S311 - seeded, so that it can be repeated
    tree = _parser.parse(known.pattern.pattern, known.pattern.flags)
    size = min(size, known.limit or size)
    for _ in range(number):
        sample = _matching(tree, rng)[:40] or " "
        start = rng.randrange(len(sample))
        part = sample[start : start + rng.choice((1, 1, 2, 3, 8))]
        tail = rng.choice(("", sample[start + len(part) :])) + rng.choice(_SPOILERS)
        head = sample[:start]
        count = max((size - len(head) - len(tail)) // len(part), 1)
        yield (head + part * count + tail)[:size]


def _matching(tree: Any, rng: random.Random) -> str:
    """Return a string that nearly matches what the parser of ``re`` made of a pattern."""
    text = ""
    for operation, argument in tree:
        match str(operation):
            case "LITERAL":
                text += chr(argument)
            case "NOT_LITERAL":
                text += rng.choice([c for c in "a 1文，" if ord(c) != argument])
            case "ANY":
                text += rng.choice("a 1文，")
            case "IN":
                text += _one_of(argument, rng)
            case "BRANCH":
                text += _matching(rng.choice(argument[1]), rng)
            case "SUBPATTERN":
                text += _matching(argument[3], rng)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, repeated = argument
                for _ in range(rng.randint(int(least), min(int(most), int(least) + 3))):
                    text += _matching(repeated, rng)
            case "ATOMIC_GROUP":
                text += _matching(argument, rng)
    return text


_CATEGORIES: Final = {
    "CATEGORY_SPACE": " \n\u3000", "CATEGORY_DIGIT": "1²", "CATEGORY_WORD": "a_文",
    "CATEGORY_NOT_SPACE": "a文，", "CATEGORY_NOT_DIGIT": "a ", "CATEGORY_NOT_WORD": " ，",
}  # fmt: skip


def _one_of(choices: list[tuple[Any, Any]], rng: random.Random) -> str:
    if str(choices[0][0]) == "NEGATE":
        return rng.choice("a 1文，-/")
    operation, argument = rng.choice(choices)
    match str(operation):
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            return chr(rng.randint(*argument))
        case _:
            return rng.choice(_CATEGORIES.get(str(argument), "a"))


class Slow(NamedTuple):
    """A pattern whose time grows faster than its string: seconds for one length and its double."""

    name: str
    text: str
    once: float
    twice: float


def _seconds(run: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(2):
        start = time.perf_counter()
        run(text)
        times.append(time.perf_counter() - start)
    return min(times)


_SCREEN: Final = 4_000
_WORTH_A_LOOK: Final = 1e-6
"""Seconds for each character: what takes less at the first length is not measured again."""
_FASTER: Final = 3.0


def grows(known: Known, number: int) -> Slow | None:
    """Return the first of ``number`` strings on which ``known`` takes more than linear time."""
    for short, long, longest in zip(
        *(pumped(known, number, size) for size in (_SCREEN, 5 * _SCREEN, 10 * _SCREEN)), strict=True
    ):
        for run in known.runs():
            if _seconds(run, short) < _WORTH_A_LOOK * len(short) or known.limit:
                if known.limit and _seconds(run, short) > _LONGEST_IN_LIMIT:
                    return Slow(known.name, short[:60], _seconds(run, short), 0.0)
                continue
            once, twice = _seconds(run, long), _seconds(run, longest)
            if twice > once * _FASTER:
                return Slow(known.name, short[:60], once, twice)
    return None


_LONGEST_IN_LIMIT: Final = 0.02
"""Seconds for the longest string of a pattern that is given short ones only."""


def report(number: int) -> list[str]:
    """Return a line for each pattern that is slow, and one with how many were tried."""
    slow = [found for known in all_patterns() if (found := grows(known, number))]
    lines = [f"{s.name}: {s.once:.4f} s, doubled {s.twice:.4f} s on {s.text!a}" for s in slow]
    return [*lines, f"{len(all_patterns())} patterns, {number} strings each: {len(slow)} slow"]
