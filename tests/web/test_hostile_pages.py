"""Articles, file names and queries are hostile: no page runs, loads or hides anything of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.web import Pages, Reply

MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{{ 7*7 }}}{% raw %}${7*7}",
    "</title></style></textarea><iframe src=//evil.example>",
    "&lt;b&gt;&#x3c;i&#x3e;",
    "javascript:alert(1)",
    "\u202e反转\u202c\u2066隔离\u2069",
    "响铃\x07\x1b[31m\x9b\x00",
)
ALLOWED = {
    "href": re.compile(r"/|https?://|#"),
    "src": re.compile("/static/"),
    "action": re.compile("/"),
}


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, Cli]]:
    cli = Cli(tmp_path_factory.mktemp("trap"))
    folder = cli.folder / "n <img src=x onerror=alert(1)>"
    folder.mkdir()
    for number, text in enumerate(MARKUP):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        quoted = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda c: f"\\x{ord(c[0]):02x}", quoted)
        head = [
            f'title: "陷阱{number} {quoted}"',
            f'source: "陷阱报{quoted}"',
            f'author: "{quoted}"',
            f'tags: ["{quoted}", "陷阱"]',
            f'url: "javascript:alert({number})//{quoted}"' if number % 2 else "",
            f"date: 2024-05-{number + 10}",
        ]
        body = "\n\n".join(f"陷阱正文第{n}段：{text}。海带三筐已运上岸。" for n in range(6))
        page = "---\n" + "\n".join(filter(None, head)) + f"\n---\n\n{body}\n"
        (folder / f"{number}'\"<b>.md").write_text(page, "utf-8")
    cli("index", folder.name)
    cli("saved", "add", "陷阱", '陷阱 OR "<script>alert(1)</script>"')
    pages = Pages(cli.folder / "index", name="<b>\"'陷阱")
    yield pages, cli
    pages.site.close()


def check(reply: Reply) -> None:
    """Assert that a page has no element or attribute that a template does not have."""
    tree = reply.tree
    assert len(tree.xpath("//script")) == 1
    assert not tree.xpath("//iframe|//img|//object|//embed|//style|//base|//b|//i|//*[@style]")
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            if name in ALLOWED:
                assert re.match(ALLOWED[name], value), value
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", reply.text)
    assert "{49}" not in reply.text


def test_hostile_articles_have_no_effect_on_any_page(trap: tuple[Pages, Cli]) -> None:
    pages, cli = trap
    hits = cli.json("search", "--json", "陷阱", "-n", "50")["hits"]
    assert len(hits) == len(MARKUP)
    for route, parameters in (
        ("search", {}),
        ("search", {"q": "陷阱"}),
        ("search", {"q": "陷阱", "collapse": 1}),
        ("timeline", {"q": "陷阱", "per": "source"}),
        ("kwic", {"q": "海带", "order": "left"}),
        ("keywords", {"q": "陷阱 date:2024-05-1"}),
        ("compare", {"q": "陷阱", "names": ["陷阱报<script>", "陷阱报javascript"]}),
        ("saved", {}),
        ("new", {}),
    ):
        reply = pages(route, "陷阱" if route == "new" else "", "", **parameters)
        check(reply)
    for hit in hits:
        reply = pages("article", hit["id"], q="陷阱")
        assert reply.status == 200
        check(reply)
        assert reply.texts("//div[contains(@class,'body')]/p")


@pytest.mark.parametrize("text", MARKUP, ids=ascii)
def test_hostile_parameters_have_no_effect_on_any_page(trap: tuple[Pages, Cli], text: str) -> None:
    pages, _ = trap
    for route, names in (
        ("search", ("q", "sort", "since", "source", "source_is", "tag_is", "all")),
        ("timeline", ("by", "with", "count")),
        ("kwic", ("order", "offset")),
        ("keywords", ("q",)),
        ("compare", ("names",)),
        ("saved", ("q",)),
    ):
        for name in names:
            parameters: dict[str, Any] = {"q": "陷阱", name: text}
            check(pages(route, "", "", **parameters))
    for route in ("article", "difference", "new"):
        reply = pages(route, text)
        assert reply.status == 404
        check(reply)


def test_hostile_parameters_of_data_are_json(trap: tuple[Pages, Cli]) -> None:
    pages, _ = trap
    for text in MARKUP:
        for route in ("api_search", "api_complete", "api_article"):
            reply = pages(route, text, "", **{"q" if route != "api_complete" else "word": text})
            assert reply.media_type == "application/json"
            assert isinstance(reply.json, dict)


def test_pages_name_no_folder_of_the_machine(trap: tuple[Pages, Cli]) -> None:
    pages, cli = trap
    for route in ("search", "timeline", "kwic", "saved", "api_search", "api_saved"):
        text = pages(route, **({} if route.endswith("saved") else {"q": "陷阱"})).text
        assert str(cli.folder) not in text
        assert str(Path.home()) not in text
