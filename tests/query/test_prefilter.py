"""Requirements narrow down candidates and never exclude a text that matches."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.analysis.segment import index_terms
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.engines.engine_query.fields import index_tokens
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query import prefilter
from newsgrep.query.ast import Field, Fuzzy, Near, Phrase, Regex, TextPattern, Wildcard, describe
from newsgrep.query.match import contains_literal, contains_pattern
from newsgrep.query.patterns import is_pattern, make_regex, make_wildcard
from newsgrep.query.prefilter import (
    ALWAYS,
    MAX_GAP,
    CharGap,
    Literal,
    Requirement,
    all_of,
    any_of,
    requirement,
)
from tests.support.factories import ENGINES, engine_with, make_article
from tests.support.stress import trial_count

# Few, so that they repeat: a gap may contain the characters at its ends.
_ALPHABET = "水水我们ab1 ，。・聯-\n々"
_GAPS = ("?", "??", "*", "?*")
_SKIPS = (
    *(".", ".?", ".{0,2}", ".{1,3}", ".*?", "[ab水]+", "(?:我|们们)?", "(水|们a)", "\\s*", "\\w"),
    *("[^水]", "(?i:A)?", "\\p{Han}", "\\b", ".{,1}", "{,1}", "x{0}", "(?P<n>.)", "[[:alpha:]]"),
)


def _text(chance: random.Random, most: int) -> str:
    return "".join(chance.choices(_ALPHABET, k=chance.randrange(most)))


def _piece(chance: random.Random, text: str) -> str:
    start = chance.randrange(max(len(text), 1))
    return text[start : start + chance.randrange(1, 7)]


def _random_wildcard(chance: random.Random, text: str) -> Wildcard | None:
    """Return a pattern for a piece of ``text``, some characters of which it leaves open."""
    typed = ""
    for character in _piece(chance, text):
        typed += chance.choice(_GAPS) if chance.random() < 0.4 else character
    if not is_pattern(typed):
        return None
    found = make_wildcard(fold(typed), Field.TEXT)
    return found if isinstance(found, Wildcard) else None


def _random_regex(chance: random.Random, text: str) -> Regex | None:
    typed = ""
    for character in _piece(chance, text):
        typed += chance.choice(_SKIPS) if chance.random() < 0.4 else character
    try:
        return make_regex(typed, scan=True)
    except UsageError:
        return None


def _patterns(chance: random.Random, texts: list[str]) -> Iterator[TextPattern]:
    for _ in range(trial_count(1_000, 50_000)):
        for make in (_random_wildcard, _random_regex):
            pattern = make(chance, chance.choice(texts))
            if pattern is None:
                continue
            yield pattern
            if chance.random() < 0.1:
                yield Near(pattern, Phrase("我", ("我",)), 2, ordered=False)


class _Words:
    """The words of some texts, as an index has them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._words = {term for text in texts for term in index_terms(text)}

    def terms(self, prefix: str, field: Field) -> list[str]:  # noqa: ARG002  (the protocol's)
        return [word for word in self._words if word.startswith(prefix)]


def _is_met(required: Requirement, text: str) -> bool:
    """Return by brute force whether ``text`` meets a requirement, as every engine reads it."""
    match required:
        case prefilter.Literal(literal):
            terms = set(index_terms(text))
            expected = {*required.terms(), *required.inner_terms()}
            return contains_literal(text, literal) and expected <= terms
        case CharGap(first, second, max_gap):
            found = index_tokens(text)
            return any(
                token == first and second in found[at + 1 : at + 2 + max_gap]
                for at, token in enumerate(found)
            )
        case prefilter.And(parts):
            return all(_is_met(part, text) for part in parts)
        case prefilter.Or(parts):
            return any(_is_met(part, text) for part in parts)


def _wildcard(pattern: str) -> Wildcard:
    return Wildcard(fold(pattern), Field.TEXT)


