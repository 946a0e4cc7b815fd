"""Similar articles: the same topic ranks first, with the terms that both contain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine
from newsgrep.views.similar import find_similar
from tests.support.cli import Cli
from tests.support.factories import ENGINES, engine_with, make_article

TIDES = "潮汐发电站在海湾里转动涡轮，工程师测量潮差。"
BIRDS = "朱鹮在湿地里筑巢，保护区的巡护员记录幼鸟。"
TRAMS = "有轨电车的车辆段检修轨道，司机等候信号。"
USUAL = "记者今天报道，情况有了进展，有关方面表示欢迎。"

ARCHIVE = [
    *(make_article(f"tides{i}", f"潮汐发电第{i}期", TIDES + USUAL * i) for i in range(1, 5)),
    *(make_article(f"birds{i}", f"朱鹮湿地第{i}期", BIRDS + USUAL * i) for i in range(1, 5)),
    *(make_article(f"trams{i}", f"有轨电车第{i}期", TRAMS + USUAL * i) for i in range(1, 5)),
    make_article("twin", "朱䴉濕地", "朱鹮在濕地裏築巢，保護區的巡護員記錄幼鳥。"),
    make_article("blank", "", ""),
]
BY_ID = {each.id: each for each in ARCHIVE}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(request.param, tmp_path, ARCHIVE)
    yield engine
    engine.close()


def ids(engine: Engine, of: str, limit: int = 10) -> list[str]:
    return [each.article.id for each in find_similar(engine, BY_ID[of], limit).articles]


@pytest.mark.parametrize("topic", ["tides", "birds", "trams"])
def test_find_similar_ranks_same_topic_first(engine: Engine, topic: str) -> None:
    found = ids(engine, f"{topic}2")
    assert f"{topic}2" not in found
    assert {each[:5] for each in found[:3]} <= {topic[:5], "twin"}
    assert len(ids(engine, f"{topic}2", 2)) == 2
    assert ids(engine, f"{topic}2", 2) == found[:2]
    assert ids(engine, f"{topic}2", 0) == []


def test_find_similar_ignores_script(engine: Engine) -> None:
    assert {each[:5] for each in ids(engine, "twin")[:4]} == {"birds"}


def test_find_similar_shared_terms_occur_in_both(engine: Engine) -> None:
    for found in find_similar(engine, BY_ID["tides1"]).articles:
        assert found.shared_terms
        for one in (BY_ID["tides1"], BY_ID[found.article.id]):
            text = fold(f"{one.title}\n{one.body}")
            assert all(term in text for term in found.shared_terms)
    best = find_similar(engine, BY_ID["tides1"]).articles[0].shared_terms
    assert not any(one != other and one in other for one in best for other in best)
    assert any(term in TIDES and term not in USUAL for term in best)


def test_find_similar_accepts_unindexed_article(engine: Engine) -> None:
    other = make_article("elsewhere", "海湾", "海湾里的潮汐与涡轮。")
    assert find_similar(engine, other).articles[0].article.id.startswith("tides")


def test_find_similar_is_empty_without_terms(engine: Engine) -> None:
    assert find_similar(engine, BY_ID["blank"]).articles == ()
    assert find_similar(engine, make_article("own", "", "鑫焱鱻")).articles == ()


@pytest.mark.parametrize("name", ENGINES)
def test_find_similar_agrees_on_every_engine(name: str, tmp_path: Path) -> None:
    one, other = (engine_with(each, tmp_path, ARCHIVE) for each in ("memory", name))
    for each in ARCHIVE:
        expected = find_similar(one, each).articles
        found = find_similar(other, each).articles
        assert [x.article.id for x in found] == [x.article.id for x in expected]
        assert [x.shared_terms for x in found] == [x.shared_terms for x in expected]
        scores = [x.score for x in expected]
        assert [x.score for x in found] == pytest.approx(scores)
    other.close()


def test_similar_is_narrowed_by_source_and_date(seeds: Cli) -> None:
    found = seeds.json("similar", "离岛代表", "--since", "2024-05-16", "--until", "2024-05-31")
    assert [each["published"][:10] for each in found["articles"]] == ["2024-05-16"]
    found = seeds.json("similar", "离岛代表", "--source", "汀海")
    assert {each["source"] for each in found["articles"]} <= {"汀海晚报", "汀海体育"}
    assert "2024-13" in seeds("similar", "离岛代表", "--since", "2024-13", status=2).err
    found = seeds.json("similar", "离岛代表", "--source", "没有", status=1)
    assert found["articles"] == []


def test_shared_terms_are_words_of_the_article(seeds: Cli) -> None:
    for each in seeds.json("similar", "seeds/001_d09b3f6672ae481c.txt")["articles"]:
        assert not {"不是", "来自", "每个"} & set(each["shared_terms"])
