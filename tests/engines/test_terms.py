"""What engines know of single terms: how many articles have one, and whether it is an outlet."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgrep.engines.base import DeleteArticle, Engine, EngineRequest, Order
from newsgrep.query.parser import parse
from tests.support.factories import ENGINES, engine_with, make_article, upsert

# The outlet 灯塔 is one word, and some articles of others speak of a 灯塔 as well.
OUTLETS = [
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


def counted(engine: Engine, terms: list[str]) -> list[int]:
    found = engine.document_frequencies(terms)
    return [found[term] for term in terms]


def test_an_engine_counts_the_articles_that_have_a_term(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, OUTLETS)
    terms = ["灯塔", "渔港", "没有这个", "天气", "渔港"]
    assert counted(engine, terms) == [2, 4, 0, 1, 4]
    assert engine.document_frequencies([]) == {}
    engine.search(
        EngineRequest(parse("渔港 灯塔").root)
    )  # what was asked for is kept, and counted no otherwise
    assert counted(engine, terms) == [2, 4, 0, 1, 4]
    engine.write([DeleteArticle("other"), upsert(make_article("none", "渡船", "天气好了。"))])
    assert counted(engine, terms) == [1, 2, 0, 2, 2]
    engine.write([upsert(make_article("more", "灯塔", "灯塔。"))])
    assert counted(engine, terms) == [2, 2, 0, 2, 2]
    engine.close()


def test_the_name_of_an_outlet_tells_nothing_among_its_own_articles(
    name: str, tmp_path: Path
) -> None:
    engine = engine_with(name, tmp_path, OUTLETS)

    def scores(typed: str) -> dict[str, float]:
        page = engine.search(EngineRequest(parse(typed, any_word=True).root, Order.RELEVANCE))
        return {each.id: each.score for each in page.candidates}

    plain, named = scores("渔港"), scores("渔港 灯塔")
    assert named["own"] - plain["own"] == pytest.approx(named["own-once"] - plain["own-once"])
    assert named["own"] > named["none"]
    assert named["none"] == pytest.approx(plain["none"])
    # It ranks and never matches: the article without the word in its text is not found.
    assert set(scores("灯塔")) == {"own-once", "other"}
    engine.close()


def test_every_engine_scores_the_name_of_an_outlet_alike(name: str, tmp_path: Path) -> None:
    one, other = (engine_with(each, tmp_path, OUTLETS) for each in ("memory", name))
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
