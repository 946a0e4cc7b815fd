"""Keywords of an article and of a query, and of compared sources, counted by brute force."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.analysis.segment import python_segmenter, running_words, rust_segmenter
from newsgrep.analysis.words import STOPWORDS, SegmentedText, find_names
from newsgrep.engines.base import Engine
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.parser import parse
from newsgrep.views.compare import (
    ComparedGroup,
    Kind,
    compare_periods,
    compare_queries,
    compare_rest,
    compare_sources,
)
from newsgrep.views.keywords import (
    SIGNIFICANT_G2,
    Keyword,
    article_keywords,
    best_keywords,
    query_keywords,
    signed_g2,
    usual_spelling,
)
from tests.support.cli import Cli, write_article
from tests.support.factories import ENGINES, engine_with, make_article

# Words, texts and numbers

FERRY = ("码头今天照常开放。", "船长检查了发动机。", "旅客在候船室等待。", "港务处公布了时刻表。")
PAPER = ("市长答应拨款。", "议会讨论了预算。", "委员会表决通过。")
RADIO = ("听众打来电话。", "主持人连线渔民。", "風暴警報已經解除。")
OTHERS = ("图书馆延长开放。", "小学举行运动会。", "北河的水稻丰收。", "画展在博物馆开幕。")


def archive() -> list[Article]:
    """Return 40 articles on ferries in a paper, 25 of a station, and 80 on other subjects.

    The name of the captain, 温以澜, is in no dictionary.
    """
    draw = random.Random(11)
    articles: list[Article] = []

    def add(source: str, sentences: list[str], month: int) -> None:
        number = len(articles)
        body = "".join(draw.sample(sentences, len(sentences)))
        date = f"2024-{month:02}-{number % 28 + 1:02}"
        articles.append(
            make_article(f"n{number:03}", f"第{number}条", body, source=source, date=date)
        )

    for number in range(40):
        sentences = ["渡轮离岸。", *draw.sample(FERRY, 3), *draw.sample(PAPER, 2)]
        add("雾港日报", sentences + ["温以澜说船已修好。"] * (number % 2), number % 3 + 1)
    for number in range(25):
        sentences = ["渡轮離岸。", *draw.sample(FERRY, 3), *draw.sample(RADIO, 2)]
        add("鹭岛电台", sentences, number % 5 + 1)
    for number in range(80):
        source = ("雾港日报", "鹭岛电台", "北河晚报", "鹭岛电台二台")[number % 4]
        add(source, draw.sample(OTHERS, 3) + draw.sample(PAPER, 1), number % 12 + 1)
    return articles


ARCHIVE = archive()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(request.param, tmp_path, ARCHIVE)
    yield engine
    engine.close()


def count_by_hand(word: str, source: str = "", *, also: str = "") -> int:
    """Return by brute force how many articles contain the word and ``also``."""
    texts = [
        fold(each.body) for each in ARCHIVE if source in (each.source or "") and also in each.body
    ]
    return sum(fold(word) in text for text in texts)


def test_signed_g2_is_log_likelihood_ratio() -> None:
    def likelihood(having: int, size: int, rate: float) -> float:
        yes = having * math.log(rate) if having else 0.0
        return yes + ((size - having) * math.log(1 - rate) if having < size else 0.0)

    draw = random.Random(3)
    for _ in range(500):
        size, others = draw.randint(1, 400), draw.randint(1, 400)
        having, there = draw.randint(0, size), draw.randint(0, others)
        together = (having + there) / (size + others)
        ratio = 0.0
        if 0 < together < 1:
            apart = likelihood(having, size, having / size)
            apart += likelihood(there, others, there / others)
            one = likelihood(having, size, together) + likelihood(there, others, together)
            ratio = 2 * (apart - one)
        g2 = signed_g2(having, size, there, others)
        assert abs(g2) == pytest.approx(ratio, abs=1e-6)
        assert g2 == pytest.approx(-signed_g2(there, others, having, size), abs=1e-6)
        if abs(g2) > 1e-6:
            assert (g2 > 0) == (having / size > there / others)
    assert signed_g2(3, 3, 0, 0) == signed_g2(0, 0, 3, 3) == 0


def test_running_words_agree_in_both_segmenters() -> None:
    texts = [fold(f"{each.title}\n{each.body} GPT-4o, 3.14") for each in ARCHIVE[::7]]
    rust, python = rust_segmenter(), python_segmenter()
    for text in texts:
        assert running_words(text, rust) == running_words(text, python)


def test_running_words_keep_order() -> None:
    assert running_words(fold("渡輪離岸，GPT-4o！")) == [["渡轮", "离岸"], ["gpt"], ["4o"]]


def test_find_names_outside_the_dictionary() -> None:
    bodies = ["温以澜说船已修好。", "记者问温以澜。", "而温以澜没有回答。", "气温下降，以澜为名。"]
    texts = [SegmentedText("", body) for body in bodies]
    assert find_names(texts, 3) == {"温以澜": 3}
    assert find_names(texts[:2], 3) == {}


def test_usual_spelling_is_the_most_frequent() -> None:
    written = ["聯合聲明與联合声明", "聯合聲明", "GPT 和 gpt、GPT"]
    texts = [(fold(text), text) for text in written]
    assert usual_spelling("联合声明", texts) == "聯合聲明"
    assert usual_spelling("gpt", texts) == "GPT"
    assert usual_spelling("海带", texts) == "海带"


def test_best_keywords_drops_parts_of_words() -> None:
    found = [
        Keyword("国防部", 50, 1, 90.0),
        Keyword("国防", 52, 9, 80.0),
        Keyword("国防大学", 3, 0, 20.0),
        Keyword("大学", 30, 2, 70.0),
    ]
    assert [each.word for each in best_keywords(found, 9)] == ["国防部", "大学", "国防大学"]
    assert [each.word for each in best_keywords(found, 1)] == ["国防部"]


# Keywords of a query and of an article


def test_query_keywords_counts_are_exact(engine: Engine) -> None:
    found = query_keywords(engine, parse("渡轮"), 50)
    assert (found.articles, found.others) == (65, 80)
    assert found.words
    for word in found.words:
        everywhere = count_by_hand(word.word)
        assert word.articles == count_by_hand(word.word, also="渡轮")
        assert word.elsewhere == everywhere - word.articles
        expected = signed_g2(word.articles, 65, word.elsewhere, 80)
        assert word.score == pytest.approx(expected)
        assert word.score >= SIGNIFICANT_G2
    words = [word.word for word in found.words]
    assert {"码头", "船长", "温以澜"} <= set(words)
    assert not {"渡轮", "图书馆", "市长", "第"} & set(words)
    assert found.words == tuple(sorted(found.words, key=lambda word: (-word.score, word.word)))


def test_query_keywords_are_content_words(engine: Engine) -> None:
    for query in ("渡轮", "图书馆", "市长", "n"):
        for word in query_keywords(engine, parse(query), 100).words:
            assert len(word.word) > 1
            assert fold(word.word) not in STOPWORDS
            assert not word.word.isnumeric()


def test_article_keywords_are_frequent_and_rare(engine: Engine) -> None:
    body = "渡轮离岸。温以澜看着海牛，海牛看着温以澜。" + "码头有海牛。" * 2
    for new in (make_article("new", "海牛来了", body), make_article("n000", "海牛来了", body)):
        found = article_keywords(engine, new, 20)
        assert found.articles == 1
        by_word = {word.word: word for word in found.words}
        assert found.words[0].word == "海牛"
        assert (by_word["海牛"].occurrences, by_word["海牛"].elsewhere) == (5, 0)
        assert by_word["温以澜"].occurrences == 2
        assert by_word["码头"].score > by_word["渡轮"].score


def test_query_keywords_of_few_articles(engine: Engine) -> None:
    found = query_keywords(engine, parse("id:n003"), 5)
    assert found.articles == 1
    assert found.words
    assert query_keywords(engine, parse("海牛"), 5).words == ()


def test_query_keywords_of_all_articles_is_empty(engine: Engine) -> None:
    found = query_keywords(engine, parse("-海牛"), 5)
    assert (found.articles, found.others, found.words) == (145, 0, ())


# Compared sources


def test_compare_sources_counts_are_exact(engine: Engine) -> None:
    paper, radio = compare_sources(engine, parse("渡轮"), ["雾港", "电台"], 30).groups
    assert paper.matching_sources == (("雾港日报", 40),)
    assert dict(radio.matching_sources) == {"鹭岛电台": 25, "鹭岛电台二台": 0}
    assert (paper.articles, paper.total) == (40, 60)
    assert (radio.articles, radio.total) == (25, 65)
    assert list(paper.months) == ["2024-01", "2024-02", "2024-03"]
    assert sum(radio.months.values()) == 25
    assert paper.first
    assert paper.first.published
    ferries = [e for e in ARCHIVE if e.source == "雾港日报" and "渡轮" in e.body]
    assert paper.first.published.iso == min(e.published.iso for e in ferries if e.published)
    for side, here, there in ((paper, "雾港", "电台"), (radio, "电台", "雾港")):
        assert side.words
        for word in side.words:
            assert word.articles == count_by_hand(word.word, here, also="渡轮")
            assert word.elsewhere == count_by_hand(word.word, there, also="渡轮")
            sizes = (40, 25) if side is paper else (25, 40)
            expected = signed_g2(word.articles, sizes[0], word.elsewhere, sizes[1])
            assert word.score == pytest.approx(expected)
    assert {"市长", "议会"} <= {word.word for word in paper.words}
    # In the spelling of the source that uses it.
    assert "警報" in {word.word for word in radio.words}
    assert not {word.word for word in paper.words} & {word.word for word in radio.words}


def test_compare_sources_ignores_script(engine: Engine) -> None:
    plain = compare_sources(engine, parse("渡轮"), ["雾港", "北河"], 3).groups
    folded = compare_sources(engine, parse("渡輪"), ["霧港", "北河"], 3).groups
    assert [each._replace(name="") for each in folded] == [s._replace(name="") for s in plain]


def test_compare_sources_rejects_unknown_or_overlapping(engine: Engine) -> None:
    with pytest.raises(UsageError, match="海王星"):
        compare_sources(engine, parse("渡轮"), ["雾港", "海王星"], 3)
    with pytest.raises(UsageError, match="鹭岛电台"):
        compare_sources(engine, parse("渡轮"), ["电台", "鹭岛"], 3)


def check_words(groups: Sequence[ComparedGroup], members: Sequence[set[str]]) -> None:
    """Compare the words of each group with counts by brute force in the ``members`` of each."""
    bodies = {each.id: fold(each.body) for each in ARCHIVE}
    for group, own in zip(groups, members, strict=True):
        others = set[str]().union(*members) - own
        assert group.articles == len(own)
        assert group.words
        for word in group.words:
            here = sum(fold(word.word) in bodies[each] for each in own)
            there = sum(fold(word.word) in bodies[each] for each in others)
            assert (word.articles, word.elsewhere) == (here, there)
            assert word.score == pytest.approx(signed_g2(here, len(own), there, len(others)))
            assert word.score >= SIGNIFICANT_G2


def ids_of(*words: str, months: range = range(1, 13)) -> set[str]:
    """Return the articles of these months that contain one of ``words``, without an index."""
    return {
        each.id
        for each in ARCHIVE
        if each.published
        and int(each.published.iso[5:7]) in months
        and any(word in fold(each.body) for word in words)
    }


def test_compare_periods_counts_are_exact(engine: Engine) -> None:
    query = parse("source:雾港 OR source:电台")
    found = compare_periods(engine, query, ["2024-01..2024-02", "2024-03..2024-12"], 30)
    paper_or_radio = {each.id for each in ARCHIVE if "北河" not in (each.source or "")}
    members = [ids_of("", months=months) & paper_or_radio for months in (range(1, 3), range(3, 13))]
    check_words(found.groups, members)
    in_periods = [ids_of("", months=months) for months in (range(1, 3), range(3, 13))]
    assert [group.total for group in found.groups] == list(map(len, in_periods))
    assert found.groups[0].parsed.endswith("AND date:2024-01-01..2024-02-29")
    assert (found.kind, found.overlap) == (Kind.PERIODS, False)
    assert len(found) == 2


def test_compare_periods_may_overlap(engine: Engine) -> None:
    found = compare_periods(engine, parse("渡轮"), ["2024-01..2024-02", "2024-02..2024-12"], 30)
    members = [ids_of("渡轮", months=months) for months in (range(1, 3), range(2, 13))]
    assert [group.articles for group in found.groups] == list(map(len, members))
    assert found.overlap
    for group, own in zip(found.groups, members, strict=True):
        others = set[str]().union(*members) - own
        assert all(word.elsewhere <= len(others) for word in group.words)


def test_compare_queries_counts_are_exact(engine: Engine) -> None:
    queries = [parse(text) for text in ("渡轮", "议会 source:雾港", "预算 OR 画展")]
    found = compare_queries(engine, queries, 30)
    paper = {each.id for each in ARCHIVE if each.source == "雾港日报"}
    members = [ids_of("渡轮"), ids_of("议会") & paper, ids_of("预算", "画展")]
    assert found.overlap
    check_words(found.groups, members)
    assert [group.name for group in found.groups] == ["渡轮", "议会 source:雾港", "预算 OR 画展"]
    assert [group.total for group in found.groups] == [145, len(paper), 145]
    words = {word.word for group in found.groups for word in group.words}
    assert not words & {"渡轮", "议会", "预算", "画展"}


def test_compare_query_with_rest_is_exact(engine: Engine) -> None:
    found = compare_rest(engine, parse("渡轮 source:雾港"), 30)
    paper = {each.id for each in ARCHIVE if each.source == "雾港日报"}
    ferries = ids_of("渡轮") & paper
    check_words(found.groups, [ferries, paper - ferries])
    assert [group.name for group in found.groups] == ["渡轮 source:雾港", "rest"]
    assert [group.total for group in found.groups] == [len(paper)] * 2
    with pytest.raises(UsageError, match="Every article matches"):
        compare_rest(engine, parse("*"), 30)


def test_compare_rejects_invalid_periods(engine: Engine) -> None:
    with pytest.raises(UsageError, match="Invalid period “2024-13”"):
        compare_periods(engine, parse("渡轮"), ["2024", "2024-13"], 3)
    with pytest.raises(UsageError, match="51 groups, more than 50"):
        compare_periods(engine, parse("渡轮"), ["2024"] * 51, 3)


# The commands


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Return a command with an index of the archive above."""
    cli = Cli(tmp_path_factory.mktemp("press"))
    for each in ARCHIVE:
        assert each.source
        assert each.published
        path = cli.folder / "press" / f"{each.id}.md"
        date = each.published.iso
        write_article(path, each.title, each.body, source=each.source, date=date)
    cli("index", "press")
    return cli


