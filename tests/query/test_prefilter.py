"""What narrows a pattern down never loses a text that holds it, whatever stands in the gaps."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from newsgrep.analysis.fold import fold
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.engines.engine_query.fields import tokenize
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.ast import Field, Near, Phrase, Regex, TextPattern, Wildcard
from newsgrep.query.match import contains_pattern
from newsgrep.query.patterns import is_pattern, make_regex, make_wildcard
from newsgrep.query.prefilter import MAX_GAP, CharGap, required_gaps
from tests.support.factories import ENGINES, engine_with, make_article
from tests.support.stress import trial_count

# Few, so that they repeat: a gap may hold what stands at its ends.
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


def _pattern(chance: random.Random, text: str) -> Wildcard | None:
    """Return a pattern for a piece of ``text``, some characters of which it leaves open."""
    typed = ""
    for character in _piece(chance, text):
        typed += chance.choice(_GAPS) if chance.random() < 0.4 else character
    if not is_pattern(typed):
        return None
    found = make_wildcard(fold(typed), Field.TEXT)
    return found if isinstance(found, Wildcard) else None


def _expression(chance: random.Random, text: str) -> Regex | None:
    typed = ""
    for character in _piece(chance, text):
        typed += chance.choice(_SKIPS) if chance.random() < 0.4 else character
    try:
        return make_regex(typed, scan=True)
    except UsageError:
        return None


def _spots(chance: random.Random, texts: list[str]) -> Iterator[TextPattern]:
    for _ in range(trial_count(2_000, 50_000)):
        for make in (_pattern, _expression):
            spot = make(chance, chance.choice(texts))
            if spot is None:
                continue
            yield spot
            if chance.random() < 0.1:
                yield Near(spot, Phrase("我", ("我",), Field.TEXT, ()), 2, ordered=False)


def _has(found: list[str], pair: CharGap) -> bool:
    """Return whether a text of these tokens has what the pair says, looked up token by token."""
    return any(
        first == pair.first and pair.second in found[at + 1 : at + 2 + pair.between]
        for at, first in enumerate(found)
    )


@pytest.mark.parametrize(
    ("spot", "wanted"),
    [
        (make_wildcard("联?声", Field.TEXT), [("联", "声", 1)]),
        (make_wildcard("联合??明*国", Field.TEXT), [("联", "合", 0), ("合", "明", 2)]),
        (make_regex("联合.{0,5}声明"), [("联", "合", 0), ("合", "声", 5), ("声", "明", 0)]),
        (make_regex("聯.合"), [("联", "合", 1)]),
        (make_regex("联(?:的|之后)?合"), [("联", "合", 2)]),
        (make_regex("联gpt合"), [("联", "合", 3)]),
        (make_regex("联.*合声"), [("合", "声", 0)]),
        (make_regex("联.{,1}合"), []),
        (make_regex(f"联.{{0,{MAX_GAP + 1}}}合"), []),
        (make_regex("(?:联|合)声"), []),
    ],
)
def test_characters_are_as_near_as_the_pattern_says(
    spot: TextPattern, wanted: list[tuple[str, str, int]]
) -> None:
    assert list(required_gaps(spot)) == wanted


def test_every_text_that_holds_a_pattern_has_its_pairs() -> None:
    chance = random.Random(11)
    texts = [fold(_text(chance, 24)) for _ in range(300)]
    cut = [tokenize(text) for text in texts]
    held = 0
    for spot in _spots(chance, texts):
        near = required_gaps(spot)
        for text, found in zip(texts, cut, strict=True):
            if near and contains_pattern(text, spot):
                held += 1
                assert all(_has(found, pair) for pair in near), (spot, text)
    assert held > 1_000


@pytest.fixture(scope="module", params=ENGINES)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, list[Article]]]:
    chance = random.Random(5)
    articles = [make_article(f"a{i}", _text(chance, 8), _text(chance, 30)) for i in range(150)]
    engine = engine_with(request.param, tmp_path_factory.mktemp("small"), articles)
    yield engine, articles
    engine.close()


def test_any_pattern_finds_exactly_the_articles_that_hold_it(
    small: tuple[Engine, list[Article]],
) -> None:
    engine, articles = small
    chance = random.Random(3)
    zones = {each.id: (fold(each.title), fold(each.body)) for each in articles}
    spots = list(_spots(chance, [body for _, body in zones.values()]))
    found = 0
    for spot in chance.sample(spots, trial_count(300, 5_000)):
        wanted = {
            key
            for key, texts in zones.items()
            if any(contains_pattern(text, spot) for text in texts)
        }
        page = engine.search(EngineRequest(spot, limit=1000))
        assert {candidate.id for candidate in page.candidates} == wanted, spot
        found += bool(wanted)
    assert found > 100
