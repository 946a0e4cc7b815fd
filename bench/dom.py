"""Compare HTML parsers for extraction: ``python -m bench.dom FOLDER...`` prints tables.

Each parser parses, visits all elements with their classes and texts, and evaluates the selectors
of the outlet rules. The folders contain archives of HTML or Markdown, or whole pages.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats.html import looks_like_html
from newsgrep.extraction.formats.markdown import render
from newsgrep.extraction.frontmatter.split import split_front_matter
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.page.dom import Element, parse_html
from newsgrep.extraction.page.selectors import SelectorMatcher


class _Newsgrep:
    name = "newsgrep (lxml target, soupsieve)"
    parse = staticmethod(parse_html)

    def walk(self, tree: Any) -> int:
        size = 0
        stack = [iter(tree.root.contents)]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif isinstance(node, Element):
                node.attrs.get("class")
                stack.append(iter(node.contents))
            else:
                size += len(node)
        return size

    def select(self, tree: Any, selectors: Sequence[str]) -> int:
        matcher = SelectorMatcher(tree, selectors)
        return sum(len(matcher.select(selector)) for selector in selectors)


class _BeautifulSoup:
    name = "Beautiful Soup (lxml), soupsieve"

    def __init__(self) -> None:
        self._soup = import_module("bs4").BeautifulSoup

    def parse(self, markup: str) -> Any:
        return self._soup(markup, "lxml")

    def walk(self, tree: Any) -> int:
        size = 0
        for node in tree.descendants:
            if isinstance(node, str):
                size += len(node)
            else:
                node.get("class")
        return size

    def select(self, tree: Any, selectors: Sequence[str]) -> int:
        return sum(len(tree.select(selector)) for selector in selectors)


class _Lxml:
    name = "lxml elements, cssselect"

    def __init__(self) -> None:
        self._etree = import_module("lxml.etree")
        self._css = cache(import_module("lxml.cssselect").CSSSelector)

    def parse(self, markup: str) -> Any:
        parser = self._etree.HTMLParser(recover=True, huge_tree=True, encoding="utf-8")
        return self._etree.fromstring(markup.encode(), parser)

    def walk(self, tree: Any) -> int:
        size = 0
        for element in tree.iter():
            element.get("class")
            size += len(element.text or "") + len(element.tail or "")
        return size

    def select(self, tree: Any, selectors: Sequence[str]) -> int:
        return sum(len(self._css(selector)(tree)) for selector in selectors)


class _Selectolax:
    name = "selectolax (lexbor)"

    def __init__(self) -> None:
        self.parse = import_module("selectolax.lexbor").LexborHTMLParser

    def walk(self, tree: Any) -> int:
        size = 0
        for node in tree.root.traverse(include_text=True):
            if node.is_text_node:
                size += len(node.text_content or "")
            elif node.is_element_node:
                node.attrs.get("class")
        return size

    def select(self, tree: Any, selectors: Sequence[str]) -> int:
        return sum(len(tree.css(selector)) for selector in selectors)


class _Resiliparse:
    name = "resiliparse (lexbor)"

    def __init__(self) -> None:
        html = import_module("resiliparse.parse.html")
        self.parse = html.HTMLTree.parse
        self._element, self._text = html.NodeType.ELEMENT, html.NodeType.TEXT

    def walk(self, tree: Any) -> int:
        size = 0
        for node in tree.document:
            if node.type == self._text:
                size += len(node.value)
            elif node.type == self._element:
                node.getattr("class")
        return size

    def select(self, tree: Any, selectors: Sequence[str]) -> int:
        query = tree.document.query_selector_all
        return sum(len(query(selector)) for selector in selectors)


def markup_of(path: Path) -> str | None:
    """Return the HTML of one article's file, or None if it has none."""
    try:
        text = split_front_matter(decode(path.read_bytes()).text.replace("\0", ""))[1]
    except NoArticle:
        return None
    return text if looks_like_html(text) else render(text)


def timed(step: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Return the least CPU time of three calls, in milliseconds, and the last value."""
    times, value = [], None
    for _ in range(3):
        start = time.process_time()
        value = step(*arguments)
        times.append((time.process_time() - start) * 1000)
    return min(times), value


def row(parser: Any, pages: Sequence[str], selectors: Sequence[str]) -> str:
    """Return a row of the table: mean milliseconds per page, then selected elements."""
    spent, selected = [], 0
    for markup in pages:
        parsing, tree = timed(parser.parse, markup)
        selecting, count = timed(parser.select, tree, selectors)
        spent.append((parsing, timed(parser.walk, tree)[0], selecting))
        selected += count
    means = [statistics.fmean(times) for times in zip(*spent, strict=True)]
    return " | ".join([parser.name, *(f"{mean:.2f}" for mean in means), f"{selected:,}"])


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--sample", default=300, show_default=True, help="Files per folder.")
def main(folders: tuple[Path, ...], sample: int) -> None:
    """Print a table for each folder, then one for hostile nesting."""
    parsers: list[Any] = []
    for kind in (_Newsgrep, _BeautifulSoup, _Lxml, _Selectolax, _Resiliparse):
        try:
            parsers.append(kind())
        except ImportError as exc:
            click.echo(f"left out: {kind.name} ({exc})", err=True)
    rules = [each for outlet in load_outlets().all for each in (*outlet.drop, *outlet.captions)]
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".html", ".md"))
        chosen = random.Random(13).sample(files, min(sample, len(files)))  # noqa: S311 - a sample
        pages = [markup for path in chosen if (markup := markup_of(path))]
        mean = statistics.fmean(map(len, pages))
        click.echo(f"\n{folder.name}: {len(pages)} pages, {mean:,.0f} characters on average\n")
        click.echo("| CPU ms per page | parse | walk | selectors | selected |")
        click.echo("| --- | ---: | ---: | ---: | ---: |")
        for parser in parsers:
            click.echo(f"| {row(parser, pages, rules)} |")
    click.echo("\n| 100,000 nested elements | CPU ms to parse | text found |\n| --- | ---: | --- |")
    for parser in parsers:
        start = time.process_time()
        tree = parser.parse("<div>" * 100_000 + "x")
        spent = (time.process_time() - start) * 1000
        click.echo(f"| {parser.name} | {spent:,.0f} | {'yes' if parser.walk(tree) else 'no'} |")


if __name__ == "__main__":
    main()