def test_keywords_command_prints_statistic(press: Cli) -> None:
    ran = press("keywords", "渡轮", "-n3")
    assert len(ran.lines) == 1 + 3 + 2
    assert ran.lines[-1] == "G² of article counts: 65 articles against 80 others"
    result = press.json("keywords", "渡轮", "-n3")
    assert [word["word"] for word in result["words"]] == [row.split()[0] for row in ran.lines[1:4]]
    assert (result["articles"], result["others"]) == (65, 80)


def test_keywords_command_accepts_id_or_path(press: Cli) -> None:
    (hit,) = press.json("search", "渡轮", "-n1")["hits"]
    by_id = press.json("keywords", hit["id"])
    by_path = press.json("keywords", str(Path(hit["path"]).relative_to(press.folder.resolve())))
    assert by_id["words"] == by_path["words"]
    assert by_id["statistic"] == "tf·idf in this archive"
    assert all(word["occurrences"] >= 1 for word in by_id["words"])


def test_keywords_command_without_keywords(press: Cli) -> None:
    assert "No article matches" in press("keywords", "海牛", status=1).err
    assert "All articles of the index match" in press("keywords", "--", "-海牛", status=1).err
    assert press.json("keywords", "海牛", status=1)["words"] == []


def test_compare_sources_rejects_too_many_names(engine: Engine) -> None:
    with pytest.raises(UsageError, match="51 sources, more than 50"):
        compare_sources(engine, parse("渡轮"), [f"报{n}" for n in range(51)], 5)


