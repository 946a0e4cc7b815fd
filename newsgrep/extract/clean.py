"""From the tree of a page to blocks of text and claims, and which element contains the article.

:class:`Cleaner` walks the tree once. Broken pages nest a hundred thousand elements, so nothing
here is recursive, and every look into a subtree is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from newsgrep.analysis.characters import solo_character
from newsgrep.extract import boilerplate, notices
from newsgrep.extract.claims import Block, BlockKind
from newsgrep.extract.dom import (
    DROPPED_ELEMENTS,
    MAX_NODES,
    Element,
    Tree,
    contains_element,
    iter_elements,
    iter_text,
    short_text,
)
from newsgrep.extract.metadata import OUTSIDE_PENALTY, MetadataReader
from newsgrep.extract.outlets import SelectedElements, url_host
from newsgrep.extract.whitespace import CELL_SEPARATOR, clean_line, comparison_key, split_paragraphs
from newsgrep.models import Provenance

_HEAD_ELEMENTS: Final = frozenset(("meta", "title", "link", "script"))
_MAX_CREDIT: Final = 200
"""Characters of an element with the class of a photo credit; a longer one is text."""
_MAX_CAPTION: Final = 400
"""Characters of a caption in an element other than ``figcaption``; a longer one is text."""
_MAX_METADATA: Final = 400
"""Characters of a byline or date line; a longer one is text about an author."""
_MAX_ROW: Final = 600
"""Characters of a table row that becomes one line; in a longer one the table is layout."""
_MAX_ALT: Final = 1000


class _Mode(IntEnum):
    TEXT = 0
    METADATA = 1
    OUTSIDE = 2


@dataclass(slots=True)
class _Frame:
    """An element that the walk has entered and not left."""

    children: Iterator[Element | str]
    element: Element
    mode: _Mode
    breaks: bool = False
    in_list: bool = False
    in_row: bool = False
    preformatted: bool = False


class Cleaner:
    """Collects the blocks and claims of one page in one walk.

    ``selected`` are the elements that the outlet's rules select; ``url`` is the page's address.
    After :meth:`run`, ``blocks`` and ``metadata`` contain the result.
    """

    def __init__(self, tree: Tree, selected: SelectedElements, url: str | None) -> None:
        self.tree = tree
        self.selected = selected
        self.host = url_host(url) or ""
        self.metadata = MetadataReader()
        self.blocks: list[Block] = []
        self._lines: list[str] = []
        self._line: list[str] = []
        self._kind = BlockKind.TEXT
        self._after_image = False
        self._alt: str | None = None
        self._captions: set[str] = set()
        for element in selected.authors:
            self.metadata.add_author(short_text(element), Provenance.OUTLET_RULE, 0, "byline")
        for element in selected.dates:
            stated = element.attribute("datetime") or element.attribute("content")
            text = stated or short_text(element)
            self.metadata.add_date(text, Provenance.OUTLET_RULE, 0, "date")

    def run(self, root: Element | None, *, careful: bool = True) -> None:
        """Walk the tree; take text from ``root``, or from everywhere if it is None.

        With ``careful`` False, classes and ids do not decide what is boilerplate.
        """
        root = self.selected.body or root
        start = _Mode.OUTSIDE if root is not None else _Mode.TEXT
        top = self.tree.root
        stack = [_Frame(iter(top.contents), top, start)]
        while stack:
            frame = stack[-1]
            child = next(frame.children, None)
            if child is None:
                stack.pop()
                self._leave(frame)
            elif isinstance(child, Element):
                entered = self._enter(child, frame, root, careful)
                if entered is not None:
                    stack.append(entered)
            elif frame.mode is _Mode.TEXT and type(child) is str:
                self._add_text(child, frame)
        self._flush()
        self._flush_alt()

    def _add_text(self, text: str, frame: _Frame) -> None:
        if frame.preformatted:
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        else:
            self._line.append(text)
        if self._after_image and text.strip():
            self._after_image = False

    def _end_line(self) -> None:
        self._lines.append("".join(self._line))
        self._line.clear()

    def _flush(self) -> None:
        if not self._line and not self._lines:
            return
        self._end_line()
        if len(self._lines) == 1 and self._lines[0].isspace():  # indentation of the source
            self._lines.clear()
            return
        lines, self._lines = self._lines, []
        for text in split_paragraphs(lines):
            self._flush_alt()
            self.blocks.append(Block(text, self._kind))

    def _drop_lead_in(self) -> None:
        if (
            self.blocks
            and self.blocks[-1].kind is BlockKind.TEXT
            and notices.is_lead_in(self.blocks[-1].text)
        ):
            self.blocks.pop()

    def _add_caption(self, text: str) -> None:
        text = notices.strip_credit(text)
        if not text or notices.is_boilerplate_line(text):
            return
        key = comparison_key(text)
        if key and key not in self._captions:
            self._captions.add(key)
            self.blocks.append(Block(text, BlockKind.CAPTION))

    def _flush_alt(self) -> None:
        """Take the alternative text of an image as its caption, if it has no other caption."""
        alt, self._alt = self._alt, None
        if alt:
            self._add_caption(alt)

    def _leave(self, frame: _Frame) -> None:
        if frame.breaks and frame.mode is _Mode.TEXT:
            self._flush()
            self._kind = BlockKind.TEXT
        elif frame.element.name in ("td", "th"):
            self._line.append(CELL_SEPARATOR)

    def _enter(
        self, element: Element, frame: _Frame, root: Element | None, careful: bool
    ) -> _Frame | None:
        name = element.name
        if name == "br":
            if frame.mode is _Mode.TEXT:
                self._end_line()
            return None
        if name in _HEAD_ELEMENTS:
            self.metadata.read_head(element)
            return None
        attrs = element.attrs
        if name in DROPPED_ELEMENTS or (attrs and boilerplate.is_hidden(element)):
            if attrs:
                self.metadata.read_properties(element, 0)
            return None
        selected = self.selected
        mode = _Mode.TEXT if element is root else frame.mode
        careful = careful and element not in selected.kept
        if mode is _Mode.TEXT and element in selected.captions:
            self._flush()
            self._take_caption(element)
            return None
        traits = boilerplate.traits_of(element)
        if careful and mode is _Mode.TEXT and "chart" in traits:
            self._flush()
            self._take_chart(element)
            return None
        if element in selected.dropped:
            return None
        if careful and attrs and boilerplate.is_boilerplate(element, traits):
            if element.attribute("content"):
                self.metadata.read_properties(element, OUTSIDE_PENALTY * (mode is _Mode.OUTSIDE))
            return None
        if attrs or name in ("time", "address", "h1"):
            self.metadata.read_element(element, outside=mode is _Mode.OUTSIDE)
        if mode is not _Mode.TEXT:
            return _Frame(iter(element.contents), element, mode)
        return self._enter_text(element, frame, traits, careful)

    def _enter_text(
        self, element: Element, frame: _Frame, traits: frozenset[str], careful: bool
    ) -> _Frame | None:
        name = element.name
        if name == "img":
            self._image(element)
            return None
        if element in self.selected.credits or (
            careful
            and traits
            and boilerplate.is_credit(element, traits)
            and len(short_text(element)) <= _MAX_CREDIT
        ):
            return None
        if self._is_caption(element, traits, careful):
            self._flush()
            self._take_caption(element)
            return None
        if careful and self._is_metadata(element, traits):
            if name in boilerplate.BLOCK_ELEMENTS:
                self._flush()
            return _Frame(iter(element.contents), element, _Mode.METADATA)
        if (
            careful
            and name in LINK_LIST_ELEMENTS
            and not frame.in_list
            and is_link_list(element, self.host)
        ):
            self._flush()
            self._drop_lead_in()
            return None
        breaks = name in boilerplate.BLOCK_ELEMENTS and not frame.in_row
        entered = _Frame(
            iter(element.contents),
            element,
            _Mode.TEXT,
            breaks,
            frame.in_list or name in ("ul", "ol"),
            frame.in_row or (name == "tr" and self._is_row(element)),
            preformatted=frame.preformatted or name == "pre",
        )
        if breaks:
            self._flush()
            self._kind = BlockKind.HEADING if name in boilerplate.HEADING_ELEMENTS else self._kind
        elif name in boilerplate.BLOCK_ELEMENTS:
            self._line.append(CELL_SEPARATOR)
        return entered

    def _is_row(self, element: Element) -> bool:
        return (
            not contains_element(element, "table") and len(short_text(element)) <= _MAX_ROW
        )  # else it is layout

    def _is_caption(self, element: Element, traits: frozenset[str], careful: bool) -> bool:
        name = element.name
        if name == "figcaption":
            return True
        if name in ("small", "em", "i", "span", "p", "div", "figure"):
            if name == "small" and self._after_image:
                return len(short_text(element)) <= _MAX_CAPTION
            if careful and name != "figure" and "caption" in traits:
                return len(short_text(element)) <= _MAX_CAPTION and not contains_element(
                    element, "img"
                )
        return False

    def _take_caption(self, element: Element) -> None:
        kept: list[str] = []
        stack: list[Iterator[Element | str]] = [iter(element.contents)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
            elif type(child) is str:
                kept.append(child)
            elif isinstance(child, Element):
                if (
                    child.name in DROPPED_ELEMENTS
                    or boilerplate.is_hidden(child)
                    or boilerplate.is_credit(child, boilerplate.traits_of(child))
                    or child in self.selected.credits
                ):
                    continue
                if child.name in ("br", "p", "div"):
                    kept.append(" ")
                stack.append(iter(child.contents))
        text = clean_line("".join(kept))
        if text:
            self._alt = None
            self._add_caption(text)

    def _take_chart(self, element: Element) -> None:
        """Keep whole sentences as captions, once: a chart is drawn for several widths."""
        for node in iter_elements(element, limit=10 * MAX_NODES):
            if node.name == "p" and _is_sentence(text := short_text(node)):
                self._add_caption(text)

    def _image(self, element: Element) -> None:
        self._after_image = True
        alt = clean_line(element.attribute("alt")[:_MAX_ALT])
        if _is_sentence(alt):
            self._flush_if_blank()
            self._flush_alt()
            self._alt = alt

    def _flush_if_blank(self) -> None:
        if not any(part.strip() for part in (*self._line, *self._lines)):
            self._line.clear()
            self._lines.clear()

    def _is_metadata(self, element: Element, traits: frozenset[str]) -> bool:
        name = element.name
        if name == "address":
            return True
        if name == "footer":
            parent = element.parent
            return parent is None or parent.name != "blockquote"
        if name == "time":
            return not any(part.strip() for part in self._line) and self._stands_alone(element)
        if "meta" in traits:
            return len(short_text(element)) <= _MAX_METADATA
        return False

    def _stands_alone(self, element: Element) -> bool:
        parent = element.parent
        if parent is None or parent.name not in ("p", "li", "td", "blockquote", "span", "em"):
            return True
        return short_text(parent) == short_text(element)


def _is_sentence(alt: str) -> bool:
    """Return whether the alternative text of an image is a sentence, as captions are."""
    if not 8 <= len(alt) <= 300 or ("/" in alt[:-1] and " " not in alt):  # a label or a path
        return False
    if solo_character().search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))


def _content_rank(element: Element, traits: frozenset[str]) -> int | None:
    """Return how clearly ``element`` is marked as the article: 0 is clearest, None not at all."""
    if element.name == "article":
        return 0
    if "articlebody" in element.attribute("itemprop").lower():
        return 1
    if element.name == "main" or element.attribute("role").lower() == "main":
        return 2
    if "content" in traits and element.name in ("div", "section", "td"):
        return 3
    return None


def find_main_content(tree: Tree) -> Element | None:
    """Return the element of a page that contains the article, or its body, or None.

    The clearest mark wins among the elements that contain at least half of the running text,
    and the smallest element among equals. The whole body is better than a part of an article.
    """
    found: list[tuple[int, int, Element]] = []
    total = 0
    stack: list[tuple[Iterator[Element | str], Element, int | None, int]] = [
        (iter(tree.root.contents), tree.root, None, 0)
    ]
    while stack:
        children, element, rank, before = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if rank is not None:
                found.append((rank, total - before, element))
        elif isinstance(child, Element):
            if child.name in DROPPED_ELEMENTS or child.name in ("a", "head", "footer"):
                continue
            traits = boilerplate.traits_of(child)
            if boilerplate.is_boilerplate(child, traits):
                continue
            stack.append((iter(child.contents), child, _content_rank(child, traits), total))
        elif type(child) is str:
            total += len(child.strip())
    large = [each for each in found if each[1] * 2 >= total > 0]
    if large:
        return min(large, key=lambda each: each[:2])[2]
    return tree.body


LINK_LIST_ELEMENTS: Final = frozenset(("ul", "ol", "section", "aside"))
_ABSOLUTE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and Cloudflare's form of mail addresses."""


def is_link_list(element: Element, host: str) -> bool:
    """Return whether ``element`` contains only links to other articles of the same outlet.

    ``host`` is the outlet's, or empty.
    """
    links = [node for node in iter_elements(element) if node.name == "a"]
    if len(links) < (1 if element.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += (host != "" and url_host(address) == host) or not _ABSOLUTE_ADDRESS.match(address)
    if inside * 5 < len(links) * 4:
        return False
    total = len(comparison_key("".join(iter_text(element, limit=4 * MAX_NODES))))
    plain = len(comparison_key("".join(iter_text(element, limit=4 * MAX_NODES, links=False))))
    return plain * 5 <= total
