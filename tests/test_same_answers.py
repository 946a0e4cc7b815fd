"""The command line, the Python API, the page and the server for assistants agree on every query."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

import newsgrep
from newsgrep import Archive
from tests.support.cli import Cli

pytest.importorskip("mcp")
from mcp import Client

from newsgrep.mcp.tools import make_server
from tests.support.web import Pages


class Ask(NamedTuple):
    """A query with the options that all four ways to search have."""

    query: str
    sort: str = "relevance"
    since: str = ""
    until: str = ""
    source: str = ""


QUERIES: Final = (
    Ask("声明"),
    Ask("联合声明"),
    Ask('"联合声明"'),
    Ask("「聯合聲明」"),
    Ask("聯合 聲明"),
    Ask("渔业 OR 大桥"),
    Ask("声明 NOT 渔场"),
    Ask("声明 -大桥"),
    Ask("(渔场 OR 大桥) 声明"),
    Ask("渔场 NEAR/10 声明"),
    Ask("联?声明"),
    Ask("联合*"),
    Ask("~联合声名"),
    Ask("/[0-9]+公里/"),
    Ask("title:声明"),
    Ask("body:声明"),
    Ask("caption:桥"),
    Ask("everything:声明"),
    Ask("source:汀海"),
    Ask("source:汀海 声明"),
    Ask("author:汤砺"),
    Ask("tag:足球"),
    Ask("url:zedao.example"),
    Ask("path:2024"),
    Ask("id:kmq7ty2unrjg"),
    Ask("date:2024"),
    Ask("date:2024-05"),
    Ask("声明 since:2024-05 until:2024-06"),
    Ask("声明 date:2024-05-01..2024-05-31"),
    Ask("声明", "date"),
    Ask("声明", "-date"),
    Ask("声明", since="2024-06"),
    Ask("声明", until="2023"),
    Ask("声明", source="汀海"),
    Ask("大桥 声明", "-date", "2023", "2024", "汀海"),
    Ask("２０２４"),
    Ask("的"),
    Ask("没有的词儿"),
    Ask("声明 date:1999"),
    Ask("(声明"),
)


class Answer(NamedTuple):
    """What each way to search must agree on."""

    total: int
    ids: tuple[str, ...]
    titles: tuple[str, ...]
    error: str = ""


_LIMIT: Final = 20


@pytest.fixture(scope="module")
def archive(seeds: Cli) -> Iterator[Archive]:
    with newsgrep.open(seeds.folder / "index") as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(seeds: Cli) -> Iterator[Pages]:
    found = Pages(seeds.folder / "index")
    yield found
    found.site.close()


@pytest.fixture(scope="module")
def assistant(archive: Archive) -> dict[Ask, Answer]:
    """Ask the server for assistants all queries in one session."""

    async def ask_all() -> dict[Ask, Answer]:
        async with Client(make_server(archive)) as client:
            return {
                ask: _of_tool(await client.call_tool("search", _arguments(ask))) for ask in QUERIES
            }

    return asyncio.run(ask_all())


def _arguments(ask: Ask) -> dict[str, Any]:
    sources = [ask.source] if ask.source else []
    options = {name: value for name, value in ask._asdict().items() if name != "source"}
    return {**options, "sources": sources, "limit": _LIMIT}


def _of_tool(result: Any) -> Answer:
    if result.is_error:
        return Answer(0, (), (), result.content[0].text)
    found = result.structured_content
    return _of_hits(found["total"], found["results"])


def _of_hits(total: int, hits: list[dict[str, Any]]) -> Answer:
    return Answer(total, tuple(hit["id"] for hit in hits), tuple(hit["title"] for hit in hits))


def _options(ask: Ask) -> dict[str, Any]:
    return {name: value for name, value in ask._asdict().items() if value and name != "query"}


def _of_command(cli: Cli, ask: Ask) -> Answer:
    options = [f"--{name}={value}" for name, value in _options(ask).items()]
    ran = cli("search", *options, "-n", str(_LIMIT), "--json", "--", ask.query, status=None)
    if ran.status == 2:
        return Answer(0, (), (), ran.stderr.decode())
    found = json.loads(ran.stdout)
    return _of_hits(found["total"], found["hits"])


def _of_api(archive: Archive, ask: Ask) -> Answer:
    try:
        query = archive.parse(
            ask.query, since=ask.since, until=ask.until, sources=[ask.source] if ask.source else []
        )
        hits = archive.search(query, limit=_LIMIT, sort=ask.sort)  # type: ignore[arg-type]
    except newsgrep.UsageError as exc:
        return Answer(0, (), (), str(exc))
    return _of_hits(hits.total, hits.to_dict()["hits"])


def _of_page(pages: Pages, ask: Ask) -> Answer:
    """Return the answer of the page's data, after comparing the page with it."""
    named = _options(ask)
    data = pages("api_search", q=ask.query, limit=_LIMIT, **named)
    page = pages("search", q=ask.query, **named)
    if data.status != 200:
        assert page.status == data.status
        return Answer(0, (), (), data.json["error"]["message"])
    answer = _of_hits(data.json["total"], data.json["hits"])
    shown = page.tree.xpath('string(//h1[@class="count"])').split()
    assert int(shown[0].replace(",", "")) == answer.total
    if answer.total:
        links = page.tree.xpath('//article[@class="hit"]/h2/a/@href')
        assert tuple(link.split("/")[2].split("?")[0] for link in links) == answer.ids
    return answer


@pytest.mark.parametrize("ask", QUERIES, ids=lambda ask: " ".join(filter(None, ask)))
def test_all_ways_to_search_agree(
    ask: Ask, seeds: Cli, archive: Archive, pages: Pages, assistant: dict[Ask, Answer]
) -> None:
    expected = _of_command(seeds, ask)
    others = (_of_api(archive, ask), _of_page(pages, ask), assistant[ask])
    for other in others:
        assert other[:3] == expected[:3]
        assert bool(other.error) == bool(expected.error)
    if expected.error:
        message = others[0].error
        assert all(message in each.error for each in (expected, *others))


def test_queries_have_matches_none_and_errors(seeds: Cli) -> None:
    answers = [_of_command(seeds, ask) for ask in QUERIES]
    assert len(answers) == 40
    assert sum(bool(answer.total) for answer in answers) >= 34
    assert sum(bool(answer.error) for answer in answers) == 2  # a bracket, and a scan


def test_all_ways_to_count_agree(seeds: Cli, archive: Archive, pages: Pages) -> None:
    async def ask_all() -> tuple[Any, Any]:
        async with Client(make_server(archive)) as client:
            over_time = {"query": "声明", "by": "month", "measure": "share"}
            timeline = await client.call_tool("count_over_time", over_time)
            facets = await client.call_tool("facets", {"query": "声明", "by": "source"})
            return timeline.structured_content, facets.structured_content

    timeline, facets = asyncio.run(ask_all())
    printed = json.loads(seeds("timeline", "声明", "--by", "month", "--share", "--json").stdout)
    assert archive.timeline("声明", by="month", share=True).to_dict() == printed
    assert timeline["result"] == printed
    assert pages("api_timeline", q="声明", by="month", count="share").json == printed
    counted = json.loads(seeds("count", "声明", "--by", "source", "--json").stdout)
    assert archive.facets("声明", "source").to_dict() == counted
    values = [{"value": each["value"], "count": each["articles"]} for each in facets["values"]]
    assert values == counted["facets"]["source"]
