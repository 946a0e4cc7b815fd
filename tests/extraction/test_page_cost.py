"""Pages cost no more than they must: no garbage, one reading of a class, bytes as they are."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator

import pytest

from newsgrep.extraction.claims import Rule
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.page.dom import Element, Tree, parse_html
from newsgrep.extraction.pipeline import extract_article
from newsgrep.extraction.whitespace import clean_line
from newsgrep.models import Provenance

SENTENCE = "渡口管理处昨天宣布，鹭湾到对岸的夜航将从下月起恢复，每晚开出四班，末班在午夜之前。"
PAGE = (
    "<html><head><title>鹭湾夜航恢复</title><meta name=author content='何舟'></head><body>"
    "<nav class=menu><ul><li><a href=/a>头版</a></li><li><a href=/b>体育</a></li></ul></nav>"
    f"<article><h1>鹭湾夜航恢复</h1><ul><li>{SENTENCE}</li></ul><p>{SENTENCE * 3}</p></article>"
    "<footer id=footer>©&nbsp;鹭湾晨报<!-- x --></footer></body></html>"
)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Collect all garbage, then switch the collector off."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_page_is_freed_without_garbage_collector() -> None:
    outlets = load_outlets()
    extract_article("/page.html", PAGE.encode(), outlets=outlets, mtime=0.0)  # fills the caches
    gc.collect()
    extract_article("/page.html", PAGE.encode(), outlets=outlets, mtime=0.0)
    assert gc.collect() == 0


def test_garbage_collector_is_on_after_a_page() -> None:
    assert gc.isenabled()
    extract_article("/page.html", PAGE.encode(), outlets=load_outlets(), mtime=0.0)
    assert gc.isenabled()


def nodes(tree: Tree) -> list[object]:
    """Return names, attributes and texts of a tree in document order."""
    found: list[object] = []
    stack: list[Element | str] = [tree.root]
    while stack:
        node = stack.pop()
        if isinstance(node, Element):
            found.append((node.name, dict(node.attrs)))
            stack += reversed(node.contents)
        else:
            found.append((type(node), str(node)))
    return found


@pytest.mark.parametrize("markup", [PAGE, "<p>é<b>x</p>\U0001f4f1", "<meta charset=gbk><p>鹭湾"])
def test_bytes_give_the_tree_of_their_text(markup: str) -> None:
    assert nodes(parse_html(markup.encode())) == nodes(parse_html(markup))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Night ferries\n", "Night ferries"),
        ("Night \t ferries", "Night ferries"),
        ("A &amp;nbsp; B", "A B"),
        ("\u200bNight", "Night"),
        ("\n", ""),
    ],
)
def test_clean_line_removes_what_nobody_sees(text: str, line: str) -> None:
    assert clean_line(text) == line


def test_members_are_stored_in_their_enumeration() -> None:
    assert vars(Rule)["LINKS"] is Rule("links") is Rule["LINKS"]
    assert hash(Provenance.TEXT) == hash("text")
    assert pickle.loads(pickle.dumps(Rule.LINKS)) is Rule.LINKS  # noqa: S301 - its own bytes
