"""Every regular expression of newsgrep, run on strings that make bad patterns slow.

Each pattern is called as its module calls it, on strings that match it, with a part repeated
thousands of times and the end changed. ``python -m fuzz.run patterns`` measures how the time
grows when the length doubles.
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
from newsgrep.extraction.outlets import _line_pattern, load_outlets

_parser: Final[Any] = import_module("re._parser")
"""The parser of ``re``, which gives the structure of a pattern."""

LIMITS: Final = {
    "bylines._LABEL_AFTER": 300, "bylines._ENGLISH_OTHERS": 300, "bylines._BRACKETED": 300,
    "bylines._LABEL_BEFORE": 300, "bylines._REPORT_FROM": 300, "bylines._ROLE_TAIL": 300,
    "bylines._SEPARATOR": 300, "bylines._LABEL": 300, "bylines._COUNTRY": 300,
    "bylines._HAN_NAMES": 300, "bylines._OUTLET_LIKE": 300, "bylines._BYLINE": 100,
    "bylines._NAME_BREAK": 300, "bylines._LATIN_NAME": 40, "bylines._REPORTERS": 80,
    "bylines._OTHER_ROLE": 80, "bylines._LATIN_SEPARATOR": 100,
    "labels._LABEL": 200, "labels._BARE_LABEL": 200, "labels._ACCOUNT": 200, "labels._WEEKDAY": 200,
    "labels._BRACKETED_LABEL": 200, "labels._COUNT": 200,
    "body._KEYWORDS": 400, "notices._STATES_ORIGIN": 400, "notices._CLAUSE": 400,
    "labels._ROLE": 200, "labels._PART": 200,
    "labels._BRACKETS": 200, "labels._COUNTER": 200, "labels._EVENT": 20,
    "forms._CLOCK": 80, "forms._YEAR_FIRST": 200, "forms._COMPACT": 200, "forms._CHINESE": 200,
    "forms.DAY_FIRST": 200, "forms._SHORT_YEAR": 200, "forms._MINGUO_NUMBERS": 200,
    "forms._DAY_NAME_YEAR": 200, "forms._NAME_DAY_YEAR": 200, "forms._YEAR_NAME_DAY": 200,
    "forms._VIETNAMESE": 200,
    "forms._LATVIAN": 200, "forms._CTIME": 200, "names._NAME_DATE": 200,
    "lines._LABEL": 200, "lines._AFTER": 200, "lines._PARTICIPLE": 200,
    "lines._RELATIVE": 12, "lines._HAN_GLUE": 12, "lines._SENTENCE_END": 200,
    "lines._ALONE": 100, "lines._DATE_CHARACTERS": 100, "lines._NAMES": 100,
    "places._MARKED": 3000, "places._MARKED_UPDATED": 3000,
    "places._NOT_NAMED": 3000,
    "choice._DATELINE": 60, "months._LETTERS": 14,
    "boilerplate._META": 80, "boilerplate._CREDIT": 80,
    "boilerplate._CAPTION": 80, "boilerplate._CHART": 80, "boilerplate._CONTENT": 40,
    "boilerplate._HIDING_STYLE": 2000,
    "metadata._AUTHOR_CLASS": 300,
    "headlines._SEPARATOR": 400, "sources._TITLE_END": 400, "sources._LABEL": 160,
    "sources._BRACKETS": 160, "source_lines._SOURCE": 200, "source_lines._AUTHOR": 200,
    "titles._MEDIUM": 20,
    "savers._SAVED_FROM": 2000, "savers._MIRRORED": 2000, "savers._SINGLE_FILE": 2000,
    "savers._MONOLITH": 2000, "savers._COMMENT": 20_000, "savers._REPLAYED": 20_000,
    "savers._ARCHIVED": 4000, "savers._SCRIPT_DATE": 60,
    "text._POST_ORIGIN": 20, "text._POST_REPLY": 200, "text._FORM_LABEL": 200,
    "text._HEADING": 200,
    "notices._BUTTON": 160, "notices._CREDIT_LINE": 160, "notices._ROLES": 400,
    "notices._SOURCE_NOTE": 400, "notices._ABOUT_ITSELF": 400, "notices._NOTICE_ACT": 400,
    "notices._MAYBE_ABOUT_ITSELF": 60, "notices._NOTICE_LABEL": 400, "notices._CALL": 400,
    "notices._FORMULA": 400, "notices._FOOTER_LABEL": 400, "notices._REPORTS": 400,
    "notices._SPACED": 400, "notices._PROSE": 400, "notices._PHOTO_CREDIT": 1000,
    "notices._PHOTO_LINE": 400, "notices._LEAD_IN": 41,
}  # fmt: skip
"""The longest string, in characters, on which the module of a pattern calls it."""

INDIRECT: Final = {
    "boilerplate": ("fullmatch",), "outlets": ("fullmatch",), "titles": ("fullmatch",),
    "savers": ("match",),
    "forms": ("search", "finditer"),
    "characters": ("finditer",),
}  # fmt: skip
"""How modules call patterns that they pass on or keep in a table, by the last part of the name."""
METHODS: Final = ("fullmatch", "match", "search", "finditer")
_FINDING: Final = {"sub": "finditer", "findall": "finditer", "split": "finditer"}
_WRONG_ENDS: Final = ("", "\x01", "x", "\n", "。")


class Known(NamedTuple):
    """A pattern, by the names of its module and of its constant, and how it is called."""

    name: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]

    @property
    def limit(self) -> int | None:
        """The length of its longest strings, if there is a limit."""
        return LIMITS.get(self.name)

    def runs(self) -> Iterator[Callable[[str], object]]:
        """Yield functions that call it as its module does."""
        for method in self.methods:
            yield partial(_consumed, getattr(self.pattern, method))


def _consumed(call: Callable[[Any], Any], text: str) -> object:
    found = call(text)
    return sum(1 for _ in found) if hasattr(found, "__next__") else found


@cache
def all_patterns() -> tuple[Known, ...]:
    """Return every pattern at the top level of a module, and those of the outlet rules."""
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
    for outlet in load_outlets().all:
        lines = _line_pattern(outlet.drop_lines)
        if lines is not None:
            found[lines] = Known(f"outlets.{outlet.name}", lines, ("fullmatch",))
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
    """Return which methods a module calls on each of its names."""
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
        tail = rng.choice(("", sample[start + len(part) :])) + rng.choice(_WRONG_ENDS)
        head = sample[:start]
        count = max((size - len(head) - len(tail)) // len(part), 1)
        yield (head + part * count + tail)[:size]


def _matching(tree: Any, rng: random.Random) -> str:
    """Return a string that nearly matches a pattern, given as the parser of ``re`` returns it."""
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
    """A pattern whose time grows faster than the length: seconds for one length and its double."""

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
_MIN_PER_CHARACTER: Final = 1e-6
"""Seconds for each character: a pattern that takes less is not measured at other lengths."""
_MAX_GROWTH: Final = 3.0


def grows(known: Known, number: int) -> Slow | None:
    """Return the first of ``number`` strings on which ``known`` takes more than linear time."""
    for short, long, longest in zip(
        *(pumped(known, number, size) for size in (_SCREEN, 5 * _SCREEN, 10 * _SCREEN)), strict=True
    ):
        for run in known.runs():
            if _seconds(run, short) < _MIN_PER_CHARACTER * len(short) or known.limit:
                if known.limit and _seconds(run, short) > _MAX_IN_LIMIT:
                    return Slow(known.name, short[:60], _seconds(run, short), 0.0)
                continue
            once, twice = _seconds(run, long), _seconds(run, longest)
            if twice > once * _MAX_GROWTH:
                return Slow(known.name, short[:60], once, twice)
    return None


_MAX_IN_LIMIT: Final = 0.02
"""Seconds for the longest string of a pattern with a limit."""


def report(number: int) -> list[str]:
    """Return a line for each slow pattern, and one with the number of patterns."""
    slow = [found for known in all_patterns() if (found := grows(known, number))]
    lines = [f"{s.name}: {s.once:.4f} s, doubled {s.twice:.4f} s on {s.text!a}" for s in slow]
    return [*lines, f"{len(all_patterns())} patterns, {number} strings each: {len(slow)} slow"]
