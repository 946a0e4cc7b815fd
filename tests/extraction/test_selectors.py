"""Selectors of outlet rules select what Beautiful Soup selects, on any tag soup."""

from __future__ import annotations

import time

import pytest
import soupsieve
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.page.dom import parse_html
from newsgrep.extraction.page.selectors import _LINEAR_TIME, SelectorMatcher, syntax_error

COMPOUND_PARTS = [
    "*", "p", "DIV", "a", ".x", ".y", "#i", "[href]", "[class]", '[class="x y"]', '[class~="x"]',
    "[class*=x]", "[class^='x']", '[class$="y"]', "[data-k|=x]", "[data-k='']", "[data-k^='']",
    ":first-child", ":first-of-type", ":not(.x)", ":not(p, div a)", ":is(p, .y)", ":has(a)",
    ":has(> a)", ":not(:has(p.x))",
]  # fmt: skip
OTHER_SELECTORS = [
    "p:nth-child(2)", "a[rel=x i]", ":root > *", "p:has(+ a)", r".\78", "li:last-child", ":empty",
    "b:empty", "p:-soup-contains('字')", "div:nth-last-child(1)", "[class!='x']", "a:not([href])",
    ":scope > div",
]  # fmt: skip
TAGS = [
    "p", "div", "a", "ul", "li", "b", "br", "table", "td", "template", "svg", "pre", "rt", "script",
    "/p", "/div",
]  # fmt: skip
ATTRIBUTES = ["", " class=x", " class='x y'", " class='y\u00a0x'", " id=i", " href='/'", " data-k"]

compounds = st.lists(st.sampled_from(COMPOUND_PARTS), min_size=1, max_size=3).map(
    # A tag can only be the first.
    lambda parts: (
        "".join(sorted(parts, key=lambda p: p[0] in ".#[:")[:1])
        + "".join(p for p in parts[1:] if p[0] in ".#[:")
    )
)
combined_selectors = st.lists(
    st.tuples(compounds, st.sampled_from([" ", " > ", "+", " ~ ", ", "])), min_size=1, max_size=4
).map(lambda pairs: "".join(a + b for a, b in pairs)[: -len(pairs[-1][1])])
markups = st.lists(
    st.tuples(
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(["", " ", "字", "<!---->"]),
    ),
    max_size=30,
).map(lambda tags: "".join(f"<{a}{b}>{c}" for a, b, c in tags))


@given(st.one_of(combined_selectors, st.sampled_from(OTHER_SELECTORS)), markups)
@settings(deadline=None, max_examples=600)
def test_select_equals_beautiful_soup(selector: str, markup: str) -> None:
    tree = parse_html(markup)
    number = {element: index for index, element in enumerate(tree.elements)}
    selected = SelectorMatcher(tree, [selector]).select(selector)
    soup = BeautifulSoup(markup, "lxml", multi_valued_attributes=None)
    expected = {id(tag) for tag in soup.select(selector)}
    assert [number[element] for element in selected] == [
        index for index, tag in enumerate(soup.find_all(True)) if id(tag) in expected
    ]


def test_select_unites_selectors_in_document_order() -> None:
    tree = parse_html("<p class=a>1</p><b>2</b><p>3</p>")
    matcher = SelectorMatcher(tree, ["b", "p.a", "i"])
    assert [element.name for element in matcher.select("b", "p.a", "i", "")] == ["p", "b"]
    assert matcher.select("i") == []
    assert matcher.select() == []


def test_shipped_selectors_are_valid_css() -> None:
    for outlet in load_outlets().all:
        for selector in outlet.selectors:
            soupsieve.compile(selector)
            assert syntax_error(selector) is None


def test_syntax_error_is_one_line() -> None:
    error = syntax_error("a[")
    assert error is not None
    assert "\n" not in error


@pytest.mark.parametrize(
    "selector", ["div div .x", "div ~ p", "p + p", "div:has(p)", "div > p:first-child"]
)
@pytest.mark.parametrize("unit", ["<div>", "<p>字", "<b></b><!-- -->"])
@pytest.mark.skipif(not _LINEAR_TIME, reason="soupsieve is older than 4.1")
def test_select_takes_linear_time(selector: str, unit: str) -> None:
    tree = parse_html("<div>" + unit * 20_000)
    matcher = SelectorMatcher(tree, [selector])
    start = time.process_time()
    matcher.select(selector)
    assert not matcher.too_large
    assert time.process_time() - start < 10


def test_too_large_page_selects_nothing() -> None:
    matcher = SelectorMatcher(parse_html("<p>x" * 60_000), ["p"])
    assert matcher.too_large
    assert matcher.select("p") == []