def test_compare_command_in_every_format(press: Cli) -> None:
    ran = press("compare", "渡轮", "--sources", "雾港,电台")
    assert "  sources   鹭岛电台 25, 鹭岛电台二台 0" in ran.lines
    assert "  articles  40 of 60 (66.7%)" in ran.lines
    assert "G² of article counts" in ran.lines[-1]
    (months,) = [line for line in ran.lines if "█" in line and "most in 2024-01: 14" in line]
    assert months.startswith("  months    █")
    assert "  2024-01 to 2024-05, " in months

    result = press.json("compare", "渡轮", "--sources", "雾港,电台", "-n5")
    assert [group["articles"] for group in result["groups"]] == [40, 25]
    assert (result["kind"], result["parsed"], result["overlap"]) == ("sources", "渡轮", False)
    rows = list(csv.DictReader(press("compare", "渡轮", "--sources=雾港,电台", "--csv").lines))
    assert [row["name"] for row in rows] == ["雾港", "电台"]
    assert [row["share"] for row in rows] == ["0.666667", "0.384615"]


def test_compare_command_with_periods_queries_and_rest(press: Cli) -> None:
    ran = press("compare", "渡轮", "--periods", "2024-01,2024-02..2024-12")
    assert [line for line in ran.lines if line.startswith("2024")] == [
        "2024-01",
        "2024-02..2024-12",
    ]
    ran = press("compare", "渡轮", "--with", "议会", "--source", "雾港")
    assert "count in each, and not among its others" in ran.lines[-1]
    assert press("compare", "渡轮").lines[0] == "渡轮"
    assert "other articles" in press("compare", "渡轮").lines
    kinds = {
        "periods": ("--periods", "2024-01,2024-02"),
        "queries": ("--with", "议会"),
        "rest": (),
    }
    for kind, options in kinds.items():
        result = press.json("compare", "渡轮", *options)
        assert result["kind"] == kind
        rows = list(csv.DictReader(press("compare", "渡轮", *options, "--csv").lines))
        assert [row["name"] for row in rows] == [group["name"] for group in result["groups"]]
    assert (
        "exclude each other"
        in press("compare", "渡轮", "--with", "议会", "--sources", "雾港,电台", status=2).err
    )
    assert "at least two periods" in press("compare", "渡轮", "--periods", "2024", status=2).err


