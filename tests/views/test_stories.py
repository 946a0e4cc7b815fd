"""Collapsed results: reprints of one text are one hit; two texts in one frame are two."""

from __future__ import annotations

import random
from pathlib import Path

import opencc
import pytest

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Order
from newsgrep.models import Article
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, search
from newsgrep.views.stories import (
    COLLAPSE_WINDOW,
    StoryFeatures,
    first_published,
    group_stories,
    search_collapsed,
    story_features,
)
from tests.support.cli import Cli, write_article
from tests.support.factories import ENGINES, engine_with, make_article
from tests.support.schemas import schema_errors

PARTS = (
    "雾港的渡轮清晨离岸",
    "船长把海图摊在桌上",
    "澜江上游的水文站报来新的读数",
    "码头工人换了一班",
    "茶馆里有人谈起去年的台风",
    "鹭岛灯塔的守望者记下风向",
    "渔业合作社开会到深夜",
    "孩子们在堤上放风筝",
    "市长说旧桥要修",
    "报社的印刷机停了一个小时",
    "北河的盐商送来账本",
    "邮差绕过被淹的街",
)


def story(seed: int, clauses: int = 40) -> str:
    """Return a text that shares no clause with the text of another seed."""
    draw = random.Random(seed)
    said = [
        f"{draw.choice(PARTS)}{chr(0x4E00 + seed * 97 + n)}{draw.choice(PARTS)}"
        for n in range(clauses)
    ]
    ends = [draw.choice("，。；") for _ in said]
    return "".join(map("".join, zip(said, ends, strict=True)))


def like(title: str, body: str, source: str | None = "雾港日报") -> StoryFeatures:
    return story_features(fold(title), fold(body), source)


def is_same_story(one: StoryFeatures, other: StoryFeatures) -> bool:
    return len(group_stories([one, other])) == 1


def test_is_same_story_ignores_the_title() -> None:
    text = story(1)
    assert is_same_story(like("旧桥要修", text), like("雾港：市长谈桥", text, "鹭岛电台"))


def test_is_same_story_ignores_script() -> None:
    text = story(2)
    twin = opencc.OpenCC("s2tw").convert(text)
    assert twin != text
    assert is_same_story(like("风筝", text), like("風箏", twin, "澤島日報"))


def test_is_same_story_allows_small_edits() -> None:
    text = story(3)
    edited = "本报讯　" + text.replace("茶馆", "茶楼").replace("。", "。\n\n", 3) + "（完）"
    assert edited.count("茶楼") > 1
    assert is_same_story(like("茶馆", text), like("茶楼", edited, "鹭岛电台"))