def _either(*literals: str) -> Requirement:
    return any_of(map(Literal, literals))


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        (Phrase("联合声明", ("联合", "声明")), [Literal("联合声明")]),
        (_wildcard("联?声"), [Literal("联"), Literal("声"), CharGap("联", "声", 1)]),
        (
            _wildcard("联合??明*国"),
            [Literal("联合"), Literal("明"), CharGap("合", "明", 2), Literal("国")],
        ),
        (_wildcard("联gpt*大pt"), [Literal("联"), Literal("大pt")]),
        (
            make_regex("联合.{0,5}声明"),
            [Literal("联合"), Literal("声明"), CharGap("合", "声", 5)],
        ),
        (make_regex("聯.合"), [Literal("联"), Literal("合"), CharGap("联", "合", 1)]),
        (
            make_regex("联(?:的|之后)?合"),
            [Literal("联"), Literal("合"), CharGap("联", "合", 2)],
        ),
        (make_regex("联gpt合"), [Literal("联gpt合")]),
        (make_regex("联.*合声"), [Literal("联"), Literal("合声")]),
        (make_regex("联.{,1}合"), [Literal("联"), Literal("{,1}合"), CharGap("联", "合", 5)]),
        (make_regex(f"联.{{0,{MAX_GAP + 1}}}合"), [Literal("联"), Literal("合")]),
        (make_regex("(?:联|合)声"), [_either("联", "合"), Literal("声")]),
        (
            make_regex("联合声?明"),
            [Literal("联合"), Literal("明"), CharGap("合", "明", 1)],
        ),
        (make_regex("(大桥|渔业)谈判"), [_either("大桥", "渔业"), Literal("谈判")]),
        (
            make_regex("(大.桥|渔业)谈判"),
            [
                any_of(
                    (
                        all_of((Literal("大"), Literal("桥"), CharGap("大", "桥", 1))),
                        Literal("渔业"),
                    )
                ),
                Literal("谈判"),
            ],
        ),
        (make_regex("(大桥|gpt)谈判"), [Literal("谈判")]),
        (make_regex(r"\d{4}年"), [Literal("年")]),
        (make_regex(r"(?:水|)联"), [Literal("联")]),
        (make_regex("(联合){2}"), [Literal("联合")]),
        (make_regex(r"gpt-?\d"), []),
        (make_regex("a gpt b"), [Literal(" gpt ")]),
        (make_regex("(?i)水gpt火"), [Literal("水"), Literal("火"), CharGap("水", "火", 3)]),
        (make_regex("[水火]"), [_either("水", "火")]),
        (make_regex("[^水火]"), []),
        (make_regex("[水-火]"), []),
        (make_regex(r"\w+谈判\p{Han}[\w-]"), [Literal("谈判")]),
        (make_regex(r"[[:alpha:]]水"), [Literal("水")]),
        (make_regex(r"水\\p火"), [Literal(r"水\p火")]),
        (make_regex("水|火"), [_either("水", "火")]),
    ],
    ids=lambda value: describe(value) if not isinstance(value, list) else "",
)
def test_requirement(pattern: TextPattern, parts: list[Requirement]) -> None:
    assert requirement(pattern, _Words()) == all_of(parts)


def test_requirement_of_similar_words_and_near() -> None:
    words = _Words(["facebook facebok face 水"])
    required = requirement(Near(Fuzzy("facebook", 2), _wildcard("face*"), 3, ordered=False), words)
    assert isinstance(required, prefilter.And)
    similar, prefixed = required.parts
    assert isinstance(similar, prefilter.Or)
    assert set(similar.parts) == {Literal("facebook"), Literal("facebok")}
    assert isinstance(prefixed, prefilter.Or)
    assert set(prefixed.parts) == {Literal("facebook"), Literal("facebok"), Literal("face")}
    assert requirement(Fuzzy("guterres", 2), words) == prefilter.Or(())


def test_all_of_keeps_few_gaps() -> None:
    gaps = [CharGap("联", "合", width) for width in range(20)]
    required = all_of((Literal("水"), *gaps))
    assert isinstance(required, prefilter.And)
    assert required.parts == (Literal("水"), *gaps[:8])


def test_any_of_with_always_is_always() -> None:
    assert any_of((Literal("水"), ALWAYS)) == ALWAYS


def test_every_matching_text_meets_the_requirement() -> None:
    chance = random.Random(11)
    texts = [fold(_text(chance, 24)) for _ in range(300)]
    words = _Words(texts)
    matching = 0
    for pattern in _patterns(chance, texts):
        required = requirement(pattern, words)
        if required == ALWAYS:
            continue
        for text in texts:
            if contains_pattern(text, pattern):
                matching += 1
                assert _is_met(required, text), (pattern, required, text)
    assert matching > 1_000


@pytest.fixture(scope="module", params=ENGINES)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, list[Article]]]:
    chance = random.Random(5)
    articles = [make_article(f"a{i}", _text(chance, 8), _text(chance, 30)) for i in range(150)]
    engine = engine_with(request.param, tmp_path_factory.mktemp("small"), articles)
    yield engine, articles
    engine.close()


def test_engines_find_exactly_the_matching_articles(
    small: tuple[Engine, list[Article]],
) -> None:
    engine, articles = small
    chance = random.Random(3)
    zones = {each.id: (fold(each.title), fold(each.body)) for each in articles}
    patterns = list(_patterns(chance, [body for _, body in zones.values()]))
    found = 0
    for pattern in chance.sample(patterns, trial_count(300, 5_000)):
        wanted = {
            key
            for key, texts in zones.items()
            if any(contains_pattern(text, pattern) for text in texts)
        }
        page = engine.search(EngineRequest(pattern, limit=1000))
        assert {candidate.id for candidate in page.candidates} == wanted, pattern
        found += bool(wanted)
    assert found > 100
