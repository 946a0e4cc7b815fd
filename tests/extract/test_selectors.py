"""Our own selectors name what BeautifulSoup's name, on any tag soup; the rest is left to it."""

from __future__ import annotations

import time

import pytest
import soupsieve
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.extract.dom import Page, compiled, parse_html
from newsgrep.extract.outlets import load_outlets

PARTS = [
    "*", "p", "DIV", "a", ".x", ".y", "#i", "[href]", "[class]", '[class="x y"]', '[class~="x"]',
    "[class*=x]", "[class^='x']", '[class$="y"]', "[data-k|=x]", "[data-k='']", "[data-k^='']",
    ":first-child", ":first-of-type", ":not(.x)", ":not(p, div a)", ":is(p, .y)", ":has(a)",
    ":has(> a)", ":not(:has(p.x))",
]  # fmt: skip
BEYOND = ["p:nth-child(2)", "a[rel=x i]", ":root > *", "p:has(+ a)", r".\78", "li:last-child"]
TAGS = [
    "p",
    "div",
    "a",
    "ul",
    "li",
    "b",
    "br",
    "table",
    "td",
    "template",
    "svg",
    "pre",
    "/p",
    "/div",
]
ATTRIBUTES = ["", " class=x", " class='x y'", " class='y\u00a0x'", " id=i", " href='/'", " data-k"]

compounds = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map(
    # A tag can only be the first.
    lambda parts: (
        "".join(sorted(parts, key=lambda p: p[0] in ".#[:")[:1])
        + "".join(p for p in parts[1:] if p[0] in ".#[:")
    )
)
steps = st.lists(
    st.tuples(compounds, st.sampled_from([" ", " > ", "+", " ~ ", ", "])), min_size=1, max_size=4
).map(lambda pairs: "".join(a + b for a, b in pairs)[: -len(pairs[-1][1])])
soups = st.lists(
    st.tuples(
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(["", " ", "字", "<!---->"]),
    ),
    max_size=30,
).map(lambda tags: "".join(f"<{a}{b}>{c}" for a, b, c in tags))


def both(selector: str, markup: str) -> tuple[list[int], list[int]]:
    tree = parse_html(markup)
    place = {element: number for number, element in enumerate(tree.elements)}
    soup = BeautifulSoup(markup, "lxml", multi_valued_attributes=None)
    order = {id(element): number for number, element in enumerate(soup.find_all(True))}
    ours = [place[element] for element in Page(tree, markup).select(selector)]
    return ours, [order[id(element)] for element in soup.select(selector)]


@given(steps, soups)
@settings(deadline=None, max_examples=400)
def test_usual_selectors(selector: str, markup: str) -> None:
    assert compiled(selector) is not None
    ours, theirs = both(selector, markup)
    assert ours == theirs


@given(st.sampled_from(BEYOND), soups)
@settings(deadline=None)
def test_selectors_beyond_the_usual(selector: str, markup: str) -> None:
    assert compiled(selector) is None
    ours, theirs = both(selector, markup)
    assert ours == theirs


@given(st.text("p.#x[]=\"'>+~,: ()ah\u3000\x0b\u00e9\n*-1", max_size=12))
@settings(max_examples=1000)
def test_what_is_understood_is_valid(selector: str) -> None:
    if selector.strip() and compiled(selector) is not None:
        soupsieve.compile(selector)


def test_shipped_rules_need_no_second_tree() -> None:
    for site in load_outlets().all:
        for selector in (*site.drop, *site.keep, *site.captions, *site.credits, site.byline):
            assert not selector or compiled(selector) is not None


@pytest.mark.parametrize(
    "selector", ["div div .x", "div ~ p", "p + p", "div:has(p)", "div > p:first-child"]
)
@pytest.mark.parametrize("unit", ["<div>", "<p>字", "<b></b><!-- -->"])
def test_no_nesting_makes_selectors_slow(selector: str, unit: str) -> None:
    markup = "<div>" + unit * 50_000
    page = Page(parse_html(markup), markup)
    start = time.perf_counter()
    page.select(selector)
    assert time.perf_counter() - start < 5
