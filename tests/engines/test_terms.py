"""Document frequencies of terms, and terms that are the name of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgrep.analysis.scoring import SCORING_FINGERPRINT
from newsgrep.engines.base import DeleteArticle, Engine, EngineRequest, Order
from newsgrep.query.parser import parse
from tests.support.factories import ENGINES, engine_with, make_article, upsert

# The name of the source 灯塔 is one term, which also occurs in texts of other sources.
ARTICLES = [
    make_article("own", "渔港开了", "渔港今天开了。" + "码头的事很多。" * 4, source="灯塔"),
    make_article(
        "own-once", "渔港关了", "灯塔说，渔港今天关了。" + "码头的事多。" * 4, source="灯塔"
    ),
    make_article("own-other", "天气", "今天有雾，渡船停航。", source="燈塔"),
    make_article("other", "灯塔亮了", "灯塔亮了，灯塔又亮了，渔港不远。", source="汀海晚报"),
    make_article("none", "渔港的早晨", "渔港的早晨很静，没有船。" + "码头也很静。" * 4),
]


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def frequencies(engine: Engine, terms: list[str]) -> list[int]:
    found = engine.document_frequencies(terms)
    return [found[term] for term in terms]


def test_document_frequencies_follow_writes(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARTICLES)
    terms = ["灯塔", "渔港", "没有这个", "天气", "渔港"]
    assert frequencies(engine, terms) == [2, 4, 0, 1, 4]
    assert engine.document_frequencies([]) == {}
    engine.search(EngineRequest(parse("渔港 灯塔").root))  # a cached term has the same frequency
    assert frequencies(engine, terms) == [2, 4, 0, 1, 4]
    engine.write([DeleteArticle("other"), upsert(make_article("none", "渡船", "天气好了。"))])
    assert frequencies(engine, terms) == [1, 2, 0, 2, 2]
    engine.write([upsert(make_article("more", "灯塔", "灯塔。"))])
    assert frequencies(engine, terms) == [2, 2, 0, 2, 2]
    engine.close()


def test_source_name_does_not_rank_its_own_articles(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARTICLES)

    def scores(query: str) -> dict[str, float]:
        page = engine.search(EngineRequest(parse(query, any_word=True).root, Order.RELEVANCE))
        return {each.id: each.score for each in page.candidates}

    without, with_name = scores("渔港"), scores("渔港 灯塔")
    assert with_name["own"] - without["own"] == pytest.approx(
        with_name["own-once"] - without["own-once"]
    )
    assert with_name["own"] > with_name["none"]
    assert with_name["none"] == pytest.approx(without["none"])
    # It ranks and never matches: the article without the term in its text is not found.
    assert set(scores("灯塔")) == {"own-once", "other"}
    engine.close()


def test_source_name_scores_equal_memory_engine(name: str, tmp_path: Path) -> None:
    one, other = (engine_with(each, tmp_path, ARTICLES) for each in ("memory", name))
    for typed in ("灯塔", "渔港 灯塔", "燈塔 码头", "title:灯塔 渔港"):
        for any_word in (False, True):
            root = parse(typed, any_word=any_word).root
            expected = [
                (each.id, each.score) for each in one.search(EngineRequest(root)).candidates
            ]
            found = [(each.id, each.score) for each in other.search(EngineRequest(root)).candidates]
            assert [each for each, _ in found] == [each for each, _ in expected]
            assert [s for _, s in found] == pytest.approx([s for _, s in expected])
    other.close()


def test_scoring_fingerprint_is_that_of_existing_indexes() -> None:
    # Indexes that store impacts are refused if it differs. It changes with the parameters only.
    assert SCORING_FINGERPRINT == "5374dbc3"
