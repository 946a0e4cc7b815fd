"""Pages and data of ``newsgrep serve``, in this process: contents, links, errors, caching."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from docs import build_openapi
from newsgrep.web.endpoints import DATA
from tests.support.cli import Cli
from tests.support.schemas import load_schema, schema_errors
from tests.support.web import Pages, Reply


@pytest.fixture(scope="module")
def pages(tides: Cli) -> Iterator[Pages]:
    found = Pages(tides.folder / "index", name="tides", shows_paths=True)
    yield found
    found.site.close()


def follow(pages: Pages, href: str) -> Reply:
    """Return the page that a link of another page leads to."""
    parts = urlsplit(href)
    parameters: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    match = re.fullmatch(r"/article/(\w+)(/diff|/file)?", parts.path)
    if match:
        route = {None: "article", "/diff": "difference", "/file": "file"}[match[2]]
        return pages(route, match[1], "", **parameters)
    return pages(parts.path.strip("/") or "search", **parameters)


def total(reply: Reply) -> int:
    (heading,) = reply.texts("//h1[@class='count']")
    return int(heading.split()[0].replace(",", ""))


# The search page


def test_search_shows_the_same_hits_as_the_command(tides: Cli, pages: Pages) -> None:
    expected = tides.json("search", "--json", "灯塔", "-n", "20")
    reply = pages(q="灯塔")
    links = reply.tree.xpath("//article[@class='hit']/h2/a/@href")
    assert [link.split("/")[2].split("?")[0] for link in links] == [
        hit["id"] for hit in expected["hits"]
    ]
    assert total(reply) == expected["total"]
    assert "灯塔" in reply.texts("//p[contains(@class,'snippet')]/mark")


def test_facets_narrow_the_result_to_their_count(pages: Pages) -> None:
    reply = pages(q="潮汐")
    values = reply.tree.xpath("//aside[contains(@class,'facets')]//li/a")
    assert len(values) > 5
    for link in values:
        count = int(link.xpath("string(span[@class='number'])").replace(",", ""))
        assert total(follow(pages, link.get("href"))) == count


def test_chosen_facets_are_chips_that_can_be_removed(pages: Pages) -> None:
    reply = pages(q="潮汐", source_is="鹭岛电台", since="2023-05", until="2024-02")
    chips = reply.tree.xpath("//ul[@class='chips']//a")
    assert len(chips) == 2
    source, date = (follow(pages, chip.get("href")) for chip in chips)
    assert total(reply) < total(source)
    assert total(reply) < total(date)
    assert total(date) == 10
    either = pages(q="灯塔 台风", any=1)
    (chip,) = either.tree.xpath("//ul[@class='chips']//a/@href")
    assert total(follow(pages, chip)) < total(either)


def test_bars_of_the_chart_lead_to_their_articles(pages: Pages) -> None:
    reply = pages(q="潮汐")
    bars = reply.tree.xpath("//figure//a")
    labels = [bar.get("aria-label") for bar in bars]
    assert sum(int(label.rsplit(" ", 1)[1]) for label in labels) == total(reply) == 30
    assert total(follow(pages, bars[3].get("href"))) == int(labels[3].rsplit(" ", 1)[1])


def test_pages_neither_repeat_nor_skip_hits(pages: Pages) -> None:
    reply = pages(q="潮汐", sort="-date")
    seen: list[str] = []
    while True:
        seen += reply.tree.xpath("//article[@class='hit']/h2/a/@href")
        following = reply.tree.xpath("//a[@rel='next']/@href")
        if not following:
            break
        reply = follow(pages, following[0])
    assert len(seen) == len(set(seen)) == 30


def test_links_of_a_page_keep_query_and_filters(pages: Pages) -> None:
    reply = pages(q="潮汐", source_is="鹭岛电台", any="1")
    for link in reply.tree.xpath("//nav[@aria-label='Views']//a/@href"):
        pairs = dict(parse_qsl(urlsplit(link).query))
        assert pairs == {"q": "潮汐", "source_is": "鹭岛电台", "any": "1"}


def test_mistake_in_a_query_is_underlined(pages: Pages) -> None:
    reply = pages(q='潮汐 "灯塔')
    assert reply.status == 400
    assert reply.texts("//span[@class='wrong']") == ['"']
    assert "Unclosed quote" in reply.text
    assert reply.tree.xpath("//input[@id='q']/@value") == ['潮汐 "灯塔']


@pytest.mark.parametrize(
    "parameters",
    [
        {"sort": "best"},
        {"offset": "-1"},
        {"offset": "9" * 50},
        {"since": "someday"},
        {"tz": "Mars"},
        {"variants": "x"},
        {"q": "潮汐", "recency": "5"},
        {"q": "/(/"},
        {"q": "saved:nothing"},
        {"any": "maybe"},
    ],
    ids=str,
)
def test_wrong_parameters_are_errors_with_the_form(pages: Pages, parameters: Any) -> None:
    reply = pages(**parameters)
    assert reply.status == 400
    assert len(reply.texts("//div[@role='alert']/p[last()]")[0]) > 20
    assert reply.tree.xpath("//input[@id='q']")


def test_no_hits_are_explained_with_links(pages: Pages) -> None:
    reply = pages(q="灯塔 海啸")
    assert total(reply) == 0
    assert "海啸" in "".join(reply.texts("//div[@class='diagnosis']//li"))
    (link,) = reply.tree.xpath("//div[@class='diagnosis']/ul//a/@href")
    assert total(follow(pages, link)) == 15
    assert reply.texts("//p[@class='lacks']")


def test_reprints_are_one_hit_where_requested(cli: Cli) -> None:
    for number in range(3):
        text = "".join(f"搬运工把{n}箱海带抬上第{n}号栈桥，随后渡轮鸣笛离岸。" for n in range(20))
        (cli.folder / f"{number}.md").write_text(f"# 海带{number}\n\n{text}\n", "utf-8")
    cli("index", ".")
    pages = Pages(cli.folder / "index")
    assert len(pages(q="海带").tree.xpath("//article[@class='hit']")) == 3
    collapsed = pages(q="海带", collapse="1")
    assert len(collapsed.tree.xpath("//article[@class='hit']")) == 1
    assert len(collapsed.tree.xpath("//details[@class='story']//li")) == 2
    pages.site.close()


# Articles


def test_article_shows_text_matches_and_citations(tides: Cli, pages: Pages) -> None:
    hit = tides.json("search", "--json", "灯塔")["hits"][0]
    article = tides.json("show", hit["id"], "--json")
    reply = pages("article", hit["id"], q="灯塔")
    assert reply.texts("//div[contains(@class,'body')]/p") == article["body"].split("\n\n")
    marks = reply.tree.xpath("//mark/@id")
    assert marks == [f"m{n}" for n in range(1, len(marks) + 1)]
    assert marks
    shown = [each.strip() for each in reply.texts("//details[@class='citation']/pre")]
    for style, text in zip(("gbt7714", "chicago"), shown, strict=False):
        assert text == " ".join(tides("cite", hit["id"], "--to", style).out.split())


def test_article_links_to_similar_ones(tides: Cli, pages: Pages) -> None:
    found = tides.json("search", "--json", "灯塔")["hits"][0]["id"]
    expected = tides.json("similar", found, "--json", "-n", "6")["articles"]
    links = pages("article", found).tree.xpath("//ul[@class='similar']//a/@href")
    assert [link.rsplit("/", 1)[1] for link in links] == [each["id"] for each in expected]


def test_unknown_article_is_not_found(pages: Pages) -> None:
    assert pages("article", "a" * 12).status == 404
    assert pages("article", "../../etc").status == 404
    assert pages("api_article", "a" * 12).json["error"]["message"]


def test_file_is_sent_only_as_it_was_indexed(cli: Cli) -> None:
    path = cli.folder / "a.html"
    page = "<script>alert(1)</script><h1>渡轮靠岸</h1><p>" + "渡轮今晨靠岸，无人受伤。" * 9 + "</p>"
    path.write_text(page, "utf-8")
    cli("index", "a.html")
    pages = Pages(cli.folder / "index")
    found = cli.json("search", "--json", "渡轮")["hits"][0]["id"]
    reply = pages("file", found)
    assert (reply.data.decode(), reply.media_type) == (page, "application/octet-stream")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="a.html"'
    path.write_text("other", "utf-8")
    assert pages("file", found).status == 404
    path.unlink()
    assert pages("file", found).status == 404
    pages.site.close()


def test_versions_are_listed_and_compared(cli: Cli) -> None:
    head = "---\ntitle: 渡轮停航\nurl: https://n.example/1\ndate: 2024-05-17\nfetched: {}\n---\n\n"
    for day, middle in (("2024-05-17", "三人受伤。"), ("2024-05-19", "五人受伤，均无大碍。")):
        text = "渡轮今晨在鹭岛靠岸时撞上栈桥。" * 4 + middle + "航线预计周末恢复。" * 4
        (cli.folder / f"{day}.md").write_text(head.format(day) + text, "utf-8")
    cli("index", ".")
    pages = Pages(cli.folder / "index")
    found = cli.json("search", "--json", "渡轮")["hits"][0]["id"]
    (link,) = pages("article", found).tree.xpath("//ol[@class='versions']//a/@href")
    reply = follow(pages, link)
    assert reply.texts("//div[contains(@class,'body')]/del")
    assert "五" in "".join(reply.texts("//div[contains(@class,'body')]/ins"))
    assert pages("difference", found, from_="1", to="7").status == 400
    pages.site.close()


# Other views


def test_timeline_charts_show_every_bin(tides: Cli, pages: Pages) -> None:
    expected = tides.json("timeline", "灯塔", "--by", "month", "--json")["series"][0]["bins"]
    reply = pages("timeline", q="灯塔", by="month")
    labels = [each.get("aria-label") for each in reply.tree.xpath("//figure//a")]
    assert [int(re.findall(r": (\d+)", label)[0]) for label in labels] == [
        each["count"] for each in expected
    ]
    rows = reply.texts("//details[@class='table']//tbody/tr/td")
    assert list(map(int, rows)) == [each["count"] for each in expected]


def test_timeline_draws_one_chart_for_each_source_or_query(pages: Pages) -> None:
    by_source = pages("timeline", q="潮汐", per="source", count="share")
    assert len(by_source.tree.xpath("//figure")) == 3
    beside = pages("timeline", q="灯塔", with_="台风")
    assert beside.texts("//figcaption") == ["灯塔", "台风"]


def test_kwic_lines_are_those_of_the_command(tides: Cli, pages: Pages) -> None:
    expected = tides.json("kwic", "灯塔", "--sort", "right", "--json")
    reply = pages("kwic", q="灯塔", order="right")
    rows = reply.tree.xpath("//table[@class='kwic']/tbody/tr")
    links = [row.xpath("string(td[@class='keyword']/a/@href)") for row in rows]
    lines = expected["lines"] if isinstance(expected, dict) else expected
    assert [link.split("/")[2].split("?")[0] for link in links] == [each["id"] for each in lines]


def test_keywords_and_comparison_link_to_searches(tides: Cli, pages: Pages) -> None:
    words = pages("keywords", q="灯塔").texts("//table[@class='words']/tbody/tr/th")
    expected = tides.json("keywords", "灯塔", "--json", "-n", "60")["words"]
    assert words == [each["word"] for each in expected]
    reply = pages("compare", q="灯塔", names=["雾港日报", "鹭岛电台"])
    assert reply.texts("//div[@class='compared']//h2") == ["雾港日报", "鹭岛电台"]
    assert pages("compare", q="灯塔", names=["雾港日报", "雾港"]).status == 400
    for parameters, names in (
        ({"periods": "2023,2024-01..2024-06"}, ["2023", "2024-01..2024-06"]),
        ({"with": "台风"}, ["灯塔", "台风"]),
        ({"rest": 1}, ["灯塔", "all other articles"]),
    ):
        reply = pages("compare", "", "", "", q="灯塔", **parameters)
        assert reply.texts("//div[@class='compared']//h2") == names
        data = pages("api_compare", "", "", "", q="灯塔", **parameters)
        assert schema_errors(data.json, load_schema("compare")) == []


def test_saved_queries_show_how_many_articles_are_new(cli: Cli) -> None:
    (cli.folder / "a.md").write_text("# 一号公报\n\n海带三筐，已运上岸。\n", "utf-8")
    cli("index", ".")
    cli("saved", "add", "海带", "海带 OR 紫菜")
    cli("saved", "add", "渡轮", "渡轮")
    cli("new", "海带", status=1)
    (cli.folder / "b.md").write_text("# 二号公报\n\n紫菜五筐，已运上岸。\n", "utf-8")
    cli("index", ".")
    pages = Pages(cli.folder / "index")
    reply = pages("saved")
    rows = [reply.texts(f"//table[@class='saved']/tbody/tr[{n}]/td") for n in (1, 2)]
    assert rows == [["海带 OR 紫菜", "2", "1"], ["渡轮", "0", "–"]]
    new = pages("new", "海带")
    assert new.texts("//article[@class='hit']/h2") == ["二号公报"]
    assert pages("new", "没有").status == 404
    found = pages("api_new", "海带").json
    assert schema_errors(found, load_schema("new-json")) == []
    assert [each["title"] for each in found["queries"][0]["articles"]] == ["二号公报"]
    assert "海带" in pages(q="saved:海带").text
    before = sorted(path for path in cli.folder.rglob("*") if path.is_file())
    assert pages("new", "渡轮").status == 200
    assert sorted(path for path in cli.folder.rglob("*") if path.is_file()) == before
    pages.site.close()


# Data


@pytest.mark.parametrize(
    ("route", "command"),
    [
        ("api_search", ("search", "--json", "灯塔")),
        ("api_timeline", ("timeline", "--json", "灯塔")),
        ("api_keywords", ("keywords", "--json", "灯塔")),
        ("api_count", ("count", "--json", "灯塔")),
        ("api_sources", ("sources", "--json", "灯塔")),
    ],
)
def test_data_are_those_of_the_commands(
    tides: Cli, pages: Pages, route: str, command: tuple[str, ...]
) -> None:
    found, expected = pages(route, q="灯塔").json, tides.json(*command)
    for value in (found, expected):
        value.pop("took_ms", None)
    assert found == expected


def test_data_have_the_schemas_of_the_commands(tides: Cli, pages: Pages) -> None:
    found = tides.json("search", "--json", "灯塔")["hits"][0]["id"]
    for route, target, name, parameters in (
        ("api_search", "", "search", {"q": "灯塔", "facets": "source,month", "explain": 1}),
        ("api_search", "", "search", {"q": "灯塔 海啸"}),
        ("api_search", "", "search", {}),
        ("api_search", "", "search", {"q": "潮汐", "collapse": 1}),
        ("api_article", found, "article", {"all": 1}),
        ("api_history", found, "history", {}),
        ("api_similar", found, "similar", {}),
        ("api_article_keywords", found, "keywords", {}),
        ("api_timeline", "", "timeline", {"q": "灯塔", "count": "per-million"}),
        ("api_keywords", "", "keywords", {"q": "灯塔"}),
        ("api_kwic", "", "kwic-json", {"q": "灯塔"}),
        ("api_collocates", "", "collocates", {"q": "灯塔", "window": 3}),
        ("api_compare", "", "compare", {"q": "灯塔", "names": ["雾港日报", "鹭岛电台"]}),
        ("api_count", "", "count", {"q": "灯塔", "by": "source"}),
        ("api_sources", "", "sources", {"q": "灯塔"}),
    ):
        reply = pages(route, target, "", **parameters)
        assert reply.status == 200, reply.text
        assert schema_errors(reply.json, load_schema(name)) == [], (route, parameters)


@pytest.mark.parametrize("form", ["csv", "jsonl", "bibtex", "ris", "md", "csl"])
def test_all_matches_can_be_downloaded(tides: Cli, pages: Pages, form: str) -> None:
    expected = tides("export", "灯塔", "--to", form, "--sort", "-date").out
    reply = pages("api_articles", q="灯塔", format=form)
    assert "attachment" in reply.headers["Content-Disposition"]
    assert reply.text.split() == expected.split()


def test_unknown_parameters_of_data_are_errors(pages: Pages) -> None:
    for route, parameters in (
        ("api_search", {"query": "x"}),
        ("api_saved", {"q": "x"}),
        ("api_search", {"q": "x", "format": "xml"}),
        ("api_saved", {"format": "csv"}),
        ("api_search", {"q": "x", "facets": "colour"}),
    ):
        reply = pages(route, **parameters)
        assert reply.status == 400
        assert reply.json["error"]["message"]


def test_openapi_describes_every_address_and_resolves() -> None:
    description = json.loads(build_openapi.build())
    assert set(description["paths"]) == {each.path for each in DATA.values()}
    schemas = {each["$id"]: each for each in description["components"]["schemas"].values()}
    for name, schema in description["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for reference in re.findall(r'"\$ref": "([\w-]+\.schema\.json)', json.dumps(schema)):
            assert f"https://newsgrep.example/schemas/1/{reference}" in schemas, name
    for each in description["paths"].values():
        (reference,) = re.findall(r"#/components/schemas/([\w-]+)", str(each)) or [""]
        assert not reference or reference in description["components"]["schemas"]


def test_completions_are_fields_and_their_values(pages: Pages) -> None:
    def words(text: str) -> list[str]:
        return [each["text"] for each in pages("api_complete", word=text).json["completions"]]

    assert words("sou") == ["source:"]
    assert words("source:鷺") == ["source:鹭岛电台"]
    assert words("source:post") == ['source:"Harbour Post"']
    assert words("潮") == []


def test_short_paths_are_shown_to_others(tides: Cli, pages: Pages) -> None:
    others = Pages(tides.folder / "index")
    found = tides.json("search", "--json", "灯塔")["hits"][0]
    folder = str(tides.folder)
    for route, target, parameters in (
        ("search", "", {"q": "灯塔"}),
        ("article", found["id"], {}),
        ("kwic", "", {"q": "灯塔"}),
        ("api_search", "", {"q": "灯塔"}),
        ("api_search", "", {"q": "灯塔", "format": "csv"}),
        ("api_article", found["id"], {}),
        ("api_history", found["id"], {}),
        ("api_similar", found["id"], {}),
        ("api_kwic", "", {"q": "灯塔"}),
        ("api_kwic", "", {"q": "灯塔", "format": "jsonl"}),
        ("api_articles", "", {"q": "灯塔", "format": "csv"}),
        ("api_articles", "", {"q": "灯塔", "format": "jsonl"}),
    ):
        assert folder not in others(route, target, "", **parameters).text
    assert others("api_article", found["id"]).json["path"] == "/".join(
        Path(found["path"]).parts[-2:]
    )
    assert pages("api_article", found["id"]).json["path"] == found["path"]
    others.site.close()


# Commits


def test_etag_changes_with_the_commit_only(cli: Cli) -> None:
    (cli.folder / "a.md").write_text("# 一号公报\n\n海带三筐，已运上岸。\n", "utf-8")
    cli("index", ".")
    pages = Pages(cli.folder / "index")
    first = pages("search", "", "", q="海带")
    etag = first.headers["ETag"]
    same = pages("search", "", etag, q="海带")
    assert (same.status, same.data) == (304, b"")
    assert pages("search", "", etag, q="紫菜").status == 200
    (cli.folder / "b.md").write_text("# 二号公报\n\n海带五筐，已运上岸。\n", "utf-8")
    cli("index", ".")
    changed = pages("search", "", etag, q="海带")
    assert (changed.status, total(changed)) == (200, 2)
    cli("reindex")
    assert total(pages("search", q="海带")) == 2
    cli("saved", "add", "海带", "海带")
    assert pages("saved", "", etag).status == 200
    pages.site.close()


def test_several_indexes_are_searched_as_one(tides: Cli, seeds: Cli) -> None:
    pages = Pages(tides.folder / "index", seeds.folder / "index")
    assert total(pages()) == 30 + seeds.json("count", "*")["total"]
    assert pages("saved").status == 200
    pages.site.close()


def test_missing_index_is_an_error_without_its_path(tmp_path: Path) -> None:
    for route in ("search", "api_search"):
        reply = Pages(tmp_path / "none")(route)
        assert reply.status == 503
        assert "The archive cannot be read" in reply.text
        assert str(tmp_path) not in reply.text
        assert "No index" in Pages(tmp_path / "none", shows_paths=True)(route).text


# Languages


def test_pages_are_in_the_language_of_the_browser(pages: Pages) -> None:
    for language, tag in (("", "en"), ("zh_CN", "zh-Hans"), ("zh_TW", "zh-Hant")):
        reply = pages("search", "", "", language, q="灯塔")
        assert reply.tree.get("lang") == tag
        assert reply.headers["Vary"] == "Accept-Language"
        error = pages("search", "", "", language, q='"')
        assert error.tree.get("lang") == tag
    found = pages("api_search", "", "", "zh_TW", q="-灯塔 the").json
    assert found["warnings"] == pages("api_search", q="-灯塔 the").json["warnings"]
    etags = {pages("search", "", "", each, q="灯塔").headers["ETag"] for each in ("", "zh_CN")}
    assert len(etags) == 2
