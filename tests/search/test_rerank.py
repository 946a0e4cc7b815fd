"""Reranking: words that match early, close together or as typed move up, never down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import ScoredDoc
from newsgrep.query.ast import positive_texts
from newsgrep.query.parser import parse
from newsgrep.search.rerank import (
    RERANK_DEPTH,
    FoldedText,
    RerankFeatures,
    rerank,
    should_rerank,
)
from newsgrep.search.search import SearchRequest, search
from tests.support.factories import ENGINES, engine_with, make_article

FILLER = "码头很静，没有船，天上有云。"


def features_of(typed: str, *texts: FoldedText, any_word: bool = False) -> list[RerankFeatures]:
    """Return the features of each text, in the order of the texts; the engine scores all equal."""
    candidates = [ScoredDoc(str(number), 1.0) for number in range(len(texts))]
    folded = [(fold(title), fold(body)) for title, body in texts]
    reranked = rerank(candidates, folded, positive_texts(parse(typed, any_word=any_word).root))
    found = {each.doc.id: each.features for each in reranked}
    for each in reranked:
        assert each.doc.score == pytest.approx(each.features.factor)
    return [found[each.id] for each in candidates]


def test_rerank_prefers_early_matches_and_titles() -> None:
    said = "渔业声明发表了。"
    bodies = [said + FILLER * 40, FILLER * 20 + said + FILLER * 20, FILLER * 40 + said]
    title, *others = features_of("渔业声明", ("渔业声明", FILLER), *(("", body) for body in bodies))
    none = features_of("渔业声明", ("", FILLER), ("", bodies[0]))[0]
    early = [
        title.pair_position,
        *(other.pair_position for other in others),
        none.pair_position,
    ]
    words = [
        title.word_position,
        *(other.word_position for other in others),
        none.word_position,
    ]
    assert early == sorted(early, reverse=True)
    assert words == sorted(words, reverse=True)
    assert len(set(early)) == len(early)
    assert none == RerankFeatures(0.0, 0.0, 0.0, 0.0, 0.0)
    assert none.factor == 1.0


def test_rerank_prefers_words_close_together() -> None:
    near, far = features_of(
        "渔业 台风", ("", "渔业怕台风。" + FILLER * 20), ("", f"渔业{FILLER * 20}台风")
    )
    assert near.proximity == 1.0
    assert far.proximity == 0.5
    # Later occurrences count as much as the first ones.
    (again,) = features_of("渔业 台风", ("", f"渔业{FILLER * 20}台风来了，渔业停了。"))
    assert again.proximity == 1.0
    assert {
        features.proximity
        for features in features_of("渔业 台风", ("", "渔业怕台风"), any_word=True)
    } == {0.0}


def test_rerank_prefers_words_as_typed() -> None:
    title, body, apart = features_of(
        "渔业声明",
        ("渔业声明", FILLER),
        ("", FILLER * 400 + "渔业声明"),
        ("", FILLER * 400 + "声明，渔业"),
    )
    assert (title.exact, body.exact, apart.exact) == (1.0, 0.5, 0.0)


def test_rerank_looks_in_the_given_field_only() -> None:
    both = [("渔业声明", "没有别的。"), ("没有别的", "渔业声明。")]
    title, body = features_of("title:渔业声明", *both)
    assert title.pair_position == 1.0
    assert body.factor == 1.0
    title, body = features_of("body:渔业声明", *both)
    assert title.factor == 1.0
    assert body.pair_position > 0
    assert {features.factor for features in features_of("caption:渔业声明", *both)} == {1.0}


TEXT = st.text(alphabet="渔业声明台风水 a1。", max_size=60)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), TEXT, st.booleans())
def test_rerank_features_are_between_0_and_1(
    texts: list[FoldedText], typed: str, any_word: bool
) -> None:
    plain = "".join(character if character.isalnum() else " " for character in typed)
    if not plain.strip():
        return
    for features in features_of(plain, *texts, any_word=any_word):
        assert all(0 <= share <= 1 for share in features)
        assert features.factor >= 1
        for name in RerankFeatures._fields:
            assert features._replace(**{name: 1.0}).factor >= features.factor


def test_rerank_keeps_order_of_equal_scores() -> None:
    candidates = [ScoredDoc(f"n{number}", 2.0 - number % 3) for number in range(RERANK_DEPTH)]
    reranked = rerank(
        candidates, [("", FILLER)] * RERANK_DEPTH, positive_texts(parse("渔业 声明").root)
    )
    assert [each.doc for each in reranked] == sorted(candidates, key=lambda c: -c.score)


def test_should_rerank_skips_single_terms() -> None:
    assert not should_rerank(positive_texts(parse("渔业").root))
    assert not should_rerank(positive_texts(parse('"渔业声明"').root))
    assert should_rerank(positive_texts(parse("渔业 台风").root))
    assert should_rerank(positive_texts(parse("渔业声明").root))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("any_word", [False, True])
def test_search_order_agrees_on_every_engine(name: str, tmp_path: Path, any_word: bool) -> None:
    archive = [
        make_article(
            f"n{i:02}",
            "渔业声明" if i % 11 == 0 else "港口消息",
            FILLER * (i % 5)
            + "渔业" * (i % 3)
            + FILLER * (i % 4)
            + "声明" * (i % 2)
            + "渔业声明。",
        )
        for i in range(40)
    ]
    answers = []
    for each in ("memory", name):
        engine = engine_with(each, tmp_path, archive)
        result = search(engine, SearchRequest(parse("渔业声明 港口", any_word=any_word), limit=40))
        shown = [hit.article.id for hit in result.hits]
        assert set(shown) <= set(result.features)
        answers.append((shown, [hit.score for hit in result.hits]))
        engine.close()
    assert answers[0][0] == answers[1][0]
    assert answers[0][1] == pytest.approx(answers[1][1])