def test_is_same_story_allows_cut_end_not_excerpt() -> None:
    text = story(4)
    assert is_same_story(like("全文", text), like("全文", text[: len(text) * 2 // 3]))
    assert not is_same_story(like("全文", text), like("节选", text[: len(text) // 3]))


def test_group_stories_separates_digest_from_parts() -> None:
    first, second, third = (like(f"{n}", story(n, 20)) for n in (5, 6, 7))
    digest = like("一周要闻", story(5, 20) + story(6, 20) + story(7, 20))
    assert group_stories([digest, first, second, third]) == [[0], [1], [2], [3]]


BULLETIN = (
    "{month}月{day}日，鹭岛测站发布第{day}号潮汐公报。今日高潮出现在{hour}时，潮高{high}米。"
    "测站提醒往来船只注意航道水深，遵守港务处公布的靠泊次序，不得在灯塔以东抛锚。"
    "渔民出海前应当检查通信设备，并把返港时间告诉合作社的值班员。"
    "潮汐表张贴在雾港、鹭岛、外礁三处码头，市民可以向邮局索取，不收费用。"
    "测站感谢灯塔守望者每小时的观测，明日公报照常在清晨六时发布。"
)


def bulletin(day: int) -> str:
    return BULLETIN.format(month=5, day=day, hour=day % 12 + 1, high=f"{2 + day / 10:.1f}")


def test_group_stories_separates_daily_bulletins() -> None:
    articles = [like("潮汐公报", bulletin(day), "鹭岛测站") for day in range(1, 25)]
    assert len(group_stories(articles)) == len(articles)
    # If two sources print them, each day has two versions, and days are not mixed.
    again = [like("鹭岛潮汐", bulletin(day), "雾港日报") for day in range(1, 25)]
    assert group_stories(articles + again) == [[day, day + 24] for day in range(24)]


def test_is_same_story_compares_numbers_of_one_source() -> None:
    hours = "".join(f"{hour}时在第{hour + 20}号泊位靠泊的渡轮照常离岸。" for hour in range(1, 15))
    one, other = (f"{hours}本表自5月{day}日起施行。" for day in (17, 36))
    assert not is_same_story(like("时刻表", one), like("时刻表", other))
    assert is_same_story(like("时刻表", one), like("时刻表", one.replace("施行", "实行")))
    assert is_same_story(like("时刻表", one), like("时刻表", other, "鹭岛电台"))


def test_is_same_story_separates_forms_with_other_names() -> None:
    people = (("温以澜", "在汀海修过船"), ("洪以岫", "教过地理"))
    one, other = (f"{story(8, 12)}{name}出任港务处处长，{past}。" for name, past in people)
    assert one != other
    assert not is_same_story(like("任命", one), like("任命", other))


def test_is_same_story_needs_equal_short_texts() -> None:
    text = "渡轮因大雾停航，复航时间待港务处另行通知，请旅客留意。"
    assert is_same_story(like("停航", text), like("停航", text, "鹭岛电台"))
    assert not is_same_story(like("停航", text), like("雾港停航", text, "鹭岛电台"))
    assert not is_same_story(like("图片新闻", "见图。"), like("图片新闻", "见图。"))
    assert not is_same_story(like("图片新闻", ""), like("图片新闻", ""))


def test_group_stories_does_not_follow_chains() -> None:
    clauses = [f"{part}{chr(0x5000 + n)}" for n, part in enumerate(PARTS * 5)]
    versions = [
        like(f"{step}", "。".join(clauses[step * 5 : step * 5 + 24]), f"第{step}家")
        for step in range(8)
    ]
    groups = group_stories(versions)
    assert sorted(place for group in groups for place in group) == list(range(8))
    assert 1 < len(groups) < len(versions)
    for first, *others in groups:
        assert all(is_same_story(versions[first], versions[other]) for other in others)


@pytest.mark.parametrize("seed", range(20))
def test_group_stories_equals_pairwise_comparison(seed: int) -> None:
    draw = random.Random(seed)
    texts = [story(number, draw.randint(4, 40)) for number in range(5)]
    pool = []
    for _ in range(30):
        text = draw.choice(texts)
        if draw.random() < 0.5:
            text = text[: int(len(text) * draw.uniform(0.3, 1))]
        for _ in range(draw.randint(0, 3)):
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice("改动三四，5") + text[at + 1 :]
        pool.append(like("同题", text, draw.choice(("雾港日报", "鹭岛电台", None))))

    expected: list[list[int]] = []
    for place, each in enumerate(pool):
        alike = [group for group in expected if is_same_story(pool[group[0]], each)]
        if alike:
            common = [sum(map(len, pool[g[0]].clauses & each.clauses)) for g in alike]
            alike[common.index(max(common))].append(place)
        else:
            expected.append([place])
    assert group_stories(pool) == expected


# Which version was first


def first(*dates: str | None) -> str | None:
    articles = [make_article(f"a{n}", date=date) for n, date in enumerate(dates)]
    return first_published(articles)


def test_first_published_by_certain_dates() -> None:
    assert first("2024-05-18", "2024-05-17", "2024-05-19") == "a1"
    assert first("2024-05-17T10:50:00+08:00", "2024-05-17T10:49:59+08:00") == "a1"
    # 23:30 in London is the next morning in Shanghai.
    assert first("2024-05-17T23:30:00+00:00", "2024-05-17T23:30:00+08:00") == "a1"
    assert first("2024-05-17T23:30:00+00:00", "2024-05-17") == "a1"
    assert first("2024-06", "2024-05-31") == "a1"


def test_first_published_is_none_if_uncertain() -> None:
    assert first("2024-05-17", "2024-05-17") is None
    assert first("2024-05-17", "2024-05-17T08:00:00+08:00") is None
    assert first("2024-05-17T08:00+08:00", "2024-05-17T08:00:30+08:00") is None
    assert first("2024-05", "2024-05-20") is None
    assert first("2024", "2024-05-20") is None
    assert first("2024-05-17", None) is None
    assert first(None, None) is None
    assert first("9999-12-31", "9999-12-30", "0001-01-01") == "a2"


# Pages


@pytest.fixture(scope="module")
def reprinted() -> list[Article]:
    """Return more articles than are compared; the first 20 stories occur in several of them."""
    draw = random.Random(7)
    articles = []
    for number in range(COLLAPSE_WINDOW + 37):
        text = story(number % 20 if number % 3 == 0 else number, 8 + number % 5)
        articles.append(
            make_article(
                f"n{number:03}",
                f"渡轮 {number}",
                f"渡轮。{text}",
                source=f"第{number % 7}家",
                date=f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
            )
        )
    return articles


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("order", Order)
def test_search_collapsed_pages_join_to_whole_result(
    name: str, order: Order, reprinted: list[Article], tmp_path: Path
) -> None:
    engine = engine_with(name, tmp_path, reprinted)
    request = SearchRequest(parse("渡轮 离岸 OR 渡轮"), order, limit=10_000, max_snippets=0)
    whole = search_collapsed(engine, request)
    seen = [
        article_id
        for hit, story in zip(whole.result.hits, whole.stories, strict=True)
        for article_id in (hit.article.id, *(other.id for other in story.others))
    ]
    assert sorted(seen) == sorted(each.id for each in reprinted)
    assert whole.result.total == len(reprinted)
    assert whole.compared == COLLAPSE_WINDOW
    assert whole.distinct < COLLAPSE_WINDOW
    assert [hit.rank for hit in whole.result.hits] == list(range(1, len(whole.stories) + 1))

    plain = [hit.article.id for hit in search(engine, request).hits]
    shown = [hit.article.id for hit in whole.result.hits]
    assert [each for each in plain if each in set(shown)] == shown

    for size in (90, len(shown) + 5):
        pages = [
            search_collapsed(engine, request._replace(limit=size, offset=offset))
            for offset in range(0, len(shown) + size, size)
        ]
        hits = [hit for page in pages for hit in page.result.hits]
        assert [hit.article.id for hit in hits] == shown
        assert [hit.rank for hit in hits] == list(range(1, len(shown) + 1))
        assert [each for page in pages for each in page.stories] == list(whole.stories)
    engine.close()


# The command


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Return a command with an index of four versions of one story, and another story."""
    cli = Cli(tmp_path_factory.mktemp("press"))
    text = story(30)
    prints = (
        ("雾港日报", "2024-05-18", "渡轮离岸", text),
        ("鹭岛电台", "2024-05-17", "清晨的渡轮", text[: len(text) * 3 // 4]),
        ("澤島日報", "2024-05-19", "渡輪離岸", opencc.OpenCC("s2t").convert(text)),
        ("北河晚报", "2024-05-20", "渡轮", text.replace("茶馆", "茶楼", 2)),
        ("北河晚报", "2024-05-21", "渡轮停航", story(31)),
    )
    for number, (source, date, title, body) in enumerate(prints):
        path = cli.folder / "press" / f"{number}.md"
        write_article(path, title, body, source=source, date=date)
    cli("index", "press")
    return cli


def test_collapse_text_names_other_versions(press: Cli) -> None:
    ran = press("search", "渡轮", "--collapse")
    (more,) = [line.strip() for line in ran.lines if " more: " in line]
    everyone = {"雾港日报 2024-05-18", "鹭岛电台 2024-05-17", "澤島日報 2024-05-19"}
    everyone |= {"北河晚报 2024-05-20"}
    assert more.startswith("and 3 more: ")
    assert sum(each in more for each in everyone) == 3
    assert "鹭岛电台 2024-05-17 (first)" in more or more.endswith("; this one was first")
    assert "2 stories, 5 articles in" in ran.lines[-1]


def test_collapse_json_contains_stories_and_total(press: Cli) -> None:
    result = press.json("search", "渡轮", "--collapse")
    assert schema_errors(result) == []
    assert result["total"] == 5
    assert result["stories"] == {"compared": 5, "distinct": 2}
    by_size = sorted(result["hits"], key=lambda hit: -hit["story"]["articles"])
    assert [hit["story"]["articles"] for hit in by_size] == [4, 1]
    folded = by_size[0]
    known = {folded["id"]: folded["source"]}
    known |= {other["id"]: other["source"] for other in folded["story"]["others"]}
    assert known[folded["story"]["first"]] == "鹭岛电台"
    dates = [other["published"] for other in folded["story"]["others"]]
    assert dates == sorted(dates)
    assert by_size[1]["story"] == {"articles": 1, "first": None, "others": []}


def test_collapse_offset_pages_through_stories(press: Cli) -> None:
    whole = press.json("search", "渡轮", "--collapse")["hits"]
    pages = [press.json("search", "渡轮", "--collapse", "-n1", "--offset", str(n)) for n in (0, 1)]
    assert [hit for page in pages for hit in page["hits"]] == whole
    assert press.json("search", "渡轮", "--collapse", "--offset", "2")["hits"] == []


def test_collapse_works_in_every_format(press: Cli) -> None:
    assert len(press("search", "渡轮", "--collapse", "--paths").lines) == 2
    assert len(press("search", "渡轮", "--collapse", "--jsonl").lines) == 2
    heading, *rows = press("search", "渡轮", "--collapse", "--csv").lines
    assert heading.endswith(",snippet,more,more_from,first")
    assert sorted(row.split(",")[-3] for row in rows) == ["0", "3"]
    assert sum(row.endswith(",鹭岛电台 2024-05-17") for row in rows) == 1


def test_collapse_without_hits_prints_diagnosis(press: Cli) -> None:
    ran = press("search", "海豚", "--collapse", status=1)
    assert ran.out == ""
    assert "No article matches" in ran.err
    assert press.json("search", "海豚", "--collapse", status=1)["total"] == 0
