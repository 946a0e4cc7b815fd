"""NEAR on engines that compare positions: punctuation has a position, and does not count."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from newsgrep.analysis.packed_texts import pack_folded
from newsgrep.engines.base import EngineRequest, Order
from newsgrep.engines.engine_query import fields, lower
from newsgrep.engines.engine_query.fields import index_tokens, is_even, most_tokens
from newsgrep.query.ast import Field, Near, Phrase
from newsgrep.query.match import contains_pattern, distance_unit
from newsgrep.query.parser import parse
from newsgrep.query.verify import matching_documents, verifier
from tests.support.factories import engine_with, make_article

WORDS = ("大桥", "声明", "灯塔", "大", "桥", "gpt", "4")
OTHERS = (",", "。", "”", "\n\n", " ", "…", "_")


def random_text(chance: random.Random, length: int) -> str:
    """Return words in random order, some of them with much punctuation between them."""
    parts: list[str] = []
    for _ in range(length):
        parts.append(chance.choice(WORDS))
        if chance.random() < 0.4:
            number = chance.choice((1, 1, 2, 4, 12))
            parts.append("".join(chance.choice(OTHERS) for _ in range(number)))
    return "".join(parts)


def test_even_text_has_few_tokens_between_words() -> None:
    chance = random.Random(7)
    even = 0
    for _ in range(300):
        text = random_text(chance, 12)
        tokens = index_tokens(text)
        if not is_even(tokens):
            continue
        even += 1
        is_word = [bool(distance_unit().fullmatch(token)) for token in tokens]
        for start in range(len(tokens)):
            for end in range(start, len(tokens) + 1):
                assert end - start <= most_tokens(sum(is_word[start:end]))
    assert 30 < even < 270


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many texts were read for each condition that positions do not decide."""
    numbers: list[int] = []

    def counted(pattern, texts, count):  # type: ignore[no-untyped-def]
        candidates = list(texts)
        numbers.append(len(candidates))
        assert count() == len(candidates)
        return matching_documents(pattern, candidates, count)

    monkeypatch.setattr(lower, "matching_documents", counted)
    return numbers


def near(left: str, right: str, chance: random.Random) -> str:
    operator, distance = chance.choice(("NEAR", "ADJ")), chance.choice((0, 1, 2, 5, 20, 21))
    return f"{chance.choice(('', 'title:', 'body:'))}({left} {operator}/{distance} {right})"


@pytest.mark.parametrize("make_even", [is_even, lambda _: False], ids=["marked", "not marked"])
def test_near_is_exact_whatever_the_punctuation_is(
    tmp_path: Path,
    read: list[int],
    monkeypatch: pytest.MonkeyPatch,
    make_even: Callable[[list[str]], bool],
) -> None:
    monkeypatch.setattr(fields, "is_even", make_even)
    chance = random.Random(11)
    articles = [
        make_article(
            f"a{n}", random_text(chance, 3), random_text(chance, chance.choice((4, 9, 30)))
        )
        for n in range(150)
    ]
    right = engine_with("memory", tmp_path / "memory", articles)
    engine = engine_with("tantivy", tmp_path / "tantivy", articles)
    candidates = 0
    for _ in range(60):
        left, other = chance.sample((*WORDS, '"大桥,"', '"桥 4"'), 2)
        query = near(left, other, chance)
        request = EngineRequest(parse(query).root, Order.NEWEST, 200)
        expected = right.search(request)
        assert engine.search(request).candidates == expected.candidates, query
        candidates += engine.search(EngineRequest(parse(f"{left} {other}").root, limit=0)).total
    assert sum(read) < candidates, "not all texts are read"


def test_near_reads_no_text_where_positions_decide(tmp_path: Path, read: list[int]) -> None:
    texts = ["大桥发表声明。", "声明说,大桥开通。", "大桥" + "潮水很高" * 20 + "声明", "灯塔。"]
    articles = [make_article(f"a{n}", "消息", text) for n, text in enumerate(texts)]
    engine = engine_with("tantivy", tmp_path, articles)
    page = engine.search(EngineRequest(parse("大桥 NEAR/3 声明").root))
    assert page.total == 2
    assert sum(read) == 0
    assert contains_pattern(texts[1], parse("大桥 NEAR/3 声明").root)  # type: ignore[arg-type]


def test_near_in_packed_texts_is_near_in_their_characters() -> None:
    # Bytes of two characters of the first string are those of another one, as are digits of 𠀀.
    parts = ("啊啊", "“", "大桥", "声明", "𠀀", "0", "gpt", "4", ",", "\n\n", "潮水很高", "…" * 40)
    chance = random.Random(5)
    found = 0
    for number in range(2000):
        title, body, caption = (
            "".join(chance.choices(parts, k=length))
            for length in (2, chance.choice((4, 12, 40)), 3)
        )
        sides = chance.sample(("大桥", "声明", "啊", "“", "0", "gpt", "𠀀"), 2)
        field, is_ordered = (
            chance.choice((Field.TEXT, Field.TITLE, Field.BODY, Field.CAPTION)),
            chance.random() < 0.5,
        )
        left, right = (Phrase(side, (side,), field) for side in sides)
        pattern = Near(left, right, chance.choice((0, 1, 2, 5, 20)), is_ordered, field)
        parts_of = {Field.TITLE: [title], Field.BODY: [body], Field.CAPTION: caption.split("\n")}
        texts = parts_of.get(field, [title, body])
        expected = any(contains_pattern(text, pattern) for text in texts)
        packed = pack_folded(title, body, caption)
        assert verifier(pattern)(packed) == expected, number
        found += expected
    assert 200 < found < 1800