def test_compare_command_rejects_bad_sources(press: Cli) -> None:
    assert "at least two names" in press("compare", "渡轮", "--sources", "雾港", status=2).err
    assert "海王星" in press("compare", "渡轮", "--sources", "雾港,海王星", status=2).err
    assert "None of these" in press("compare", "海牛", "--sources", "雾港,北河", status=1).err


def test_similar_command_in_every_format(press: Cli) -> None:
    (hit,) = press.json("search", "画展 图书馆", "-n1")["hits"]
    result = press.json("similar", hit["id"], "-n5")
    assert result["to"]["id"] == hit["id"]
    assert len(result["articles"]) == 5
    assert hit["id"] not in {each["id"] for each in result["articles"]}
    assert [each["rank"] for each in result["articles"]] == [1, 2, 3, 4, 5]
    for each in result["articles"]:
        body = press.json("show", each["id"])["body"]
        assert each["shared_terms"]
        assert all(word in fold(body) + fold(each["title"]) for word in each["shared_terms"])
        assert "渡轮" not in body
    paths = press("similar", hit["id"], "-n5", "--paths", "-0").stdout.split(b"\0")
    assert [path.decode() for path in paths[:-1]] == [each["path"] for each in result["articles"]]
    assert len(press("similar", hit["id"], "-n5", "--jsonl").lines) == 5
    assert result["articles"][0]["title"] in press("similar", hit["id"]).out


