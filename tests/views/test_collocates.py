"""Collocates, compared with counts by brute force."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from newsgrep.analysis.segment import running_words
from newsgrep.analysis.words import WordSequence, count_words, placed_words
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.parser import parse
from newsgrep.views.collocates import (
    Collocate,
    CollocateOrder,
    Reference,
    find_collocates,
    to_csv,
    to_json,
)
from tests.support.cli import REPOSITORY, Cli
from tests.support.factories import engine_with, make_article

SCHEMA: dict[str, Any] = json.loads(
    (REPOSITORY / "docs" / "collocates.schema.json").read_text("utf-8")
)
WORDS = ["灯塔", "渡轮", "码头", "政府", "渔民", "的", "了", "harbour", "台风", "5"]
FRIENDS = ["平台", "公报"]
"""Words that follow 潮汐 more often than others do."""


def some_articles() -> list[Article]:
    chance = random.Random(3)
    articles = []
    for number in range(80):
        paragraphs = []
        for _ in range(chance.randrange(1, 4)):
            pieces = []
            for _ in range(chance.randrange(3, 30)):
                if chance.random() < 0.05:
                    pieces += ["潮汐", chance.choice([*FRIENDS * 9, *WORDS])]
                else:
                    pieces.append(chance.choice([*WORDS * 5, *FRIENDS]))
            paragraphs.append("，".join(pieces) + "。")
        articles.append(
            make_article(
                f"n{number}",
                chance.choice(("潮汐，公报", "渡轮")),
                "\n\n".join(paragraphs),
                source=chance.choice(("雾港日报", "汀海晚报")),
            )
        )
    return articles


ARTICLES = some_articles()


def by_hand(
    articles: list[Article], matching: list[Article], left: int, right: int
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Count words on each side of 潮汐, nearest first, and all words but 潮汐."""
    lefts, rights, everything = Counter[str](), Counter[str](), Counter[str]()
    for article in articles:
        for text in (article.title, *article.paragraphs):
            words = [word for run in running_words(text) for word in run]
            nodes = [at for at, word in enumerate(words) if word == "潮汐"]
            others = [at for at, word in enumerate(words) if word != "潮汐"]
            everything.update(words[at] for at in others)
            if article not in matching:
                continue
            for rank, at in enumerate(others):
                sides = []
                for node in nodes:
                    between = [o for o in others[:rank] if o > node]
                    if at > node and len(between) < right:
                        sides.append((len(between), "right"))
                    between = [o for o in others[rank + 1 :] if o < node]
                    if at < node and len(between) < left:
                        sides.append((len(between), "left"))
                if sides:
                    _, side = min(sides)
                    (lefts if side == "left" else rights)[words[at]] += 1
    return lefts, rights, everything


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("渔民灯塔渡轮的，。\n aZ9é〇の"), max_size=40))
def test_word_sequence_equals_placed_words(text: str) -> None:
    placed, sequence = placed_words(text), WordSequence(text)
    assert sequence.words == [word.text for word in placed]
    assert count_words(text) == Counter(sequence.words)
    for offset in range(len(text) + 1):
        before = sum(word.start < offset for word in placed)
        ended = sum(word.start + len(word.text) <= offset for word in placed)
        assert (sequence.first_from(offset), sequence.first_ending_after(offset)) == (before, ended)


@pytest.mark.parametrize("reference", Reference)
@pytest.mark.parametrize(("left", "right"), [(5, 5), (0, 1), (2, 0), (1, 30)])
def test_collocates_equal_brute_force(
    tmp_path: Path, left: int, right: int, reference: Reference
) -> None:
    engine = engine_with("memory", tmp_path, ARTICLES)
    found = find_collocates(
        engine,
        parse("潮汐 source:雾港"),
        left=left,
        right=right,
        reference=reference,
        min_count=1,
        limit=99,
    )
    own = [each for each in ARTICLES if each.source == "雾港日报"]
    matching = [each for each in own if "潮汐" in each.title + each.body]
    assert 0 < len(matching) < len(own)
    read = own if reference is Reference.ARCHIVE else matching
    lefts, rights, everything = by_hand(read, matching, left, right)
    near = lefts.total() + rights.total()
    assert (found.near, found.words) == (near, everything.total())
    assert (found.articles, found.reference_articles) == (len(matching), len(read))
    assert found.occurrences == sum(f"{each.title}{each.body}".count("潮汐") for each in matching)
    assert "公报" in {each.word for each in found.collocates} or right == 0
    for each in found.collocates:
        count = lefts[each.word] + rights[each.word]
        assert (each.left, each.right) == (lefts[each.word], rights[each.word])
        assert (each.occurrences, each.frequency) == (count, everything[each.word])
        assert each.expected == pytest.approx(near * everything[each.word] / everything.total())
        assert each.mi == pytest.approx(math.log2(count / each.expected))
        assert each.g2 == pytest.approx(
            log_likelihood(count, near, everything[each.word], everything.total())
        )
        assert each.g2 > 10.8
        assert each.mi > 0