def test_similar_command_accepts_unindexed_file(press: Cli) -> None:
    draft = write_article(press.folder / "draft.md", "新船", "渡轮的船长检查发动机，旅客在候船室。")
    result = press.json("similar", "draft.md", "-n3")
    assert result["to"]["path"] == str(draft.resolve())
    assert all("渡轮" in press.json("show", each["id"])["body"] for each in result["articles"])
    draft.write_text("---\ntitle: \n---\n", "utf-8")
    assert "Cannot read an article from draft.md" in press("similar", "draft.md", status=2).err
    draft.unlink()
    # As for newsgrep show, 1 says that nothing was found, and 2 that a file cannot be read.
    assert "No article with the id, path" in press("similar", "draft.md", status=1).err


def test_similar_command_without_similar_articles(press: Cli) -> None:
    write_article(press.folder / "odd.md", "Zyzzyva", "Quokkas juggle xylophones.")
    ran = press("similar", "odd.md", status=1)
    assert ran.out == ""
    assert "No article shares" in ran.err
    (press.folder / "odd.md").unlink()


def test_keywords_accept_the_number_of_a_hit(seeds: Cli) -> None:
    found = seeds.json("search", "离岛代表 渔场")["hits"][0]
    seeds("search", "离岛代表 渔场")
    by_number = seeds.json("keywords", "1", "-n", "5")
    assert by_number["words"] == seeds.json("keywords", found["id"], "-n", "5")["words"]
    assert by_number["parsed"] is None
    assert seeds.json("keywords", "渔场 OR 配额", "-n", "1")["parsed"] == "渔场 OR 配额"


def test_compare_of_many_years_has_a_bar_for_each_year(cli: Cli) -> None:
    for year in (2010, 2024):
        write_article(cli.folder / "a" / f"{year}.md", f"渡轮{year}", "雾。", date=f"{year}-03-01")
    cli("index", "a")
    bars = [line for line in cli("compare", "渡轮", "--periods", "2010,2024").lines if "█" in line]
    assert all(line.startswith("  years     ") for line in bars)
    assert ["2010 to 2024, most in 2010-03: 1" in line for line in bars] == [True, False]


def test_keywords_of_a_whole_index_say_that_nothing_is_left(seeds: Cli) -> None:
    ran = seeds("keywords", "*", status=1)
    assert "All articles of the index match, so there are no others" in ran.err
    assert seeds.json("keywords", "*", status=1)["others"] == 0