def log_likelihood(count: int, near: int, frequency: int, words: int) -> float:
    """Return G² as the sum over the four cells of observed · ln(observed / expected)."""
    cells = {
        (count, near * frequency / words),
        (frequency - count, (words - near) * frequency / words),
        (near - count, near * (words - frequency) / words),
        (words - near - frequency + count, (words - near) * (words - frequency) / words),
    }
    return 2 * sum(o * math.log(o / e) for o, e in cells if o)


@pytest.mark.parametrize("order", CollocateOrder)
def test_collocates_are_sorted(tmp_path: Path, order: CollocateOrder) -> None:
    engine = engine_with("memory", tmp_path, ARTICLES)
    found = find_collocates(engine, parse("潮汐"), left=0, right=1, order=order)
    field = {"count": "occurrences"}.get(order.value, order.value)
    values = [getattr(each, field) for each in found.collocates]
    assert values == sorted(values, reverse=True)
    assert {each.word for each in found.collocates} == set(FRIENDS)


def test_collocates_leave_rare_words_out(tmp_path: Path) -> None:
    articles = [make_article(f"n{n}", "", "潮汐平台。" + "渡轮码头政府。" * 9) for n in range(4)]
    engine = engine_with("memory", tmp_path, articles)
    query = parse("潮汐")
    assert [each.word for each in find_collocates(engine, query, left=1, right=1).collocates] == [
        "平台"
    ]
    assert not find_collocates(engine, query, left=1, right=1, min_count=5).collocates


def test_collocates_restore_the_spelling(tmp_path: Path) -> None:
    articles = [make_article(f"n{n}", "", "潮汐平臺。" + "渡輪碼頭政府。" * 9) for n in range(9)]
    engine = engine_with("memory", tmp_path, articles)
    found = find_collocates(engine, parse("潮汐"), left=1, right=1)
    assert [each.word for each in found.collocates] == ["平臺"]


def test_collocates_need_a_text(tmp_path: Path) -> None:
    engine = engine_with("memory", tmp_path, ARTICLES)
    with pytest.raises(UsageError, match="no text"):
        find_collocates(engine, parse("source:雾港"))


def test_placed_words_are_running_words() -> None:
    for article in ARTICLES:
        placed = placed_words(article.body)
        words = [word for run in running_words(article.body) for word in run]
        assert [each.text for each in placed] == words
        assert all(article.body.startswith(each.text, each.start) for each in placed)


def test_collocates_json_matches_schema(tmp_path: Path) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    engine = engine_with("memory", tmp_path, ARTICLES)
    found = find_collocates(engine, parse("潮汐"), left=0, right=1)
    value = json.loads(json.dumps(to_json(found)))
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(value)] == []
    header, *rows = to_csv(found)
    assert header == Collocate._fields
    assert [dict(zip(header, row, strict=True)) for row in rows] == value["collocates"]


def test_collocates_command(tides: Cli) -> None:
    args = ("collocates", "潮汐", "--window", "2", "--min-count", "1")
    result = tides.json(*args)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(result)] == []
    assert (result["left"], result["right"]) == (2, 2)
    result = tides.json(*args, "--left", "0")
    assert (result["left"], result["right"]) == (0, 2)
    assert "larger window" in tides(*args, "--left", "0", "--right", "0", status=2).err
    assert "no text" in tides("collocates", "source:雾港", status=2).err
    assert "No article matches" in tides("collocates", "海豚", status=1).err
